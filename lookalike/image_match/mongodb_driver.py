"""The driver for MongoDB, which is not supported."""

from __future__ import annotations

from typing import Any, NoReturn


class SignatureMongo:
    """A name that programs may import, and cannot use: there is no driver for MongoDB."""

    def __init__(self, collection: Any = None, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise NotImplementedError, which says what to use instead."""
        raise NotImplementedError(
            "SignatureMongo is not supported (the original cannot be imported on Python 3, either): export the"
            " collection with mongoexport, import it with 'lookalike import photos.index FILE', and use"
            ' SignatureES("photos.index"), which has the same methods'
        )
