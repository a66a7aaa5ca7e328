"""Where segments are scanned: in this process, or by workers."""
