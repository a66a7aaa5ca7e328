"""Sources of an import, as a user names them: a file, standard input, or the address of a server."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from lookalike.interchange.addresses import HTTP, without_password
from lookalike.interchange.documents import DocumentsDump
from lookalike.interchange.dump import Dump
from lookalike.interchange.file import DumpFile
from lookalike.interchange.kinds import open_dump
from lookalike.interchange.options import DumpOptions
from lookalike.interchange.postgres.live import SCHEMES, PostgresTable
from shards.errors import DumpUnreadable


class Source:
    """One source. A context manager: on leaving, what was unpacked is deleted."""

    def __init__(self, given: str, options: DumpOptions, kind: str | None = None) -> None:
        """Use what a user gave: a path, `-`, or an address. `kind`: what it is; seen from its content if None.

        Raises DumpUnreadable.
        """
        self._options = options
        self._kind = kind
        self._address = given if given.startswith((*SCHEMES, *HTTP)) else None
        if self._address is not None:
            of = PostgresTable.kind if given.startswith(SCHEMES) else DocumentsDump.kind
            if kind not in (None, of):
                system = "PostgreSQL" if given.startswith(SCHEMES) else "Elasticsearch"
                raise DumpUnreadable(f"{given.partition('://')[0]}://… is an address of {system}, not of {kind}")
        self._file = None if self._address is not None else DumpFile.given(given)
        self.name = without_password(given) if self._file is None else self._file.name
        """What messages call it."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def open(self) -> Dump:
        """Open what is there, anew each time. Raises DumpUnreadable."""
        if self._file is not None:
            return open_dump(self._file, self._options, self._kind)
        address = self._address or ""
        if address.startswith(SCHEMES):
            return PostgresTable.open(address, self._options)
        # no other source needs an HTTP client
        from lookalike.interchange.documents.live import ElasticsearchIndex

        return ElasticsearchIndex.open(address, self._options)

    def content(self, prefix: str = "", strip_prefix: str = "") -> str | None:
        """Return the name of what an import of it brings: 32 hex digits of all that decides about records.

        None for a server, whose rows change.
        """
        if self._file is None:
            return None
        told = json.dumps([self._file.digest(), asdict(self._options), prefix, strip_prefix], sort_keys=True)
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
