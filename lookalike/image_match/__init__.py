"""The Python API of image-match, over an index."""
