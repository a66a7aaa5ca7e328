"""All schedules of a few processes: what each does next is kept as a tree, so a schedule costs next to nothing."""
