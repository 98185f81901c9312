"""Retrieval sets, systems under test, measures and run files."""
