"""What lies in the store, byte by byte: docs/format.md is the contract."""
