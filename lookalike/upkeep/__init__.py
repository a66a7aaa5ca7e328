"""When an index is folded, merged and collected."""
