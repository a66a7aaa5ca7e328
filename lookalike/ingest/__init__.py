"""What is to be added to an index: where it is found, what of it is new, and how it gets there."""
