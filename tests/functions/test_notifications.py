"""Notifications: what S3 tells of an object, as it comes out of the queue, by whatever way it came there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.aws.notifications import UNCHANGED, Change, EventInvalid, changes, tie_break
from tests.functions.stage import event, message, notification
from tests.tiers import scaled

HEX = st.text("0123456789ABCDEF", min_size=1, max_size=16)


def read(body: object) -> list[Change]:
    return changes(message(body))  # type: ignore[arg-type]


def test_a_notification_says_which_object_and_when() -> None:
    assert read(event("s3_put")) == [Change("pictures", "cat.jpg", (1767323045_678_000_000, 0x55AED6DCD90281E5))]


@pytest.mark.parametrize("name", ["s3_delete", "s3_delete_marker"])
def test_a_delete_is_told_like_everything_else(name: str) -> None:
    assert read(event(name)) == [Change("pictures", "cat.jpg", (1767323100_001_000_000, 0x55AED6DCD90281F0))]


@pytest.mark.parametrize("name", ["s3_lifecycle_delete", "s3_lifecycle_delete_marker"])
def test_what_a_lifecycle_rule_expires_is_told_like_what_somebody_deletes(name: str) -> None:
    assert read(event(name)) == read(event("s3_delete"))


def test_an_archived_object_that_is_back_is_looked_at() -> None:
    assert read(event("s3_restored")) == read(event("s3_put"))


def test_what_leaves_the_bytes_alone_says_nothing() -> None:
    assert read(event("s3_tagged")) == []
    body = event("s3_put")
    for name in UNCHANGED:
        for prefix in ("", "s3:"):
            body["Records"][0]["eventName"] = prefix + name
            assert read(body) == []


def test_an_event_that_nobody_knows_is_looked_at() -> None:
    body = event("s3_put")
    body["Records"][0]["eventName"] = "ObjectRenamed:Put"
    assert read(body) == read(event("s3_put"))


class TestTopic:
    """Where another one has the bucket's notifications, a topic hands them on."""

    def test_its_envelope_is_taken_off(self) -> None:
        assert read(event("sns_s3_put")) == read(event("s3_put"))

    def test_the_message_that_tests_the_notifications_says_nothing(self) -> None:
        assert read(event("sns_s3_test")) == []

    def test_what_event_bridge_sends_through_it_is_read_too(self) -> None:
        body = event("sns_s3_put") | {"Message": json.dumps(event("eventbridge_created"))}
        assert read(body) == read(event("eventbridge_created"))

    def test_one_envelope_is_taken_off_and_no_second(self) -> None:
        body = event("sns_s3_put")
        with pytest.raises(EventInvalid):
            read(body | {"Message": json.dumps(body)})

    @pytest.mark.parametrize("text", ["Hello world!", "null", "[]", "7", '"text"', None, {"Records": []}])
    def test_whatever_else_it_is_used_for_is_no_notification(self, text: object) -> None:
        with pytest.raises(EventInvalid):
            read(event("sns_s3_put") | {"Message": text})

    def test_a_subscription_that_waits_for_its_confirmation_says_who_confirms_it(self) -> None:
        with pytest.raises(EventInvalid, match=r"arn:aws:sns:eu-central-1:111122223333:pictures.*SubscribeURL"):
            read(event("sns_subscription"))


class TestEventBridge:
    """Where another one has the bucket's notifications, it may send its events to EventBridge as well."""

    def test_it_says_which_object_and_when(self) -> None:
        key = "holiday/2025/große Katze + 100% 😺.jpg"
        assert read(event("eventbridge_created")) == [
            Change("pictures", key, (1767323045_000_000_000, 0x617F08299329D189))
        ]

    @pytest.mark.parametrize("name", ["eventbridge_deleted", "eventbridge_expired", "eventbridge_restored"])
    def test_deletes_and_what_is_restored_are_looked_at(self, name: str) -> None:
        (change,) = read(event(name))
        assert (change.bucket, change.key, change.order[0]) == ("pictures", "cat.jpg", 1767323100_000_000_000)

    def test_what_leaves_the_bytes_alone_says_nothing(self) -> None:
        assert read(event("eventbridge_tags")) == []

    def test_an_event_of_another_service_is_no_notification(self) -> None:
        with pytest.raises(EventInvalid, match=r"source is 'aws\.ec2'"):
            read(event("eventbridge_created") | {"source": "aws.ec2"})

    def test_its_sequencers_lack_two_zeros_and_count_the_same(self) -> None:
        assert tie_break("617f08299329d189") == tie_break("00617F08299329D189")


def test_a_request_of_an_object_lambda_access_point_says_nothing() -> None:
    assert read(event("object_lambda")) == []


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
    with pytest.raises(EventInvalid, match="message message-1 says nothing of a bucket"):
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


@pytest.mark.parametrize(
    "when",
    [
        "1960-01-01T00:00:00Z",
        "2600-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2555-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
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


DEEP = "[" * 100_000
NUMBER = "9" * 10_000


@pytest.mark.parametrize(
    "body",
    [DEEP, '{"Records": ' + DEEP, json.dumps({"Type": "Notification", "TopicArn": "a", "Message": DEEP}), NUMBER],
    ids=["lists", "records", "within an envelope", "a number"],
)
def test_what_no_parser_takes_is_no_notification(body: str) -> None:
    with pytest.raises(EventInvalid):
        read(body)


@pytest.mark.parametrize("key", ["x" * 1025, "ü" * 513, "", "\ud800.jpg", "a\udcff.png", 7, [], {}])
@pytest.mark.parametrize("name", ["s3_put", "eventbridge_created"])
def test_a_key_that_no_image_can_have_is_none(name: str, key: object) -> None:
    body = event(name)
    place = body["Records"][0]["s3"] if name == "s3_put" else body["detail"]
    place["object"]["key"] = key
    with pytest.raises(EventInvalid):
        read(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SHAPES = ["s3_put", "s3_delete", "s3_test", "s3_restored", "sns_s3_put", "sns_subscription", "eventbridge_created"]
SHAPES += ["eventbridge_deleted", "eventbridge_tags", "object_lambda"]


def places(value: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return the way to each value within another one, itself included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, one in inner for place in places(one, (*at, name)))]


@st.composite
def bent(draw: st.DrawFn) -> object:
    """Return an event in one place of which stands something else, or nothing."""
    body: Any = event(draw(st.sampled_from(SHAPES)))
    *way, last = draw(st.sampled_from(places(body)[1:]))
    holder = body
    for name in way:
        holder = holder[name]
    if isinstance(holder, dict) and draw(st.booleans()):
        del holder[last]
    else:
        holder[last] = draw(JSON)
    return body


@settings(max_examples=scaled(300))
@given(bent() | JSON | st.text(max_size=200))
def test_whatever_a_message_says_it_is_read_or_named(body: object) -> None:
    try:
        told = read(body)
    except EventInvalid as error:
        assert "message-1" in str(error)
        str(error).encode()
    else:
        for change in told:
            assert 1 <= len(change.key.encode()) <= 1024
            assert all(0 <= number < 1 << 64 for number in change.order)


@given(st.none() | st.integers() | st.lists(st.none(), max_size=1))
def test_a_body_that_is_no_text_is_no_notification(body: object) -> None:
    with pytest.raises(EventInvalid):
        changes({"messageId": "message-1", "body": body})  # type: ignore[typeddict-item]


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
