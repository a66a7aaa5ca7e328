"""Reading: from log, manifest, segments and caches to a snapshot."""
