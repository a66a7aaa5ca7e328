"""Measuring what is found: copies of your own pictures are asked for, and what scores how much is counted."""
