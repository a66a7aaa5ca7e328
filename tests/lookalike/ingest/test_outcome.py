"""Failures: one word for programs, a sentence for people, and whether the code is to blame."""

from __future__ import annotations

import pytest

from lookalike.ingest.outcome import Failure
from shards.errors import PictureError, StorageError


@pytest.mark.parametrize(
    ("error", "reason", "message", "is_mistake"),
    [
        (PictureError("truncated", "it ends early"), "truncated", "it ends early", False),
        (StorageError("503"), "unreadable", "503", False),
        (ZeroDivisionError("division by zero"), "error", "ZeroDivisionError: division by zero", True),
    ],
)
def test_a_failure_says_what_was_wrong(error: Exception, reason: str, message: str, is_mistake: bool) -> None:
    failure = Failure.of("a.png", error)
    assert (failure.key, failure.reason, failure.message) == ("a.png", reason, message)
    assert failure.is_mistake == is_mistake
    assert failure.error is error


def test_its_path_is_told_only_if_there_is_one() -> None:
    assert Failure("a.png", "name", "no").document() == {"key": "a.png", "reason": "name", "message": "no"}
    assert Failure("a.png", "name", "no", "/a.png").document()["path"] == "/a.png"
