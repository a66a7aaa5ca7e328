"""What a user may say about a dump that its content does not."""

from __future__ import annotations

from dataclasses import dataclass, fields

from shards.errors import DumpUnreadable
from shards.hash_forms import HashForm

__all__ = ["DumpOptions", "HashForm"]


@dataclass(frozen=True, slots=True)
class DumpOptions:
    """Options of reading a dump; None for what its content tells."""

    family: str | None = None
    """The family of the signatures."""

    table: str | None = None
    """The table to read, where a dump has several."""

    key: str | None = None
    """The column or field that becomes the key."""

    hash: str | None = None
    """The column or field with the signature."""

    columns: tuple[str, ...] | None = None
    """The names of the columns, where the file has no header."""

    null: str | None = None
    """The word that stands for no value."""

    hash_form: HashForm | None = None
    """How hashes are written."""

    def check(self, name: str, what: str, *meant: str) -> None:
        """Raise DumpUnreadable where an option is given that is none of those meant for this kind of dump.

        An option that is not heard would let people believe that it was. `name`: that of the file; `what`: the kind.
        """
        for field in fields(self):
            if field.name not in meant and getattr(self, field.name) is not None:
                option = f"--{field.name.replace('_', '-')}"
                raise DumpUnreadable(f"{name}: {what} has no use for {option}: leave it out")
