"""Pictures fetched from addresses that clients give, and from nowhere else."""
