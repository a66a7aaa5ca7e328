"""HTTP itself: limits, tokens, connections, and errors as problem documents."""
