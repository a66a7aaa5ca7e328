"""Exports: all that an index knows of its images, as files of other programs."""
