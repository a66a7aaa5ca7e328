"""What lies in the store, and the only code that may change it: docs/format.md, docs/protocol.md."""
