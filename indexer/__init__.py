"""From sources to documents to encoded points in the store; every step can be repeated."""
