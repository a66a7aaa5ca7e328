"""What a bucket held before there was an index, added by the state machine."""

from __future__ import annotations

from itertools import chain

import pytest

from infra.engines import MINISTACK
from tests.aws.pictures import digests, pictures
from tests.aws.place import Place
from tests.lookalike.cli.drawing import png


@pytest.mark.long
@pytest.mark.parametrize("place", [MINISTACK.name], indirect=True)
def test_a_bucket_that_is_full_already_is_added_and_counted(place: Place) -> None:
    before = pictures("before", 10, 12_000)
    corrupt = "before/not quite + a picture.png"
    with place.unheard():
        place.put(before | {corrupt: png(1, 64)[:300], "before/folder/": b"", "before/readme.txt": b"nothing to see"})
    assert place.indexed("before/") == {}
    nothing = place.call("progress", {"prefix": "before/"})
    assert (nothing["pictures"], nothing["indexed"], nothing["next"]) == (11, 0, None)

    place.backfill(prefix="before/")
    assert place.indexed("before/") == digests(before)
    done = place.lines("backfill", "done")
    assert sum(one["added"] for one in done) == 10
    (failure,) = place.lines("backfill", "not added")
    assert failure["key"] == corrupt
    assert place.call("progress", {"prefix": "before/"}) == {
        "pictures": 11,
        "indexed": 10,
        "missing": 1,
        "examples": [corrupt],
        "next": None,
        "archived": 0,
    }

    # what changed meanwhile is read again, and nothing else
    with place.unheard():
        place.put({next(iter(before)): png(12_100, 64)})
    place.backfill(prefix="before/")
    again = place.lines("backfill", "done")[len(done) :]
    assert (sum(one["added"] for one in again), sum(one["unchanged"] for one in again)) == (1, 9)
    assert place.indexed("before/") == {
        key: digest for key, digest in place.stored("before/").items() if key in chain(before)
    }
