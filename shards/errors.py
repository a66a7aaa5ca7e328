"""Errors that lookalike raises on purpose. All of them can be imported from `lookalike`.

    LookalikeError
    ├── PictureError          no signatures can be computed of these bytes
    ├── WorkerNotStarted      no process could be started to compute signatures in
    ├── PoolBusy              too many pictures wait for a process already
    ├── SignatureError        this text is no signature of that family
    ├── QueryError            the question cannot be asked of this index
    ├── DumpUnreadable        a file that nothing can be imported from
    ├── KeyInvalid            no image can have this key
    ├── KeyNotFound           no image of the index has this key
    ├── IndexNotFound         nothing at this address is an index
    ├── IndexExists           an index is there already
    ├── FormatUnsupported     written by a version of lookalike that this one does not know
    ├── CorruptObject         bytes in the store are not the bytes that were written
    └── StorageError          the store did not do what it was asked
        ├── ObjectNotFound    no object of this name (a reader starts again from a new snapshot)
        ├── StoreUnfit        the store does not keep a promise that an index rests on
        ├── IndexReplaced     another index is at this place now (an open one starts anew with it)
        ├── Conflict          other writers won every race for the next manifest
        └── Undecided         the store gave up half way: it may or may not have happened; try again

A message says which key or object, what was wrong, and what to do.
"""


class LookalikeError(Exception):
    """The base of every error that is raised on purpose."""


class PictureError(LookalikeError):
    """Bytes of which no signatures can be computed."""

    reason: str
    """One word for programs, such as "truncated"; the message is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["PictureError"], tuple[str, str]]:
        # crosses process boundaries: the workers of a pool answer with it
        return type(self), (self.reason, str(self))


class WorkerNotStarted(LookalikeError):
    """No process could be started to compute signatures in, whatever the picture. Trying again is safe."""


class PoolBusy(LookalikeError):
    """A picture that was not taken, because too many wait already. Trying again is safe."""

    def __init__(self, message: str, retry_after: int, *, is_callers: bool) -> None:
        """`retry_after`: seconds by which there should be room. `is_callers`: it is the caller's own that wait."""
        super().__init__(message)
        self.retry_after = retry_after
        self.is_callers = is_callers


class SignatureError(LookalikeError):
    """Text or values that are no signature of the family for which they were given."""


class QueryError(LookalikeError):
    """A question that this index cannot answer: an unknown family, a limit below 1, a bad filter."""


class DumpUnreadable(LookalikeError):
    """A file that nothing can be imported from: of another kind, damaged from its beginning, or with wrong options."""


class KeyInvalid(LookalikeError):
    """A key that no image can have: keys are UTF-8 text of 1 to 1,024 bytes."""


class KeyNotFound(LookalikeError):
    """A key that no live image of the index has."""

    def __init__(self, key: str, index: str) -> None:
        super().__init__(f"no image {key!r} in {index}")
        self.key = key


class IndexNotFound(LookalikeError):
    """An address where there is no index."""


class IndexExists(LookalikeError):
    """An address where there is an index already."""


class FormatUnsupported(LookalikeError):
    """An object or a family of a format version that this release cannot read."""


class CorruptObject(LookalikeError):
    """An object whose bytes are not those that were written."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}; run 'lookalike verify --repair', or restore it from a copy")
        self.name = name
        self.problem = problem


class StorageError(LookalikeError):
    """A store that refused or failed."""


class ObjectNotFound(StorageError):
    """A name that no object of the store has."""

    def __init__(self, name: str, store: str) -> None:
        super().__init__(f"{name}: no such object in {store}")
        self.name = name


class StoreUnfit(StorageError):
    """A store that creates what is there already, or does not list what was created: no index is safe in it."""


class IndexReplaced(StorageError):
    """A place where another index is now than the one that was opened."""

    def __init__(self, store: str) -> None:
        super().__init__(f"{store}: the index was replaced by another one meanwhile; open it again")


class Conflict(StorageError):
    """A commit for which other writers won every race. Nothing was changed; trying again is safe."""


class Undecided(StorageError):
    """A request that the store may or may not have done (409, 5xx, a broken connection). Trying again is safe."""
