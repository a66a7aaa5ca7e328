"""Dumps of PostgreSQL, such as the one of the "reverse Wikipedia": a table of keys, 64-bit hashes and URLs."""
