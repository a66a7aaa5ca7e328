"""A function as a process: reads calls from its standard input, a line of JSON each, and answers each with a line.

A call is `{"id", "arn", "seconds", "event"}`, an answer `{"payload", "is_error", "logs"}`. Run by the plug-in for
LocalStack (`infra.localstack_executor`) with the variables that Lambda sets.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Context:
    """What Lambda tells a function of a call."""

    def __init__(self, call: Mapping[str, Any]) -> None:
        self._until: float = time.monotonic() + call["seconds"]
        self.aws_request_id = call["id"]
        self.invoked_function_arn = call["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function is ended."""
        return max(0, round((self._until - time.monotonic()) * 1000))


def main() -> None:
    """Answer until there are no more calls."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    with tempfile.TemporaryFile() as log:
        # whatever it prints, by whichever library, is its log
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
        sys.path.insert(0, str(Path.cwd()))
        module, _, name = os.environ["_HANDLER"].rpartition(".")
        handler = None
        for line in sys.stdin:
            begins = log.tell()
            try:
                # when it is first called: an error of it is one of the call
                handler = handler or getattr(importlib.import_module(module.replace("/", ".")), name)
                call = json.loads(line)
                payload, is_error = handler(call["event"], Context(call)), False
            except BaseException as error:
                traceback.print_exc()
                payload, is_error = {"errorMessage": str(error), "errorType": type(error).__name__}, True
            sys.stdout.flush()
            log.seek(begins)
            told = log.read().decode(errors="replace")
            # as the runtimes of AWS write it, not in ASCII
            text = json.dumps(payload, ensure_ascii=False)
            print(json.dumps({"payload": text, "is_error": is_error, "logs": told}), file=answers, flush=True)


if __name__ == "__main__":
    main()
