"""The functions that fold and merge: the compactor, with another function as its worker."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from shards.table.maintain.merge import FACTOR
from tests.functions.stage import Invocation, load
from tests.lookalike.upkeep.filled import filled


def test_the_functions_do_as_the_library_does(monkeypatch: pytest.MonkeyPatch) -> None:
    index = filled(FACTOR, where="memory://compact-functions")
    merge = load("merge", monkeypatch, LOOKALIKE_INDEX="memory://compact-functions", LOOKALIKE_MERGE_FUNCTION="merge")
    compact = load("compact", monkeypatch, LOOKALIKE_INDEX="memory://compact-functions")

    class Functions:
        def invoke(self, **asked: Any) -> Any:
            answer = merge.handler(json.loads(asked["Payload"]), Invocation())
            return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}

    monkeypatch.setattr("functions.handlers.compact.boto3.client", lambda *_, **__: Functions())
    monkeypatch.setattr(compact.compactor, "merge", compact._merge())
    compact.handler({}, Invocation(seconds=900))
    assert index.stats().segments == 1
    assert index.due_merges() == []
