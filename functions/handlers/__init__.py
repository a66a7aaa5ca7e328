"""Handlers of Lambda functions, one a file: wiring only."""
