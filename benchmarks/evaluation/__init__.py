"""The pictures by which `lookalike evaluate` measures what docs/evaluation.md states, made by one command."""
