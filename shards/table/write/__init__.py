"""Writing: from fresh records to the next manifest."""
