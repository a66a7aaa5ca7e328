"""Output of the commands: tables, JSON lines, progress bars, and pages."""
