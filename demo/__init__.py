"""What `make demo` runs: edited copies of real pictures, looked up in an index of the originals."""
