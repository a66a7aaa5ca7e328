"""Maintenance: folding, merging, resharding, collecting and verifying."""
