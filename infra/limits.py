"""What AWS refuses of a deployment, and the stand-in for it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

UNRESERVED = 100
"""So many functions at once AWS lets nobody reserve. A new account has fewer, so it can reserve none."""


def refused(client: Callable[[str], Any], functions_at_once: int) -> list[str]:
    """Return what AWS would refuse of the functions that are deployed, a text each.

    `client` returns a client of a service, `functions_at_once` is what the account may run.
    """
    functions, queues = client("lambda"), client("sqs")
    found = []
    pages = functions.get_paginator("list_functions").paginate()
    names = [one["FunctionName"] for page in pages for one in page["Functions"]]
    chosen = [functions.get_function_concurrency(FunctionName=name) for name in names]
    reserved = sum(one.get("ReservedConcurrentExecutions", 0) for one in chosen)
    if reserved and functions_at_once - reserved < UNRESERVED:
        found.append(
            f"functions reserve {reserved} of the {functions_at_once} that the account may run at once, and "
            f"{UNRESERVED} have to be left"
        )
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        name, source = mapping["FunctionArn"].rpartition(":")[2], mapping["EventSourceArn"]
        url = queues.get_queue_url(QueueName=source.rpartition(":")[2])["QueueUrl"]
        attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        again = int(attributes["VisibilityTimeout"])
        longest = functions.get_function_configuration(FunctionName=name)["Timeout"]
        if again < longest:
            found.append(f"messages of {source} come again after {again} s, and {name} may take {longest} s")
    return found
