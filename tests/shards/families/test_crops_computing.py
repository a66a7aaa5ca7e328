"""What crops stores of a picture: the golden bytes, on every CPU, in every thread, whatever was computed before."""

from __future__ import annotations

import json
import math
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from types import ModuleType

import numpy as np
import pytest
from numpy._core import _multiarray_umath
from numpy.typing import NDArray

from shards.families.crops import codes, compute, patches, pyramid
from shards.families.crops.row import QUESTION_ROW, STORED_ROW, features_of
from shards.pictures.decoding import Picture
from tests.shards.families.crops_golden import cases, golden, ours

VALUES = golden()

KINDS = ["demo", "painted", "noise", "real", "flat", "large"]

PROGRAM = """
import json
from itertools import islice
from tests.shards.families.crops_golden import cases, ours
print(json.dumps({name: ours(rgb) for name, rgb in islice(cases(), 8, 16)}))
"""

SIMD = [feature for feature in _multiarray_umath.__cpu_dispatch__ if _multiarray_umath.__cpu_features__[feature]]
"""Instructions that numpy has code for and this processor has, beyond those that numpy cannot do without."""

NEWEST = [feature for feature in SIMD if feature.startswith(("AVX512", "X86_V4"))]


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_have_the_golden_rows(kind: str) -> None:
    seen = 0
    for name, rgb in cases():
        if name.startswith(kind):
            assert ours(rgb) == VALUES[name], name
            seen += 1
    assert seen == sum(name.startswith(kind) for name in VALUES)


@pytest.mark.parametrize("disabled", [NEWEST, SIMD], ids=["the newest", "all"])
def test_rows_are_the_same_without_instructions_that_other_processors_lack(disabled: list[str]) -> None:
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(disabled)}
    said = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True)

    assert json.loads(said.stdout) == dict(islice(VALUES.items(), 8, 16))


def test_rows_are_the_same_in_several_threads_at_once() -> None:
    some = list(islice(cases(), 6, 18))
    begin = threading.Barrier(4)

    def compute_from(start: int) -> dict[str, list[str]]:
        begin.wait()
        return {name: ours(rgb) for name, rgb in (*some[start:], *some[:start])}

    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(compute_from, (0, 3, 6, 9)):
            assert found == {name: VALUES[name] for name, _ in some}


def test_rows_do_not_depend_on_the_pictures_before() -> None:
    some = list(islice(cases(), 8, 18))
    forwards = [ours(rgb) for _, rgb in some]
    backwards = [ours(rgb) for _, rgb in reversed(some)]

    assert forwards == backwards[::-1]


@pytest.mark.parametrize("order", ["Fortran", "reversed", "read-only"])
def test_rows_do_not_depend_on_how_pixels_lie_in_memory(order: str) -> None:
    name, rgb = next(cases())
    laid_out: NDArray[np.uint8] = {
        "Fortran": np.asfortranarray(rgb),
        "reversed": np.ascontiguousarray(rgb[::-1, ::-1])[::-1, ::-1],
        "read-only": rgb.copy(),
    }[order]
    laid_out.flags.writeable = False

    assert ours(laid_out) == VALUES[name]


def test_what_is_returned_is_not_memory_that_is_used_again() -> None:
    (_, first), (_, second) = islice(cases(), 2)
    row, questions = compute.signature_and_questions(Picture(first))
    before = row.tobytes() + questions.tobytes()
    compute.signature_and_questions(Picture(second))

    assert row.tobytes() + questions.tobytes() == before


def test_a_question_is_the_pictures_own_row_and_one_of_more_features() -> None:
    _, rgb = next(cases())
    row, (own, more) = compute.signature_and_questions(Picture(rgb))

    assert (row.dtype, own.dtype, more.dtype) == (STORED_ROW, QUESTION_ROW, QUESTION_ROW)
    assert features_of(own).tobytes() == features_of(row).tobytes()
    assert (len(features_of(row)), len(features_of(more))) == (48, 500)
    assert int(own["width"]) * int(own["height"]) == 90_000
    assert int(more["width"]) * int(more["height"]) == 250_000
    assert compute.questions(Picture(rgb)).tobytes() == own.tobytes() + more.tobytes()
    assert compute.signature(Picture(rgb)).tobytes() == row.tobytes()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 5000), (5000, 1), (7, 7), (15, 40_000), (300_000, 20)])
def test_a_picture_of_too_few_lines_has_no_features(width: int, height: int) -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    row, questions = compute.signature_and_questions(Picture(rgb))

    assert row["count"] == 0
    assert questions["count"].tolist() == [0, 0]
    assert row.tobytes()[5:].strip(b"\0") == b""


@pytest.mark.parametrize("towards", [-math.inf, math.inf])
@pytest.mark.parametrize("module", [codes, patches, pyramid])
def test_constants_do_not_depend_on_the_last_bits_of_a_library_of_mathematics(
    module: ModuleType, towards: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cos", "sin", "exp"):
        monkeypatch.setattr(math, name, _off(getattr(math, name), towards))

    others = runpy.run_path(str(module.__file__))

    arrays = [name for name, value in vars(module).items() if name.isupper() and isinstance(value, np.ndarray | list)]
    assert arrays
    for name in arrays:
        theirs, here = others[name], getattr(module, name)
        assert all(np.array_equal(one, other) for one, other in zip(theirs, here, strict=True)), name


def _off(function: Callable[[float], float], towards: float) -> Callable[[float], float]:
    """Return the function with results that are two last bits away from the true ones."""
    return lambda value: math.nextafter(math.nextafter(function(value), towards), towards)


def test_the_matrix_is_symmetric() -> None:
    matrix = codes.MATRIX.reshape(64, 12, 12)

    assert (np.abs(matrix) == np.abs(matrix[:, ::-1])).all()
    assert (np.abs(matrix) == np.abs(matrix[:, :, ::-1])).all()
    assert np.abs(matrix).max() == 127
