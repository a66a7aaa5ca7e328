"""From a store to a snapshot: log, manifest, segments, caches."""
