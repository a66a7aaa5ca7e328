"""What the command line itself will not do."""

from shards.errors import LookalikeError


class RefusedError(LookalikeError):
    """A command that cannot be done as it was given, or only with `--force`."""
