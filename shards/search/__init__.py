"""Questions about a snapshot: what looks like this, and what looks alike."""
