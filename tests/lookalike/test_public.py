"""The names that the package promises."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import lookalike
from shards import errors


def test_every_public_name_is_there() -> None:
    assert lookalike.__all__ == sorted(lookalike.__all__)
    for name in lookalike.__all__:
        assert getattr(lookalike, name).__name__ == name


def test_every_error_is_public_and_stands_in_the_tree_of_errors() -> None:
    raised = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)]

    assert set(raised) <= set(lookalike.__all__)
    tree = re.findall(r"^ +(?:[│├└─ ]+)?([A-Z]\w+)", str(errors.__doc__), re.MULTILINE)
    assert sorted(tree) == sorted(raised)


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Imdex'"):
        _ = lookalike.Imdex


def test_importing_the_package_imports_neither_numpy_nor_pillow() -> None:
    code = "import sys, lookalike; print([name for name in ('numpy', 'PIL', 'obstore', 'pywt') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_searching_imports_no_cloud_client_and_no_decoder() -> None:
    code = (
        "import sys; from lookalike import Index; index = Index.create('memory://', families=['haar', 'dhash']);"
        "index.count(); print([name for name in ('PIL', 'obstore', 'pywt', 'rich', 'click') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_opening_an_index_imports_nothing_of_evaluating() -> None:
    code = (
        "import sys; from lookalike import Index; Index.create('memory://');"
        "print([name for name in sys.modules if name.startswith('lookalike.evaluate')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
