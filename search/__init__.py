"""One file per question asked of an index."""
