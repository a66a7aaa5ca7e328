"""What every request passes: limits, tokens, connections, and how an error is told."""
