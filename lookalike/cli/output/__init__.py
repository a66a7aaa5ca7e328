"""What commands print: tables, JSON lines, progress, and pages."""
