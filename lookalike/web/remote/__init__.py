"""Fetching of pictures from public addresses that clients give."""
