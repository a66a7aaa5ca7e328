"""What the formats promise, and the errors for data that breaks it or is of a later one."""

from __future__ import annotations

import re

import numpy as np
import pytest

from shards.errors import CorruptObject, FormatUnsupported, QueryError
from shards.table.format.layout import FORMATS, check_format, check_rows
from shards.table.format.records import Records
from tests.shards.table.synthetic import FAMILIES, put, records


def test_a_later_format_is_refused_by_name() -> None:
    for written in FORMATS:
        check_format({"format": written}, "index.json")
    with pytest.raises(FormatUnsupported, match=r"index\.json has format 3, this release reads formats 1 and 2"):
        check_format({"format": 3}, "index.json")


@pytest.mark.parametrize("written", [None, True, "1", 0, 1.5, [1]])
def test_what_is_no_format_is_refused_too(written: object) -> None:
    with pytest.raises(FormatUnsupported, match=r"index\.json has format"):
        check_format({"format": written}, "index.json")


def test_what_an_index_needs_of_its_readers_has_to_be_known() -> None:
    check_format({"format": 2, "needs": []}, "index.json")
    check_format({"format": 2, "unknown": 1}, "index.json")
    with pytest.raises(FormatUnsupported, match=r"index\.json needs \['packs'\], which this release does not know"):
        check_format({"format": 2, "needs": ["packs"]}, "index.json")
    with pytest.raises(CorruptObject, match="its needs are 7, and should be a list of names"):
        check_format({"format": 2, "needs": 7}, "index.json")


def test_a_record_has_one_row_of_each_family() -> None:
    check_rows("dhash", 3, 3)
    with pytest.raises(
        QueryError, match="column dhash has 6 rows for 3 records, and a record has one row of each family"
    ):
        check_rows("dhash", 6, 3)
    with pytest.raises(CorruptObject, match=re.escape("log/1.npz: column dhash has 6 rows for 3 records")):
        check_rows("dhash", 6, 3, "log/1.npz")


def test_stored_records_with_more_rows_than_records_are_refused() -> None:
    columns = dict(records(put("a", 1, 1), put("b", 2, 2)).columns())
    name = FAMILIES[0].name
    with pytest.raises(CorruptObject, match=f"log/1.npz: column {name} has 4 rows for 2 records"):
        Records.from_columns({**columns, name: np.repeat(columns[name], 2)}, FAMILIES, "log/1.npz")


@pytest.mark.parametrize("missing", ["key_hash", "meta.offsets", FAMILIES[0].name])
def test_stored_records_without_a_column_are_refused(missing: str) -> None:
    columns = dict(records(put("a", 1, 1)).columns())
    del columns[missing]
    with pytest.raises(CorruptObject, match=re.escape(f"log/1.npz: has no column {missing}")):
        Records.from_columns(columns, FAMILIES, "log/1.npz")
