"""Types of columns, in npy headers and in manifests."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from shards.families import family, names
from shards.table.format import dtypes

GOOD = [np.dtype("u1"), np.dtype("<u4"), np.dtype("<f8"), np.dtype("S16"), np.dtype("?")]
RECORDS = [np.dtype([("a", "<u8")]), np.dtype([("avgl", "<f8", (3,)), ("sig", "<i2", (3, 40)), ("q", "u1")])]


def header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    return file.getvalue()[10:].decode()


@pytest.mark.parametrize("dtype", [*GOOD, *RECORDS], ids=str)
@pytest.mark.parametrize("shape", [(0,), (7,), (3, 40), (1, 2, 3, 4)])
def test_what_numpy_writes_is_read_as_numpy_reads_it(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    assert dtypes.from_header(header(dtype, shape)) == (dtype, shape)


def test_the_rows_of_every_family_can_be_read() -> None:
    for name in names():
        dtype = family(name).dtype
        assert dtypes.from_header(header(dtype, (5,))) == (dtype, (5,))


HEADERS = {
    "objects": header(np.dtype("O"), (1,)),
    "big-endian": header(np.dtype(">u4"), (1,)),
    "fortran": header(np.dtype("<u4"), (1,)).replace("False", "True"),
    "code": "{'descr': __import__('os').getpid(), 'fortran_order': False, 'shape': (1,), }\n",
    "nested": "{'descr': " + "[" * 3000 + "]" * 3000 + ", 'fortran_order': False, 'shape': (1,), }\n",
    "negative": "{'descr': '<u4', 'fortran_order': False, 'shape': (-1,), }\n",
    "huge": "{'descr': '<u4', 'fortran_order': False, 'shape': (9999999999999, 9999999999999), }\n",
    "octal": "{'descr': '<u4', 'fortran_order': False, 'shape': (007,), }\n",
    "no shape": "{'descr': '<u4', 'fortran_order': False, 'shape': (), }\n",
    "two of one name": "{'descr': [('a', '<u4'), ('a', '<u4')], 'fortran_order': False, 'shape': (1,), }\n",
    "a wide row": "{'descr': [('a', '<u8', (9999, 9999))], 'fortran_order': False, 'shape': (1,), }\n",
    "a field of nothing": "{'descr': [('a', '<u8', (0,))], 'fortran_order': False, 'shape': (1,), }\n",
    "no line end": "{'descr': '<u4', 'fortran_order': False, 'shape': (1,), }",
    "empty": "",
}


@pytest.mark.parametrize("text", HEADERS.values(), ids=HEADERS)
def test_any_other_header_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the reader's
        dtypes.from_header(text)


DOCUMENTS: list[object] = [
    "O",
    ">u4",
    "<u9",
    "datetime64",
    4,
    None,
    {},
    [],
    [[]],
    [["a"]],
    [["a", "<u4", [0]]],
    [["a", "<u4", 3]],
]
DOCUMENTS += [
    [["a b", "<u4"]],
    [["a", "<u4"], ["a", "<u4"]],
    [["a", "<u4"]] * 65,
    [["a", [["b", "<u4"]]]],
    [["a", "<u8", [99999]]],
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=repr)
def test_any_other_description_in_a_manifest_is_refused(document: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        dtypes.from_json(document)


@pytest.mark.parametrize("shape", [None, [], [1.0], [True], [-1], ["1"], [1 << 41], [1 << 30, 1 << 30], [1] * 5])
def test_any_other_shape_in_a_manifest_is_refused(shape: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        dtypes.shape_from_json(shape)
