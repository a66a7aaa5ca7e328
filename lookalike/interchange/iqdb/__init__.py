"""Databases of IQDB: those of its successors in SQLite, and the file of IQDB 0.9 itself."""

from lookalike.interchange.iqdb.iqdb import Iqdb

__all__ = ["Iqdb"]
