"""The program of `make demo`: searches for edited copies of real pictures in an index of the originals."""
