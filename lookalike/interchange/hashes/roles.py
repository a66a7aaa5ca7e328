"""Which columns of a list are keys, hashes and metadata."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lookalike.interchange.hashes.forms import Form, HashReader, are_rounded, form_of
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.stored import RowUnfit
from shards.errors import DumpUnreadable, QueryError
from shards.families import family, names
from shards.families.hashes import Pdq
from shards.families.hashes.hamming import HammingFamily

_PLACES = "path file filename file_name filepath file_path image image_path name url uri id image_id post_id md5 sha256"
KEYS = (("key",), tuple(_PLACES.split()))
"""Names of columns that may be keys, in groups: one of the first group that is there. Two of a group are ambiguous."""

HASH = "hash"
QUALITY = "quality"

MAX_COLUMNS = 1000

NUMBER = re.compile(r"-?[0-9]{1,20}")
"""A `bigint` as PostgreSQL writes it."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a list are for."""

    key: str | None
    """The column that becomes the key; None where the hash is its own key."""

    hashes: Mapping[str, HashReader]
    """The columns with hashes, and how to read them; each of another family."""

    quality: str | None = None
    """The column with the quality of PDQ hashes."""

    is_from_postgres: bool = False
    """Whether this is a table of PostgreSQL: numbers of 64 bits in a column `hash`, and nothing that says their kind.
    An empty cell is NULL there."""


def hash_family(name: str) -> HammingFamily | None:
    """Return the family of hashes that a column's name says; None where it says none."""
    try:
        found = family(name.strip().lower().replace("-", "_"))
    except QueryError:
        return None
    return found if isinstance(found, HammingFamily) else None


def asked_family(name: str, where: str) -> HammingFamily:
    """Return the family of hashes that `--family` names. Raises DumpUnreadable."""
    try:
        found = family(name)
    except QueryError as error:
        raise DumpUnreadable(f"{where}: {error}") from None
    if not isinstance(found, HammingFamily):
        listed = ", ".join(name for name in names() if hash_family(name))
        raise DumpUnreadable(f"{where}: a list has hashes, and {found.name} are none: --family is one of {listed}")
    return found


def choose(columns: Sequence[str], sample: Mapping[str, Sequence[str]], options: DumpOptions, where: str) -> Roles:
    """Return what the columns are for. `sample`: some values of each. Raises DumpUnreadable where it is not clear."""
    if len(columns) > MAX_COLUMNS:
        raise DumpUnreadable(f"{where}: {len(columns):,} columns are no list of hashes; {MAX_COLUMNS:,} can be read")
    for option, name in (("--key", options.key), ("--hash", options.hash)):
        if name is not None and name not in columns:
            raise DumpUnreadable(f"{where}: no column is called {name}, as {option} says; there are {_listed(columns)}")
    numbers = _numbers(columns, sample, options)
    chosen = {numbers: asked_family("dhash", where)} if numbers else _hash_columns(columns, sample, options, where)
    readers = {
        column: HashReader(
            kind,
            _form(kind, sample[column], options, f"{where}: column {column}", "integers" if numbers else "hex"),
        )
        for column, kind in chosen.items()
    }
    others = [column for column in columns if column not in chosen]
    is_pdq = any(isinstance(kind, Pdq) for kind in chosen.values())
    quality = next((column for column in others if is_pdq and column.strip().lower() == QUALITY), None)
    usual = "id" if numbers and "id" in others else None
    key = options.key or usual or _key([column for column in others if column != quality], where)
    return Roles(key, readers, quality, is_from_postgres=numbers is not None)


def _numbers(columns: Sequence[str], sample: Mapping[str, Sequence[str]], options: DumpOptions) -> str | None:
    """Return the column of numbers that a table of PostgreSQL has for hashes; None where this seems to be none."""
    found = [column for column in columns if column == (options.hash or HASH)]
    if options.family is not None or len(found) != 1 or any(map(hash_family, columns)):
        return None
    values = sample[found[0]]
    # a bad one among them is refused by its line
    return found[0] if 2 * sum(NUMBER.fullmatch(text) is not None for text in values) > len(values) else None


def _hash_columns(
    columns: Sequence[str], sample: Mapping[str, Sequence[str]], options: DumpOptions, where: str
) -> dict[str, HammingFamily]:
    named = {column: kind for column in columns if (kind := hash_family(column)) and column != options.key}
    if options.family is None:
        found = named if options.hash is None else {c: kind for c, kind in named.items() if c == options.hash}
        if not found:
            raise DumpUnreadable(
                f"{where}: nothing says what kind of hashes these are: name it with --family, such as --family phash"
            )
        if len({kind.name for kind in found.values()}) < len(found):
            raise DumpUnreadable(f"{where}: two columns have hashes of one kind: choose one with --hash")
        return found
    kind = asked_family(options.family, where)
    if options.hash is not None:
        return {options.hash: kind}
    own = [column for column, other in named.items() if other.name == kind.name]
    usual = [column for column in columns if column.strip().lower() == HASH]
    seeming = [column for column in columns if column != options.key and _seems(kind, sample[column])]
    for candidates in (own, usual, seeming):
        if len(candidates) == 1:
            return {candidates[0]: kind}
        if candidates:
            break
    told = f"which of {_listed(candidates)} has" if candidates else f"none of {_listed(columns)} seems to have"
    raise DumpUnreadable(f"{where}: {told} hashes of {kind.name}: choose the column with --hash")


def _seems(kind: HammingFamily, values: Sequence[str]) -> bool:
    """Return whether most of these values are hashes of this kind."""
    try:
        form = form_of(kind, values)
    except RowUnfit:
        return True
    if form is None:
        return False
    reader = HashReader(kind, form)
    good = 0
    for text in values:
        try:
            reader.one(text)
            good += 1
        except RowUnfit:
            pass
    return 2 * good >= len(values)


def _form(kind: HammingFamily, values: Sequence[str], options: DumpOptions, where: str, usual: Form) -> Form:
    if options.hash_form is None:
        try:
            form = form_of(kind, values) or usual
        except RowUnfit as error:
            raise DumpUnreadable(f"{where}: {error}") from None
        if form == "integers" and are_rounded(values):
            raise DumpUnreadable(
                f"{where}: a spreadsheet has rounded all these numbers to 15 digits, and the hashes are lost: export "
                "the column as text where they come from"
            )
        return form
    if options.hash_form in ("signed", "unsigned") and kind.bits != 64:
        raise DumpUnreadable(f"{where}: a {kind.name} has {kind.bits} bits, and numbers have 64: leave --hash-form out")
    if options.hash_form == "imagehash3" and (kind.bits % 8 or isinstance(kind, Pdq)):
        raise DumpUnreadable(f"{where}: ImageHash below 4 wrote no {kind.name} that could be read again")
    return options.hash_form


def _key(others: Sequence[str], where: str) -> str | None:
    if len(others) <= 1:
        return others[0] if others else None
    for group in KEYS:
        found = [column for column in others if column.strip().lower().replace(" ", "_") in group]
        if len(found) == 1:
            return found[0]
        if found:
            others = found
            break
    raise DumpUnreadable(f"{where}: which of the columns {_listed(others)} is the key? Choose one with --key")


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(column[:60] for column in columns[:20])
    return shown + (", …" if len(columns) > 20 else "")
