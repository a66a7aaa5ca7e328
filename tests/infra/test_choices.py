"""Choices of a deployment: what is refused before anything is made, and what follows from the others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale.ceiling import Busy, Reserved
from benchmarks.scale.tables import SIZES, manifest
from functions.aws.settings import Settings
from infra.limits import UNRESERVED
from infra.notifications import EVENTS
from infra.osls import ROOT, OslsError
from lookalike import Index
from lookalike.web import WebSettings, create_app
from tests.infra.template import BRIDGED, BY_TOPIC, EXISTING, KEYED, SHARED, SMALL, TOPIC, resources, template

NEW_ACCOUNT = 10
"""Functions that a new account can run at once."""


def of(**choices: str) -> tuple[str, ...]:
    return tuple(f"--param={name.replace('_', '-')}={value}" for name, value in choices.items())


def assert_is_refused(chosen: tuple[str, ...], said: str) -> None:
    with pytest.raises(OslsError) as refused:
        template(*chosen)
    assert re.search(said, str(refused.value), re.DOTALL)
    assert "node_modules" not in str(refused.value).partition("Environment")[0], "nobody needs osls's own stack"


def test_a_choice_that_cannot_be_is_refused_before_anything_is_made() -> None:
    one_bucket = of(images="b", index="b", index_prefix="index")
    assert_is_refused(one_bucket, "images=b.*bucket of the index.*images-prefix=photos/")


@pytest.mark.long
@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (of(images="b", index="b", index_prefix="index", images_prefix="index/"), "images=b.*bucket of the index"),
        (of(images="b", index="b", index_prefix="a/index", images_prefix="a/"), "images=b.*bucket of the index"),
        # there a backfill says what became of each batch
        (of(images="b", index="b", index_prefix="x", images_prefix="x-backfill/"), "images=b.*bucket of the index"),
        (of(index="b"), "index=b.*say which folder.*Two stages in one folder"),
        (of(images_prefix="photos"), "images-prefix=photos.*a slash at its end"),
        (of(index="b", index_prefix="/index"), "index-prefix=/index.*without a slash"),
        # S3 wants these encoded in a filter, and in a role they stand for other folders
        (of(images_prefix="my photos/"), "images-prefix=my photos/.*letters of ASCII"),
        (of(images_prefix="photos*/"), "images-prefix=photos.*letters of ASCII"),
        (of(images_prefix="//"), "images-prefix=//.*none at its beginning"),
        (of(index="b", index_prefix="index-?"), "index-prefix=index-.*letters of ASCII"),
        (of(images_eventbridge="true"), "for a bucket that is there already: give images"),
        (of(images_topic=TOPIC), "for a bucket that is there already: give images"),
        (of(images="b", images_eventbridge="true", images_topic=TOPIC), "each event would come twice"),
        (of(images="b", images_topic="news"), "images-topic=news.*the ARN of the SNS topic"),
        (of(kms_key="alias/mine"), "index-kms-key=alias/mine.*cannot be given an alias"),
        (of(tokens="arn:aws:secretsmanager:us-east-1:123456789012:secret:tokens"), "tokens=arn.*six characters"),
        (of(tokens="tokens-*"), "tokens=tokens-.*the name of a secret"),
        # these are variables of functions, which would not start
        (of(workers="many"), "workers=many.*a whole number, 0 or more"),
        (of(cache_bytes="-1"), "cache-bytes=-1.*a whole number"),
        (of(merges="0"), "merges=0.*a whole number, 1 or more"),
        (of(compact_bytes="8589934592"), "compact-bytes=8589934592.*more than compact-megabytes=3008"),
        (of(cache_bytes="8589934592"), "cache-bytes=8589934592.*a disk of 2048 MB"),
        (of(public="yes"), "public=yes.*true or false"),
        (of(domain="similar.example.org"), "domain and certificate belong together"),
        (of(domain="similar.example.org", certificate="mine"), "certificate=mine.*the ARN of a certificate"),
        # each is of another region than the stack
        ((*KEYED, "--region=eu-west-1"), "index-kms-key=arn:aws:kms:us-east-1.*this stack is in eu-west-1"),
        ((*BY_TOPIC, "--region=eu-west-1"), "images-topic=arn:aws:sns:us-east-1.*this stack is in eu-west-1"),
        (
            (*of(tokens="arn:aws:secretsmanager:us-east-1:123456789012:secret:tokens-aB3dE6"), "--region=eu-west-1"),
            "tokens=arn:aws:secretsmanager:us-east-1.*this stack is in eu-west-1",
        ),
        (of(budget="cheap"), "budget=cheap.*a whole number of dollars"),
        ((*of(budget="50"), "--region=us-gov-west-1"), "budget=50.*makes no budgets in us-gov-west-1"),
    ],
)
def test_any_other_choice_that_cannot_be_is_refused(chosen: tuple[str, ...], said: str) -> None:
    assert_is_refused(chosen, said)


def test_every_number_that_a_function_reads_is_looked_at() -> None:
    numbers = {field.name.upper() for field in fields(Settings) if field.type in ("int", "float")}
    given = re.findall(r'LOOKALIKE_(\w+): "\$\{self:custom\.([\w.]+)\}"', (ROOT / "serverless.yml").read_text())
    _, _, listed = (ROOT / "infra" / "chosen.cjs").read_text().partition("const NUMBERS")
    looked_at = re.findall(r"\[\d, (.*)\]", listed.partition("};")[0])
    assert {one.replace('", "', ".").strip('"') for one in looked_at} == {
        place for name, place in given if name in numbers
    }


@pytest.mark.long
def test_a_compactor_for_a_billion_pictures_can_be_chosen() -> None:
    chosen = of(compact_megabytes="10240", compact_bytes="8589934592")
    compact = resources("AWS::Lambda::Function", *chosen)["CompactLambdaFunction"]
    assert int(compact["MemorySize"]) == 10240


def test_pictures_and_index_in_one_bucket_are_told_of_apart() -> None:
    variables = resources("AWS::Lambda::Function", *SHARED)["IngestLambdaFunction"]["Environment"]["Variables"]
    assert variables["LOOKALIKE_INDEX"] == {"Fn::Sub": "s3://my-bucket/index"}
    assert variables["LOOKALIKE_IMAGES_PREFIX"] == "photos/"


def test_a_bucket_of_the_stack_tells_of_the_folder_that_is_indexed() -> None:
    sent = resources("AWS::S3::Bucket", *KEYED)["Images"]["NotificationConfiguration"]["QueueConfigurations"]
    assert tuple(one["Event"] for one in sent) == EVENTS
    for one in sent:
        assert one["Filter"] == {"S3Key": {"Rules": [{"Name": "prefix", "Value": {"Ref": "ImagesPrefix"}}]}}


@pytest.mark.parametrize(("chosen", "begins"), [((), ""), (SHARED, "photos/")])
def test_a_backfill_of_everything_is_of_the_folder_that_is_indexed(chosen: tuple[str, ...], begins: str) -> None:
    (machine,) = resources("AWS::StepFunctions::StateMachine", *chosen).values()
    assert machine["Definition"]["States"]["Everything"]["Result"] == {"prefix": "${Everything}"}
    assert machine["DefinitionSubstitutions"]["Everything"] == begins


@pytest.mark.parametrize("bucket", ["Images", "Index"])
def test_buckets_are_encrypted_with_a_key_of_ones_own_where_one_is_given(bucket: str) -> None:
    def rule(*chosen: str) -> Any:
        (found,) = resources("AWS::S3::Bucket", *chosen)[bucket]["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        return found

    assert rule() == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    key = {"Ref": f"{bucket}Key"}
    assert rule(*KEYED) == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
    }


def _senders(*chosen: str) -> dict[str, Any]:
    """Who may put messages into the queue, by service, and on what condition."""
    statements = resources("AWS::SQS::QueuePolicy", *chosen)["UploadsPolicy"]["PolicyDocument"]["Statement"]
    return {one["Principal"]["Service"]: one["Condition"] for one in statements if one["Effect"] == "Allow"}


def test_events_come_by_eventbridge_where_the_buckets_own_are_taken() -> None:
    (rule,) = resources("AWS::Events::Rule", *BRIDGED).values()
    assert rule["Targets"] == [{"Id": "uploads", "Arn": {"Fn::GetAtt": ["Uploads", "Arn"]}}]
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created", "Object Deleted"],
        "detail": {"bucket": {"name": [{"Fn::Sub": "my-pictures"}]}},
    }
    of_rule = {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ImagesRule", "Arn"]}}}
    assert _senders(*BRIDGED)["events.amazonaws.com"] == of_rule
    (part,) = resources("AWS::Events::Rule", *SHARED, *of(images_eventbridge="true")).values()
    assert part["EventPattern"]["detail"]["object"] == {"key": [{"prefix": {"Ref": "ImagesPrefix"}}]}


def test_events_come_by_a_topic_where_the_bucket_publishes_to_one() -> None:
    subscription = resources("AWS::SNS::Subscription", *BY_TOPIC)["ImagesSubscription"]
    assert subscription == {
        "TopicArn": {"Ref": "ImagesTopic"},
        "Protocol": "sqs",
        "Endpoint": {"Fn::GetAtt": ["Uploads", "Arn"]},
        "RawMessageDelivery": True,
    }
    assert _senders(*BY_TOPIC)["sns.amazonaws.com"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "ImagesTopic"}}}


def test_nobody_else_may_put_messages_into_the_queue() -> None:
    assert set(_senders()) == set(_senders(*EXISTING)) == {"s3.amazonaws.com"}
    assert not resources("AWS::Events::Rule")


def _reserved(*chosen: str) -> dict[str, Any]:
    functions = resources("AWS::Lambda::Function", *chosen)
    return {
        name.removesuffix("LambdaFunction"): one["ReservedConcurrentExecutions"]
        for name, one in functions.items()
        if "ReservedConcurrentExecutions" in one
    }


def _ceiling() -> tuple[int, int, int]:
    """The most that run at once of the API and of its workers, and the workers of one question."""
    parameters = template()["Parameters"]
    api = resources("AWS::Lambda::Function")["ApiLambdaFunction"]["Environment"]["Variables"]
    concurrency = (parameters[name]["Default"] for name in ("ApiConcurrency", "ScanConcurrency"))
    return *map(int, concurrency), int(api["LOOKALIKE_WORKERS"])


def test_what_a_stranger_can_keep_busy_is_bounded() -> None:
    assert _reserved() == {"Api": {"Ref": "ApiConcurrency"}, "Scan": {"Ref": "ScanConcurrency"}, "Compact": 1}
    assert _ceiling() == (16, 20, 20)


@pytest.mark.parametrize("page", ["aws.md", "aws-acceptance.md"])
def test_a_page_says_which_accounts_are_too_small_for_what_is_reserved(page: str) -> None:
    api, scan, _ = _ceiling()
    compactor = _reserved()["Compact"]
    needed = api + scan + compactor + UNRESERVED
    assert re.search(rf"less than\s{needed}\b", (ROOT / "docs" / page).read_text())


@pytest.mark.long
def test_the_bound_is_what_500_dollars_a_day_pay_for() -> None:
    reserved = Reserved.within(500, Busy.of([manifest(setting) for setting in SIZES]))
    assert _ceiling() == (reserved.api, reserved.scan, reserved.workers)


def test_every_route_that_searches_has_a_throttle_of_its_own() -> None:
    (stage,) = resources("AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 50
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] == 100
    routes = {one["RouteKey"] for one in resources("AWS::ApiGatewayV2::Route").values()}
    throttled = stage["RouteSettings"]
    assert routes == {"$default", *throttled}
    assert {one["ThrottlingRateLimit"] for one in throttled.values()} == {10}
    # CloudFormation makes a stage's settings when there are the routes
    depends = template()["Resources"]["HttpApiStage"]["DependsOn"]
    assert {template()["Resources"][name]["Properties"].get("RouteKey") for name in depends} >= set(throttled)
    paths = create_app(Index.create("memory://", families=["dhash"]), WebSettings()).openapi()["paths"]
    known = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert set(throttled) <= known
    searching = {one for one in known if re.fullmatch(r"\w+ (/v1)?/(search|compare|duplicates|query)", one)}
    assert set(throttled) == searching


def test_a_small_account_suffices_and_reserves_nothing() -> None:
    assert _reserved(*SMALL) == {}
    functions = resources("AWS::Lambda::Function", *SMALL)
    workers = int(functions["ApiLambdaFunction"]["Environment"]["Variables"]["LOOKALIKE_WORKERS"])
    merges = int(functions["CompactLambdaFunction"]["Environment"]["Variables"]["LOOKALIKE_MERGES"])
    (source,) = resources("AWS::Lambda::EventSourceMapping", *SMALL).values()
    ingest = int(source["ScalingConfig"]["MaximumConcurrency"])
    api = compact = 1
    assert api + workers + ingest + compact + merges <= NEW_ACCOUNT
    (machine,) = resources("AWS::StepFunctions::StateMachine", *SMALL).values()
    assert machine["Definition"]["States"]["Listing"]["MaxConcurrency"] <= workers
    assert all(int(one["MemorySize"]) <= 3008 for one in functions.values())
    # each can be chosen by itself, too
    more = resources("AWS::Lambda::Function", *SMALL, *of(workers="8"))["ApiLambdaFunction"]
    assert more["Environment"]["Variables"]["LOOKALIKE_WORKERS"] == "8"


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(OslsError, match=r"custom\.profile"):
        template(*of(profile="huge"))


def test_a_budget_tells_somebody_before_the_month_is_over() -> None:
    budget = resources("AWS::Budgets::Budget", *of(mail="someone@example.org", budget="200"))["Budget"]
    assert template(*of(budget="200"))["Parameters"]["BudgetDollars"]["Default"] in (200, "200")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "BudgetDollars"}, "Unit": "USD"}
    assert "CostFilters" not in budget["Budget"], "a tag counts only where somebody has activated it"
    told = budget["NotificationsWithSubscribers"]
    assert [(one["Notification"]["NotificationType"], one["Notification"]["Threshold"]) for one in told] == [
        ("ACTUAL", 80),
        ("FORECASTED", 100),
    ]
    assert all(one["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": {"Ref": "Mail"}}] for one in told)
    by_tag = resources("AWS::Budgets::Budget", *KEYED)["Budget"]["Budget"]["CostFilters"]
    assert by_tag == {"TagKeyValue": [{"Fn::Join": ["$", ["user:application", "lookalike-dev"]]}]}


def test_without_an_address_a_budget_is_in_the_console_and_without_dollars_there_is_none() -> None:
    assert "NotificationsWithSubscribers" not in resources("AWS::Budgets::Budget")["Budget"]
    assert resources("AWS::Budgets::Budget", *of(budget="none")) == {}
    assert resources("AWS::Budgets::Budget", "--region=eu-north-1") == {}


SCHEMAS = """
from cfnlint.helpers import REGIONS
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas
for region in REGIONS:
    try:
        schemas.get_resource_schema(region, "AWS::Budgets::Budget")
    except Exception:
        continue
    print(region)
"""


@pytest.mark.long
def test_regions_with_budgets_are_those_of_cloudformations_schemas() -> None:
    python = Path(sys.prefix) / "checkers" / "bin" / "python"
    printed = subprocess.run([python, "-c", SCHEMAS], capture_output=True, text=True, check=True).stdout
    # partitions of their own, closed to the public
    known = {region for region in printed.split() if not re.match("us-iso|eu-iso|eusc", region)}
    source = (ROOT / "infra" / "chosen.cjs").read_text()
    _, _, listed = source.partition("const WITH_BUDGETS")
    assert set(re.findall(r"[a-z]{2}-[a-z]+-\d", listed.partition(";")[0])) == known


def test_two_stages_in_one_bucket_have_folders_of_their_own() -> None:
    def writes(stage: str) -> set[str]:
        chosen = (f"--stage={stage}", *of(index="shared", index_prefix=f"lookalike-{stage}"))
        found = set()
        for role in resources("AWS::IAM::Role", *chosen).values():
            for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
                if "s3:PutObject" in json.dumps(statement["Action"]):
                    found |= set(re.findall(r"s3:::shared/([^/]+)/", json.dumps(statement["Resource"])))
        return found

    assert writes("one") == {"lookalike-one", "lookalike-one-backfill"}
    assert writes("one").isdisjoint(writes("two"))


def test_what_was_collected_does_not_stay_as_versions() -> None:
    rules = resources("AWS::S3::Bucket")["Index"]["LifecycleConfiguration"]["Rules"]
    (versions,) = [one for one in rules if "NoncurrentVersionExpiration" in one]
    assert versions["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert versions["ExpiredObjectDeleteMarker"] is True
    # the owner's pictures are not ours to forget
    assert len(resources("AWS::S3::Bucket")["Images"]["LifecycleConfiguration"]["Rules"]) == 1
