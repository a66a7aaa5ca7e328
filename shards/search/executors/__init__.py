"""Executors: they scan the sources of a query in this process, or have workers do it."""
