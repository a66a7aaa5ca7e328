"""Benchmarks: `make bench` prints one table; every row is a ratio against a baseline measured in the same run."""

import os

for _library in ("OMP", "OPENBLAS", "MKL"):
    # before numpy is imported: one core against one core
    os.environ[f"{_library}_NUM_THREADS"] = "1"
