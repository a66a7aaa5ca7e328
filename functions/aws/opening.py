"""How a function comes to its index: the first of all makes it, so that deploying is enough."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeVar

from functions.aws.counted import Counted
from functions.aws.settings import Settings
from lookalike.index import Index
from shards.errors import IndexExists, IndexNotFound
from shards.storage import open_store

Kind = TypeVar("Kind", bound=Index)


def open_index(kind: type[Kind], store: Counted, settings: Settings, **options: Any) -> Kind:
    """The index in this store, made where there is none. `options`: more of `Index.open`."""
    try:
        return kind.open(store, memory=settings.memory, **options)
    except IndexNotFound:
        with suppress(IndexExists):  # another function was faster
            Index.create(
                store,
                families=settings.families,
                shards=settings.shards,
                segment_rows=settings.segment_rows,
                thumbnails=settings.thumbnails,
            )
        return kind.open(store, memory=settings.memory, **options)


def existing_index(store: Counted, settings: Settings) -> Index | None:
    """The index in this store, for who only reads; None where there is none."""
    try:
        return Index.open(store, memory=settings.memory)
    except IndexNotFound:
        return None


def counted_store(settings: Settings) -> Counted:
    """Where the index is. Sends no request."""
    return Counted(open_store(settings.index))
