"""Keeping an index in order: it is folded, merged and collected in time."""
