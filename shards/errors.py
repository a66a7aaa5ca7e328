"""Every error that leaves this package.

    LookalikeError
    ├── PictureError          these bytes are no picture we can sign
    ├── SigningFailed         no process could be started to sign in
    ├── SignatureError        this text is no signature of that family
    ├── QueryError            the question cannot be asked of this index
    ├── KeyInvalid            no image can have this key
    ├── KeyNotFound           no image of the index has this key
    ├── IndexNotFound         nothing at this address is an index
    ├── IndexExists           an index is there already
    ├── FormatUnsupported     written by a version of lookalike that this one does not know
    ├── CorruptObject         bytes in the store are not the bytes that were written
    └── StorageError          the store did not do what it was asked
        ├── ObjectNotFound    no object of this name (a reader starts again from a new snapshot)
        ├── Conflict          other writers won every race for the next manifest
        └── Undecided         the store gave up half way: it may or may not have happened; try again

A message says which key or object, what was wrong, and what to do.
"""


class LookalikeError(Exception):
    """Whatever lookalike raises on purpose."""


class PictureError(LookalikeError):
    """Bytes that cannot be signed: `reason` is one word for programs, the message is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["PictureError"], tuple[str, str]]:
        # crosses process boundaries: the signing pool raises it
        return type(self), (self.reason, str(self))


class SigningFailed(LookalikeError):
    """Pictures cannot be signed here now, whatever they are. Trying again is safe."""


class SignatureError(LookalikeError):
    """Text or values that are no signature of the family they were given for."""


class QueryError(LookalikeError):
    """A question that this index cannot answer: an unknown family, a limit below 1, a bad filter."""


class KeyInvalid(LookalikeError):
    """A key is UTF-8 text of 1 to 1,024 bytes."""


class KeyNotFound(LookalikeError):
    """No live image has this key."""

    def __init__(self, key: str, index: str) -> None:
        super().__init__(f"no image {key!r} in {index}")
        self.key = key


class IndexNotFound(LookalikeError):
    """There is no index at this address."""


class IndexExists(LookalikeError):
    """An index exists at this address already."""


class FormatUnsupported(LookalikeError):
    """An object or a family of a format version that this release cannot read."""


class CorruptObject(LookalikeError):
    """An object whose bytes are not those that were written."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}; run 'lookalike verify' and restore the object from a copy")
        self.name = name
        self.problem = problem


class StorageError(LookalikeError):
    """The store refused or failed."""


class ObjectNotFound(StorageError):
    """No object has this name."""

    def __init__(self, name: str, store: str) -> None:
        super().__init__(f"{name}: no such object in {store}")
        self.name = name


class Conflict(StorageError):
    """Other writers won every race for the next manifest. Nothing was changed; trying again is safe."""


class Undecided(StorageError):
    """The store could not say whether it happened (409, 5xx, a broken connection). Trying again is safe."""
