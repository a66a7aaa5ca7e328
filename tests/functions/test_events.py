"""Events: what S3 tells of an object, as it comes out of the queue."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.aws.events import Change, EventInvalid, changes, ending, tie_break
from functions.aws.queue import response
from tests.functions.stage import Invocation, event, message, notification

HEX = st.text("0123456789ABCDEF", min_size=1, max_size=16)


def read(body: object) -> list[Change]:
    return changes(message(body))  # type: ignore[arg-type]


def test_a_notification_says_which_object_and_when() -> None:
    assert read(event("s3_put")) == [Change("pictures", "cat.jpg", (1767323045_678_000_000, 0x55AED6DCD90281E5))]


@pytest.mark.parametrize("name", ["s3_delete", "s3_delete_marker"])
def test_a_delete_is_told_like_everything_else(name: str) -> None:
    assert read(event(name)) == [Change("pictures", "cat.jpg", (1767323100_001_000_000, 0x55AED6DCD90281F0))]


@pytest.mark.parametrize("name", ["LifecycleExpiration:Delete", "LifecycleExpiration:DeleteMarkerCreated"])
def test_what_a_lifecycle_rule_expires_is_told_like_what_somebody_deletes(name: str) -> None:
    body = event("s3_delete")
    body["Records"][0]["eventName"] = name
    assert read(body) == read(event("s3_delete"))


def test_a_key_is_encoded_as_in_a_form() -> None:
    (change,) = read(event("s3_multipart"))
    assert change.key == "holiday/2025/große Katze + 100% 😺.jpg"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_whatever_a_key_is_it_is_read_as_it_is(key: str) -> None:
    (change,) = read(notification(key))
    assert change.key == key


def test_the_message_that_tests_the_notifications_says_nothing() -> None:
    assert read(event("s3_test")) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not JSON",
        "[]",
        "null",
        "{}",
        '{"Records": null}',
        '{"Records": [{}]}',
        '{"Records": [{"eventSource": "aws:dynamodb"}]}',
    ],
)
def test_a_message_that_is_no_notification_is_named(body: str) -> None:
    with pytest.raises(EventInvalid, match="message message-1 is no notification of S3"):
        read(body)


@pytest.mark.parametrize(
    ("where", "value"),
    [("key", "%ff.jpg"), ("sequencer", "later"), ("key", None)],
)
def test_a_field_that_cannot_be_read_is_no_notification(where: str, value: object) -> None:
    body = event("s3_put")
    body["Records"][0]["s3"]["object"][where] = value
    with pytest.raises(EventInvalid):
        read(body)


def test_a_bucket_without_a_name_is_none() -> None:
    body = event("s3_put")
    body["Records"][0]["s3"]["bucket"]["name"] = 7
    with pytest.raises(EventInvalid, match="the bucket's name is 7"):
        read(body)


@pytest.mark.parametrize("when", ["1969-12-31T23:59:59Z", "2555-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_no_order_can_have_is_none(when: str) -> None:
    body = event("s3_put")
    body["Records"][0]["eventTime"] = when
    with pytest.raises(EventInvalid, match="eventTime is"):
        read(body)


@pytest.mark.parametrize("when", ["", "yesterday", "2026-01-02T03:04:05.678"])
def test_a_time_without_a_zone_is_none(when: str) -> None:
    body = event("s3_put")
    body["Records"][0]["eventTime"] = when
    with pytest.raises(EventInvalid):
        read(body)


@given(HEX, HEX)
def test_sequencers_are_compared_as_s3_says(a: str, b: str) -> None:
    # as texts, the shorter with zeros at its end; the first two digits of all that S3 sends are zeros
    a, b = "00" + a, "00" + b
    length = max(len(a), len(b))
    assert (tie_break(a) < tie_break(b)) == (a.ljust(length, "0") < b.ljust(length, "0"))
    assert 0 <= tie_break(a) < 1 << 64


def test_a_bucket_without_sequencers_is_ordered_by_time_alone() -> None:
    body = event("s3_put")
    del body["Records"][0]["s3"]["object"]["sequencer"]
    (change,) = read(body)
    assert change.order == (1767323045_678_000_000, 0)


def test_the_answer_names_the_messages_that_come_again() -> None:
    assert response({"b", "a"}) == {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}
    nothing: set[Any] = set()
    assert response(nothing) == {"batchItemFailures": []}


def test_the_end_of_a_call_is_kept_for_what_is_under_way() -> None:
    assert not ending(Invocation(seconds=15.0), reserve=15.0)()
    assert ending(Invocation(seconds=14.9), reserve=15.0)()
