"""Adding to an index: originals are found, compared with what the index has, read, and written as records."""
