"""glassdex: search and analysis of text whose every dimension can be read."""

__version__ = "0.1.0"
