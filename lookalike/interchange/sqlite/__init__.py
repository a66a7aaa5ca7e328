"""SQLite databases as sources: opened without a trace, and read as far as they can be read."""

from lookalike.interchange.sqlite.database import MAGIC, Database, Table
from lookalike.interchange.sqlite.scan import Scan

__all__ = ["MAGIC", "Database", "Scan", "Table"]
