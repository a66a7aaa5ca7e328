"""What crops stores of a picture: the golden bytes, on every CPU, in every thread, whatever was computed before."""

from __future__ import annotations

import json
import math
import os
import runpy
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
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
from shards.families.crops.scratch import KEPT, SCRATCH, Scratch
from shards.pictures.decoding import Picture
from tests.shards.families.crops_golden import DEMO, KINDS, SHAPES, Cases, demo, golden, ours, paintings

VALUES = golden()

PROGRAM = """
import json
from itertools import islice
from tests.shards.families.crops_golden import demo, ours, paintings
some = [*islice(demo(), 4), *islice(paintings(), 4)]
print(json.dumps({name: ours(rgb) for name, rgb in some}))
"""

SIMD = [feature for feature in _multiarray_umath.__cpu_dispatch__ if _multiarray_umath.__cpu_features__[feature]]
"""Instructions that numpy has code for and this processor has, beyond those that numpy cannot do without."""

NEWEST = [feature for feature in SIMD if feature.startswith(("AVX512", "X86_V4"))]


@pytest.mark.parametrize("cases", KINDS)
def test_pictures_have_the_golden_rows(cases: Callable[[], Cases]) -> None:
    for name, rgb in cases():
        assert ours(rgb) == VALUES[name], name


def test_every_golden_row_is_of_a_picture() -> None:
    # the names are those of the pictures above, which take a while to make
    assert Counter(name.split()[0] for name in VALUES) == {
        "demo": len(list(DEMO.glob("*.jpg"))),
        "painted": 25,
        "noise": len(SHAPES),
        "real": 26,
        "flat": 1,
        "large": 1,
    }


@pytest.mark.parametrize("disabled", [NEWEST, SIMD], ids=["the newest", "all"])
def test_rows_are_the_same_without_instructions_that_other_processors_lack(disabled: list[str]) -> None:
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(disabled)}
    said = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True)

    found = json.loads(said.stdout)
    assert len(found) == 8
    assert found == {name: VALUES[name] for name in found}


def test_rows_are_the_same_in_several_threads_at_once() -> None:
    some = [*islice(demo(), 6), *islice(paintings(), 6)]
    begin = threading.Barrier(4)

    def compute_from(start: int) -> dict[str, list[str]]:
        begin.wait()
        return {name: ours(rgb) for name, rgb in (*some[start:], *some[:start])}

    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(compute_from, (0, 3, 6, 9)):
            assert found == {name: VALUES[name] for name, _ in some}


def test_rows_do_not_depend_on_the_pictures_before() -> None:
    some = [*islice(demo(), 2), *islice(paintings(), 8)]
    forwards = [ours(rgb) for _, rgb in some]
    backwards = [ours(rgb) for _, rgb in reversed(some)]

    assert forwards == backwards[::-1]


@pytest.mark.parametrize("order", ["Fortran", "reversed", "read-only"])
def test_rows_do_not_depend_on_how_pixels_lie_in_memory(order: str) -> None:
    name, rgb = next(demo())
    laid_out: NDArray[np.uint8] = {
        "Fortran": np.asfortranarray(rgb),
        "reversed": np.ascontiguousarray(rgb[::-1, ::-1])[::-1, ::-1],
        "read-only": rgb.copy(),
    }[order]
    laid_out.flags.writeable = False

    assert ours(laid_out) == VALUES[name]


def test_what_is_returned_is_not_memory_that_is_used_again() -> None:
    (_, first), (_, second) = islice(demo(), 2)
    row, questions = compute.signature_and_questions(Picture(first))
    before = row.tobytes() + questions.tobytes()
    compute.signature_and_questions(Picture(second))

    assert row.tobytes() + questions.tobytes() == before


def test_a_question_is_the_pictures_own_row_and_one_of_more_features() -> None:
    _, rgb = next(demo())
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


@pytest.mark.parametrize(("height", "width"), [(5000, 6000), (400, 75_000), (75_000, 400)])
def test_a_huge_picture_needs_little_memory_besides_its_own(height: int, width: int) -> None:
    stripes = np.arange(width, dtype=np.uint8)[None, :, None]
    huge = Picture(np.broadcast_to(stripes, (height, width, 3)))
    compute.signature(huge)
    tracemalloc.start()
    try:
        compute.signature(huge)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # a thirtieth of the pixels; and what is used again besides
    assert peak < 3 << 20
    assert sum(array.nbytes for array in SCRATCH._kept.values()) < 32 << 20


def test_memory_is_used_again_in_the_same_thread_alone() -> None:
    scratch = Scratch()
    first = scratch.array("lines", (3, 4), np.float32)
    first[:] = 7

    assert np.shares_memory(scratch.array("lines", (2, 2), np.uint8), first)
    assert not np.shares_memory(scratch.array("columns", (3, 4), np.float32), first)
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(scratch.array, "lines", (3, 4), np.float32).result()
    assert not np.shares_memory(other, first)


def test_memory_for_an_unusual_picture_is_not_kept() -> None:
    scratch = Scratch()
    scratch.array("lines", (KEPT + 1,), np.uint8)
    assert not scratch._kept
    scratch.array("lines", (KEPT,), np.uint8)
    assert [array.nbytes for array in scratch._kept.values()] == [KEPT]


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
