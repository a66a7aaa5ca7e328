"""The table: the objects of an index, and the only code that may change them (docs/format.md, docs/protocol.md)."""
