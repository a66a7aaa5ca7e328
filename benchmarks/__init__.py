"""Benchmarks: `make bench` prints one table; every row is a ratio against a baseline measured in the same run."""

import os

for _library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR"):
    # before numpy and FAISS are imported: one core against one core; `measure.seconds` checks that it is so
    os.environ[f"{_library}_NUM_THREADS"] = "1"
