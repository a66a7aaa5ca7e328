"""The format: every object of an index, byte by byte. docs/format.md is the contract."""
