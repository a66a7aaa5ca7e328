"""The error of a command that was not given as it has to be."""

from shards.errors import LookalikeError


class RefusedError(LookalikeError):
    """A command that cannot be done as it was given, or only with `--force`."""
