"""Notes of copies: what an index was copied from. They lie beside `index.json`, in `copies/<id of the copy>/`.

The first one is there before any object of the copy, so that a copy that was interrupted is found again. Then there is
one for each manifest that a copy made, named by it. A manifest without one was made by somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass

from shards.errors import CorruptObject, ObjectNotFound
from shards.storage.base import Store
from shards.storage.deciding import write_once
from shards.storage.effects import Effects
from shards.table.format import envelope, names, whole
from shards.table.format.manifest import Manifest

BEGUN = "begun.json"


@dataclass(frozen=True, slots=True)
class Begun:
    """The note of a copy that has begun, whether or not it has ended."""

    id: str
    """The id that the copy has, or will have."""

    source: str
    """What is copied: the id of the index; of one in format 1, which has none, its address."""

    replaces: str
    """The id of the index that the copy is to replace; "" where there was none, "1" for one in format 1."""


def begun_name(index: str) -> str:
    """Return the name of the note that the copy with this id has begun."""
    return f"{names.COPIES}{index}/{BEGUN}"


def made_name(manifest: Manifest) -> str:
    """Return the name of the note that a copy made this manifest."""
    return f"{names.COPIES}{manifest.index}/{_number(names.manifest(manifest.version))}-{manifest.commit_id}.json"


def write_begun(store: Store, effects: Effects, begun: Begun) -> None:
    """Note that a copy begins."""
    body = {"format": 2, "id": begun.id, "source": begun.source, "replaces": begun.replaces}
    write_once(store, effects, begun_name(begun.id), envelope.seal(body))


def read_begun(store: Store, index: str) -> Begun | None:
    """Return the note of the copy with this id; None where nothing was copied. Raises CorruptObject."""
    name = begun_name(index)
    document = _read(store, name)
    return (
        None if document is None else Begun(index, _text(document, "source", name), _text(document, "replaces", name))
    )


def all_begun(store: Store, needed: str = "") -> list[Begun]:
    """Return the notes of all copies that began in this store, but for damaged ones.

    Raises CorruptObject only where that of the copy with the id `needed` is damaged.
    """
    listed = (entry.name.removeprefix(names.COPIES).split("/") for entry in store.list(names.COPIES))
    all_of_them: list[Begun] = []
    for index in [parts[0] for parts in listed if parts[1:] == [BEGUN] and names.is_id(parts[0])]:
        try:
            begun = read_begun(store, index)
        except CorruptObject as error:
            if index == needed:
                raise CorruptObject(error.name, f"{error.problem}; say --replace to copy everything anew") from None
        else:
            all_of_them += [] if begun is None else [begun]
    return all_of_them


def write_made(store: Store, effects: Effects, manifest: Manifest, state: str) -> None:
    """Note that a copy makes this manifest. `state`: digest of what is copied."""
    write_once(store, effects, made_name(manifest), envelope.seal({"format": 2, "state": state}))


def read_made(store: Store, manifest: Manifest) -> str | None:
    """Return the digest of what was copied by this manifest; None where no copy made it. Raises CorruptObject."""
    name = made_name(manifest)
    document = _read(store, name)
    return None if document is None else _text(document, "state", name)


def forget(store: Store, index: str, oldest: str) -> None:
    """Delete the notes of manifests of this copy that are older than its oldest manifest, the object of this name.

    Those of later ones stay: another copying may be about to create its manifest.
    """
    prefix = f"{names.COPIES}{index}/"
    # the digits fall as versions rise
    after = f"{prefix}{_number(oldest)}.json"
    listed = (entry.name for entry in store.list(prefix, after=after) if names.is_own(entry.name))
    store.delete([name for name in listed if name != begun_name(index)])


def _number(name: str) -> str:
    """Return the digits in a manifest's name."""
    return name.removeprefix(names.MANIFEST).removesuffix(".json")


def _read(store: Store, name: str) -> dict[str, object] | None:
    try:
        return envelope.unseal(whole.get(store, name), name)
    except ObjectNotFound:
        return None


def _text(document: dict[str, object], field: str, name: str) -> str:
    text = document.get(field)
    if not isinstance(text, str):
        raise CorruptObject(name, f"its {field} is {text!r:.100}, and should be a text")
    return text
