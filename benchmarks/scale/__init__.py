"""What an index of a billion images would do and cost: the real planner, fold and merges, in a model of S3 and Lambda.

Segments here have everything but their bytes: real `Segment` objects in a real `Manifest`, with columns as large as
those of real segments are. What decides (which segments are merged, what a lookup reads, who scans what, who loses the
race for a manifest) is the code of `shards`; what takes time and money is in `cloud.py` and `prices.py`.
"""
