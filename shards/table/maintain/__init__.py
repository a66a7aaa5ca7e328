"""Folding, merging, resharding, collecting and verifying."""
