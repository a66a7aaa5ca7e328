"""CSV and JSON lines: every family as text, and all metadata. `lookalike import` reads both back as they were."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from lookalike.interchange.exports.export import Export
from shards.families import family
from shards.table.format.records import Record

WHOLE = 1 << 16
"""Characters that are gathered before they are written."""


def jsonl(export: Export) -> None:
    """Write one JSON object an image: key, signatures, and whatever else is known."""
    kinds = [family(name) for name in export.families]
    with export.stream() as file:
        for record in export.records():
            document: dict[str, Any] = {
                "key": record.key,
                "signatures": {kind.name: kind.format(_rows(record)[kind.name]) for kind in kinds},
            }
            if record.width or record.height:
                document |= {"width": record.width, "height": record.height}
            if any(record.sha256):
                document["sha256"] = record.sha256.hex()
            document |= {name: part for name, part in (("meta", record.meta), ("source", record.source)) if part}
            file.write(json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            export.rows += 1


def comma_separated(export: Export) -> None:
    """Write a line an image: key, a column for each family, width, height, SHA-256, and metadata as JSON."""
    kinds = [family(name) for name in export.families]
    text = io.StringIO()
    # characters of the end of a line are put into quotes: before Python 3.13 a carriage return only so
    lines = csv.writer(text, lineterminator="\r\n")

    def write(cells: list[Any]) -> None:
        lines.writerow(cells)
        text.seek(text.tell() - 2)
        text.write("\n")
        text.truncate()

    write(["key", *(kind.name for kind in kinds), "width", "height", "sha256", "meta"])
    with export.stream() as file:
        for record in export.records():
            meta = json.dumps(record.meta, ensure_ascii=False, separators=(",", ":")) if record.meta else ""
            signatures = [kind.format(_rows(record)[kind.name]) for kind in kinds]
            digest = record.sha256.hex() if any(record.sha256) else ""
            write([record.key, *signatures, record.width or "", record.height or "", digest, meta])
            export.rows += 1
            if text.tell() > WHOLE:
                file.write(text.getvalue().encode())
                text.seek(0)
                text.truncate()
        file.write(text.getvalue().encode())


def _rows(record: Record) -> Any:
    return record.rows
