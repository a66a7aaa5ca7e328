"""What `osls deploy` makes: valid, encrypted, closed, watched, and free while nothing happens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.aws.settings import PREFIX, STACK, Settings
from infra.notifications import EVENTS
from infra.osls import ROOT
from tests.infra.template import BRIDGED, BY_TOPIC, EXISTING, KEYED, SHARED, path, resources, template
from tests.infra.test_metrics import shown

CHECKERS = Path(sys.prefix) / "checkers" / "bin"

VARIANTS = pytest.mark.parametrize("chosen", [(), EXISTING], ids=["default", "existing"])

IGNORED = (
    # osls names the order of resources, of which some follows from references
    "W3005",
    # a bucket that is there already has a name without variables
    "W1020",
)


def _linted(variants: Sequence[tuple[str, ...]], regions: Sequence[str], folder: Path) -> str:
    """What cfn-lint says of these templates in these regions, all in one run, since half of it is starting."""
    linted = []
    for number, chosen in enumerate(variants):
        copy = folder / f"{number}.json"
        # the definition of a state machine is looked at before its substitutions are made
        copy.write_text(path(*chosen).read_text().replace("arn:${Partition}:states", "arn:aws:states"))
        linted.append(str(copy))
    command = [str(CHECKERS / "cfn-lint"), "--regions", *regions, "--ignore-checks", *IGNORED, "--", *linted]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.stdout + finished.stderr


def test_cfn_lint_finds_nothing(tmp_path: Path) -> None:
    assert _linted([(), EXISTING], ["us-east-1"], tmp_path) == ""


@pytest.mark.long
@pytest.mark.parametrize(
    "regions",
    # the newer ones and GovCloud have no budgets
    [("us-east-1", "eu-central-1", "cn-north-1"), ("ap-southeast-3", "us-gov-west-1")],
)
def test_cfn_lint_finds_nothing_in_other_regions_and_partitions(regions: tuple[str, ...], tmp_path: Path) -> None:
    # what is chosen by its ARN has to be of the region of the stack
    variants = [
        (*(choice.replace("us-east-1", regions[0]) for choice in chosen), f"--region={regions[0]}")
        for chosen in [(), EXISTING, KEYED, BRIDGED, BY_TOPIC, SHARED]
    ]
    assert _linted(variants, regions, tmp_path) == ""


@pytest.mark.long
def test_checkov_finds_what_is_accepted_with_a_reason_and_nothing_else() -> None:
    command = [str(CHECKERS / "checkov"), "--framework", "cloudformation", "--quiet", "--compact", "--output", "json"]
    finished = subprocess.run([*command, "--file", str(path())], capture_output=True, text=True, check=False)
    report = json.loads(finished.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100
    found = defaultdict(set)
    for failed in report["results"]["failed_checks"]:
        found[failed["check_id"]].add(failed["resource"].rpartition(".")[2])
    accepted = yaml.safe_load((ROOT / "infra" / "accepted.yml").read_text())
    assert all(len(one["reason"]) > 40 for one in accepted.values())
    assert found == {check: set(one["resources"]) for check, one in accepted.items()}


@VARIANTS
def test_every_variable_of_a_function_is_a_setting_that_can_be_read(chosen: tuple[str, ...]) -> None:
    functions = resources("AWS::Lambda::Function", *chosen)
    assert len(functions) == 8
    for name, function in functions.items():
        environment = {
            variable: value if isinstance(value, str) else value.get("Fn::Sub") or value["Ref"]
            for variable, value in function["Environment"]["Variables"].items()
        }
        assert all(variable.startswith(PREFIX) for variable in environment), name
        known = {STACK, *(PREFIX + field.upper() for field in Settings.__dataclass_fields__)}
        assert set(environment) <= known, name
        assert Settings.from_env(environment).index.startswith("s3://")


def test_settings_that_name_functions_name_functions_of_this_stack() -> None:
    functions = resources("AWS::Lambda::Function")
    names = {one["FunctionName"] for one in functions.values()}
    called = {
        value
        for one in functions.values()
        for variable, value in one["Environment"]["Variables"].items()
        if variable.endswith("_FUNCTION")
    }
    assert called == {"lookalike-dev-scan", "lookalike-dev-compact", "lookalike-dev-merge"}
    assert called <= names


def test_handlers_exist() -> None:
    for name, function in resources("AWS::Lambda::Function").items():
        module, _, handler = function["Handler"].rpartition(".")
        source = (ROOT / f"{module}.py").read_text()
        assert f"\ndef {handler}(" in source, name


def test_functions_run_on_arm64_with_the_python_that_was_compiled_for() -> None:
    for function in resources("AWS::Lambda::Function").values():
        assert (function["Architectures"], function["Runtime"]) == (["arm64"], "python3.13")


def test_a_worker_gives_up_before_the_api_and_the_api_before_the_gateway() -> None:
    functions = resources("AWS::Lambda::Function")
    settings = Settings(index="s3://b")
    api, scan = functions["ApiLambdaFunction"]["Timeout"], functions["ScanLambdaFunction"]["Timeout"]
    assert settings.scan_seconds <= scan < 30
    assert settings.answer_seconds < api < 30
    assert settings.scan_seconds < settings.answer_seconds


def test_a_message_does_not_come_again_while_it_is_worked_on() -> None:
    queue = resources("AWS::SQS::Queue")["Uploads"]
    ingest = resources("AWS::Lambda::Function")["IngestLambdaFunction"]
    (source,) = resources("AWS::Lambda::EventSourceMapping").values()
    # as AWS asks: Lambda holds messages while no function is free, and what is seen meanwhile counts as tried
    assert queue["VisibilityTimeout"] >= 6 * ingest["Timeout"] + source["MaximumBatchingWindowInSeconds"]


def test_most_of_a_batch_of_the_slowest_pictures_is_done_in_one_call() -> None:
    ingest = resources("AWS::Lambda::Function")["IngestLambdaFunction"]
    (source,) = resources("AWS::Lambda::EventSourceMapping").values()
    settings = Settings(index="s3://b")
    in_one_call = (ingest["Timeout"] - settings.reserve - settings.hold) / settings.sign_seconds
    assert in_one_call >= 0.8 * source["BatchSize"]


def test_what_fails_again_and_again_is_kept_as_long_as_can_be() -> None:
    queues = resources("AWS::SQS::Queue")
    assert queues["Uploads"]["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["DeadUploads", "Arn"]},
        "maxReceiveCount": 5,
    }
    assert {one["MessageRetentionPeriod"] for one in queues.values()} == {14 * 86_400}
    (source,) = resources("AWS::Lambda::EventSourceMapping").values()
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": 50}


def test_buckets_are_private_encrypted_and_kept() -> None:
    buckets = resources("AWS::S3::Bucket")
    for name in ("Images", "Index"):
        assert set(buckets[name]["PublicAccessBlockConfiguration"].values()) == {True}
        assert "BucketEncryption" in buckets[name]
        assert buckets[name]["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert "AbortIncompleteMultipartUpload" in buckets[name]["LifecycleConfiguration"]["Rules"][0]
        assert template()["Resources"][name]["DeletionPolicy"] == "RetainExceptOnCreate"
        # what is deleted on a schedule would be missing from the index, or the index from it
        assert all("ExpirationInDays" not in rule for rule in buckets[name]["LifecycleConfiguration"]["Rules"])


@pytest.mark.parametrize("kind", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"])
def test_connections_are_encrypted(kind: str) -> None:
    policies = resources(kind)
    assert len(policies) >= 2
    for name, policy in policies.items():
        statements = policy["PolicyDocument"]["Statement"]
        denied = [one for one in statements if one["Effect"] == "Deny"]
        assert [one["Condition"] for one in denied] == [{"Bool": {"aws:SecureTransport": False}}], name


def test_only_the_image_bucket_of_this_account_may_send_events() -> None:
    # how events come by other ways: test_choices.py
    (allowed,) = [
        one
        for one in resources("AWS::SQS::QueuePolicy")["UploadsPolicy"]["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow"
    ]
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert list(allowed["Condition"]["ArnEquals"]) == ["aws:SourceArn"]


def test_events_of_all_kinds_reach_the_queue() -> None:
    sent = resources("AWS::S3::Bucket")["Images"]["NotificationConfiguration"]["QueueConfigurations"]
    assert tuple(one["Event"] for one in sent) == EVENTS
    assert all("Filter" not in one for one in sent)


def test_buckets_that_are_there_are_used_and_not_made() -> None:
    found = template(*EXISTING)
    assert found["Parameters"]["ExistingImages"]["Default"] == "my-pictures"
    assert found["Parameters"]["ExistingIndex"]["Default"] == "my-index"
    for name in ("Images", "ImagesPolicy", "Index", "IndexPolicy"):
        assert found["Resources"][name]["Condition"] == ("OwnImages" if name.startswith("Images") else "OwnIndex")
    environment = resources("AWS::Lambda::Function", *EXISTING)["ApiLambdaFunction"]["Environment"]["Variables"]
    assert environment["LOOKALIKE_INDEX"] == {"Fn::Sub": "s3://my-index/pictures-prod"}


def test_nobody_may_ask_unless_that_was_chosen() -> None:
    def public(*chosen: str) -> Any:
        return resources("AWS::Lambda::Function", *chosen)["ApiLambdaFunction"]["Environment"]["Variables"][
            "LOOKALIKE_PUBLIC"
        ]

    assert (public(), public(*EXISTING)) == ("false", "true")


def test_logs_do_not_stay_for_ever() -> None:
    groups = resources("AWS::Logs::LogGroup")
    assert len(groups) == 9
    assert {one["RetentionInDays"] for one in groups.values()} == {30}


def test_ten_alarms_of_one_metric_each_ring_somewhere_and_say_what_to_do() -> None:
    alarms = resources("AWS::CloudWatch::Alarm")
    # so many cost nothing
    assert len(alarms) == 10
    for name, alarm in alarms.items():
        assert "MetricName" in alarm, name
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
        assert len(alarm["AlarmDescription"]) > 60
        # nothing happens in an account where nothing is uploaded
        assert alarm["TreatMissingData"] == "notBreaching"
    watched = {(one["Namespace"], one["MetricName"]) for one in alarms.values()}
    assert watched >= {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/ApiGateway", "5xx"),
        ("lookalike-dev", "TailObjects"),
    }


def test_the_dashboard_shows_functions_and_queues_of_this_stack() -> None:
    known = {one["FunctionName"] for one in resources("AWS::Lambda::Function").values()} | {
        one["QueueName"] for one in resources("AWS::SQS::Queue").values()
    }
    dimensions = {dimension for _, _, dimensions in shown() for dimension in dimensions}
    names = {value for kind, value in dimensions if kind in ("FunctionName", "QueueName")}
    assert len(names) == 9
    assert names <= known


@VARIANTS
def test_nothing_is_of_one_partition_only(chosen: tuple[str, ...]) -> None:
    """China's is aws-cn, that of GovCloud aws-us-gov."""
    found = template(*chosen)
    # what was given as an ARN is in the parameters
    assert "arn:aws:" not in json.dumps({**found, "Parameters": {}})
    (machine,) = resources("AWS::StepFunctions::StateMachine", *chosen).values()
    assert machine["DefinitionSubstitutions"]["Partition"] == {"Ref": "AWS::Partition"}


def test_two_stages_have_no_name_in_common() -> None:
    def names(*chosen: str) -> set[str]:
        return {
            value
            for one in template(*chosen)["Resources"].values()
            for field, value in one.get("Properties", {}).items()
            if field.endswith("Name") and isinstance(value, str) and field not in ("MetricName", "StageName")
        }

    assert len(names()) > 25
    assert names().isdisjoint(names("--stage=prod"))


FREE: dict[str, Callable[[dict[str, Any]], bool]] = {
    "AWS::Lambda::Function": lambda one: "ProvisionedConcurrencyConfig" not in one and "VpcConfig" not in one,
    **dict.fromkeys(
        [
            "AWS::ApiGatewayV2::Api",
            "AWS::ApiGatewayV2::ApiMapping",
            "AWS::ApiGatewayV2::DomainName",
            "AWS::ApiGatewayV2::Integration",
            "AWS::ApiGatewayV2::Route",
            "AWS::ApiGatewayV2::Stage",
            "AWS::Budgets::Budget",
            "AWS::CloudWatch::Alarm",
            "AWS::CloudWatch::Dashboard",
            "AWS::Events::Rule",
            "AWS::IAM::Role",
            "AWS::Lambda::EventInvokeConfig",
            "AWS::Lambda::EventSourceMapping",
            "AWS::Lambda::Permission",
            "AWS::Logs::LogGroup",
            "AWS::S3::Bucket",
            "AWS::S3::BucketPolicy",
            "AWS::SNS::Subscription",
            "AWS::SNS::Topic",
            "AWS::SNS::TopicPolicy",
            "AWS::SQS::Queue",
            "AWS::SQS::QueuePolicy",
            "AWS::Scheduler::Schedule",
            "AWS::StepFunctions::StateMachine",
        ],
        lambda _: True,
    ),
}
"""Kinds of resources that cost nothing by being there: a secret, a key or a gateway would."""


def test_nothing_costs_money_by_being_there() -> None:
    for name, one in template()["Resources"].items():
        assert one["Type"] in FREE, name
        assert FREE[one["Type"]](one.get("Properties", {})), name
