"""A role without a statement that its function needs: the call is refused, and the test in which it is made fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infra.engines import MINISTACK
from infra.refusals import Refusal
from tests.aws.place import Place

PROGRESS = "progress"
"""A function that reads the index through obstore, and lists the image bucket through boto3."""


@pytest.fixture(autouse=True)
def nothing_is_refused() -> None:
    """Refusals are what this module is about."""


@contextmanager
def without(place: Place, sid: str) -> Iterator[None]:
    """Within it, the role of the function does not have this statement."""
    iam, name = place.stack.client("iam"), f"{place.stack.name}-{PROGRESS}"
    role = place.functions.get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
    policy = iam.get_role_policy(RoleName=role, PolicyName=PROGRESS)["PolicyDocument"]
    kept = [one for one in policy["Statement"] if one["Sid"] != sid]
    assert len(kept) == len(policy["Statement"]) - 1

    def allow(statements: list[object]) -> None:
        document = json.dumps(policy | {"Statement": statements})
        iam.put_role_policy(RoleName=role, PolicyName=PROGRESS, PolicyDocument=document)

    allow(kept)
    try:
        yield
    finally:
        allow(policy["Statement"])


def refused_without(place: Place, sid: str) -> Refusal:
    """The first call that is refused where the role does not have this statement."""
    before = len(place.stack.refused())
    with without(place, sid), pytest.raises(AssertionError, match="errorMessage"):
        place.call(PROGRESS)
    return place.stack.refused()[before]


@pytest.mark.long
@pytest.mark.parametrize("place", [MINISTACK.name], indirect=True)
def test_a_role_without_a_statement_is_found_whichever_library_makes_the_call(place: Place) -> None:
    place.ask("GET", "/v1/stats").raise_for_status()
    bucket = f"arn:aws:s3:::{place.bucket}"
    by_boto3 = refused_without(place, "ListTheImages")
    assert (by_boto3.function, by_boto3.call, by_boto3.resource) == (
        f"{place.stack.name}-progress",
        "s3:ListBucket",
        bucket,
    )
    missing = json.dumps({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket})
    assert str(by_boto3).endswith(f"missing: {missing}")

    by_obstore = refused_without(place, "ReadTheIndex")
    assert by_obstore.call == "s3:GetObject"
    assert by_obstore.resource.endswith("/index/index.json")

    before = len(place.stack.refused())
    place.call(PROGRESS)
    assert place.stack.refused()[before:] == []
