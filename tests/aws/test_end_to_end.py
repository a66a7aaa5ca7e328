"""Pictures go into a bucket and are found over HTTP: the real serverless.yml and functions, and nothing between.

Every test puts pictures of its own into the one bucket, and can run alone.
"""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from urllib.parse import quote

import httpx
import pytest

from infra.stack import wait_for
from lookalike.ingest.backpressure import BACKPRESSURE
from shards.families import DEFAULT
from tests.aws.pictures import bitmap, digests, pictures, reduced
from tests.aws.place import Place, keys_of
from tests.lookalike.cli.drawing import png
from tests.patience import PATIENCE

AGAIN_SECONDS = 3
"""Until a message that nobody has handed back comes again, for a test that waits for it; the template's 91 minutes are
for calls that die."""


def test_without_a_token_only_health_is_answered(place: Place) -> None:
    assert place.http.get("/healthz").status_code == 200
    for method, path in [("GET", "/v1/images"), ("POST", "/v1/search"), ("POST", "/v1/uploads"), ("GET", "/v1/stats")]:
        refused = place.http.request(method, path)
        assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
        assert place.http.request(method, path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert place.ask("GET", "/v1/stats").status_code == 200


def test_the_index_becomes_what_the_bucket_holds(place: Place) -> None:
    first = pictures("many", 200, 0)
    place.put(first)
    place.wait_until_indexed("many/", digests(first))

    keys = sorted(first)
    place.put({key: png(1_000 + number, 64) for number, key in enumerate(keys[:40])})
    place.delete(keys[30:60])
    # gone, and back as it was
    place.put({key: first[key] for key in keys[50:55]})
    # neither are pictures
    place.put({"many/folder/": b"", "many/readme.txt": b"nothing to see"})
    expected = {key: digest for key, digest in place.stored("many/").items() if key.endswith(".png")}
    assert len(expected) == 175
    place.wait_until_indexed("many/", expected)

    for key in (keys[0], keys[-1]):
        found = place.ask("GET", f"/v1/images/{quote(key)}").raise_for_status().json()
        assert (found["key"], found["sha256"]) == (key, expected[key])


@pytest.mark.long
def test_events_that_come_late_and_twice_and_in_any_order_do_no_harm(place: Place) -> None:
    drawn = pictures("orderless", 24, 2_000)
    keys = sorted(drawn)
    known = {key: drawn[key] for key in keys[:12]}
    place.put(known)
    place.wait_until_indexed("orderless/", digests(known))
    with place.held():
        place.put({key: drawn[key] for key in keys[12:]})
        place.put({key: png(3_000 + number, 64) for number, key in enumerate(keys[:8])})
        place.delete(keys[6:18])
        place.put({key: png(4_000 + number, 64) for number, key in enumerate(keys[15:18])})
        told = place.take(12 + 8 + 12 + 3)
        assert {key for body in told for key in keys_of(body)} == {*keys[:8], *keys[6:]}
        again = 2 * told
        random.Random(5).shuffle(again)
        place.send(again)
    expected = place.stored("orderless/")
    assert len(expected) == 15
    place.wait_until_indexed("orderless/", expected)

    # all of it once more, when it is over
    place.send(told[::-1])
    place.wait_until_indexed("orderless/", expected)


@pytest.mark.long
def test_only_a_corrupt_picture_becomes_a_dead_letter(place: Place) -> None:
    good = pictures("poison", 10, 5_000)
    corrupt = "poison/not quite + a picture.png"
    changed = ["VisibilityTimeout", "RedrivePolicy"]
    usual = place.sqs.get_queue_attributes(QueueUrl=place.uploads, AttributeNames=changed)["Attributes"]

    def dies_after(receives: int) -> None:
        redrive = json.loads(usual["RedrivePolicy"]) | {"maxReceiveCount": receives}
        # the visibility is that of calls that die
        attributes = {"VisibilityTimeout": str(AGAIN_SECONDS), "RedrivePolicy": json.dumps(redrive)}
        place.sqs.set_queue_attributes(QueueUrl=place.uploads, Attributes=attributes)

    try:
        # as often as it takes: those that come again since the call was slow are not to be dead letters
        dies_after(1_000)
        with place.held():
            # the first in the queue, so that it comes in one batch with others
            place.put({corrupt: png(1, 64)[:300]})
            place.put(good)
        wait_for(
            lambda: place.waiting() == 1 and place.indexed("poison/") == digests(good),
            PATIENCE,
            lambda: f"{place.waiting()} messages wait:\n{place.said()}",
        )
        assert place.dead_keys() == []
        dies_after(json.loads(usual["RedrivePolicy"])["maxReceiveCount"])
        wait_for(lambda: bool(place.dead_keys()), PATIENCE, lambda: f"there is no dead letter:\n{place.said()}")
        place.wait_until_indexed("poison/", digests(good))
    finally:
        place.sqs.set_queue_attributes(QueueUrl=place.uploads, Attributes=usual)
    assert place.dead_keys() == [corrupt]


def test_a_picture_of_30_mb_goes_past_the_api_into_the_bucket_and_back(place: Place) -> None:
    key, data = "large/über alles + 1.bmp", bitmap(30)
    asked = {"key": key, "bytes": len(data), "meta": {"album": "large"}}
    offered = place.ask("POST", "/v1/uploads", json=asked)
    assert offered.status_code == 201, offered.text
    address = offered.json()
    # as anybody would do it, who has no token
    put = httpx.put(address["url"], content=data, headers=address["headers"], timeout=PATIENCE)
    assert put.status_code == 200, put.text
    place.wait_until_indexed("large/", digests({key: data}))
    found = place.ask("GET", f"/v1/images/{quote(key)}").json()
    assert found["meta"] == {"album": "large"}

    moved = place.ask("GET", f"/v1/images/{quote(key)}/content")
    assert moved.status_code == 307, moved.text
    assert httpx.get(moved.headers["location"], timeout=PATIENCE).content == data


def test_an_answer_over_http_is_that_of_the_index(place: Place) -> None:
    stored = pictures("asked", 24, 7_000)
    place.put(stored)
    place.wait_until_indexed("asked/", digests(stored))
    # some of it folded, the rest in the tail
    place.compact()
    fresh = {"asked/fresh.png": png(7_100, 64)}
    place.put(fresh)
    place.wait_until_indexed("asked/", digests(stored | fresh))

    index = place.index()
    for number, family in enumerate(DEFAULT):
        key = sorted(stored)[5 * number]
        question = reduced(stored[key])
        answer = place.ask("POST", f"/v1/search?limit=20&family={family}", content=question)
        assert answer.status_code == 200, answer.text
        (over_http,) = answer.json()["answers"]
        here = index.search(question, family=family, limit=20)
        assert over_http["searched"] == here.searched
        assert [(hit["key"], hit["score"], hit["distance"], hit["sha256"]) for hit in over_http["hits"]] == [
            (hit.key, hit.score, hit.distance, hit.image.sha256) for hit in here.hits
        ]
        assert over_http["hits"][0]["key"] == key


@pytest.mark.long
def test_who_adds_over_http_has_the_compactor_come_before_its_time(place: Place) -> None:
    index = place.index()
    record = index.sign("added", png(9_000, 64))
    for number in range(BACKPRESSURE.max_objects // BACKPRESSURE.early):
        index.write([replace(record, key=f"added/{number}.png", order=index.next_order())])
    before = len(place.lines("compact", "done"))

    def has_come() -> bool:
        added = place.ask("PUT", "/v1/images/added/last.png", content=png(9_001, 64))
        assert added.is_success, added.text
        return any(one["folded"] for one in place.lines("compact", "done")[before:])

    wait_for(has_come, PATIENCE, lambda: f"the compactor does not come:\n{place.said()}")


@pytest.mark.long
def test_nothing_is_lost_and_no_query_fails_while_it_is_compacted(place: Place) -> None:
    kept = pictures("busy/kept", 16, 8_000)
    place.put(kept)
    place.wait_until_indexed("busy/", digests(kept))
    over = threading.Event()
    # of uploads, which go on while the compactor is at work, and do not bury it
    turns = threading.Semaphore(2)
    rounds = {"uploads": 0, "questions": 0}

    def upload_on() -> None:
        while turns.acquire() and not over.is_set():
            number = rounds["uploads"]
            place.put(pictures(f"busy/{number}", 6, 9_000 + 10 * number))
            # as old ones are deleted and overwritten, segments have dead rows
            place.delete(sorted(pictures(f"busy/{number - 2}", 2, 0)))
            rounds["uploads"] += 1

    def ask_on() -> list[str | bool]:
        found: list[str | bool] = []
        while not over.is_set():
            key = sorted(kept)[len(found) % len(kept)]
            answer = place.ask("POST", "/v1/search?limit=1", content=kept[key])
            found.append(answer.text if answer.status_code != 200 else best(answer) == key)
            rounds["questions"] += 1
        return found

    with ThreadPoolExecutor(2) as others:
        uploading, asking = others.submit(upload_on), others.submit(ask_on)
        try:
            index = place.index()
            segments = [index.stats().segments]
            record, rng = index.sign("folded", png(9_999, 64)), random.Random(7)

            def is_done() -> bool:
                # somebody else folds too, so that there soon is something to merge
                for _ in range(3):
                    keys = [f"folded/{number}.png" for number in rng.sample(range(1_000), 4)]
                    index.write([replace(record, key=key, order=index.next_order()) for key in keys])
                    index.commit()
                turns.release()
                place.compact()
                segments.append(index.stats().segments)
                is_merged_twice = len(segments) > 6 and sum(b < a for a, b in pairwise(segments)) >= 2
                # whoever has ended need not be waited for: what it raised is raised below
                have_others_been_there = rounds["uploads"] > 2 and rounds["questions"] > 5
                return is_merged_twice and (have_others_been_there or uploading.done() or asking.done())

            wait_for(is_done, PATIENCE, lambda: f"segments are {segments}, others did {rounds}:\n{place.said()}")
        finally:
            over.set()
            turns.release()

    uploading.result()
    answers = asking.result()
    assert answers == [True] * len(answers)
    assert rounds["uploads"] > 2
    assert rounds["questions"] > 5
    place.wait_until_indexed("busy/", place.stored("busy/"))
    place.compact()
    assert place.index().verify().is_clean


def best(answer: httpx.Response) -> str:
    key: str = answer.json()["answers"][0]["hits"][0]["key"]
    return key
