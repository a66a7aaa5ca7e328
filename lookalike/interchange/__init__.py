"""Interchange: records from other systems into an index, and out of it again."""
