"""A plug-in of LocalStack that runs functions as processes of this machine, where it would start containers.

LocalStack finds it by the entry point `localstack.lambda.runtime_executor`, which `infra.engines` writes down, and
chooses it by LAMBDA_RUNTIME_EXECUTOR. It runs in the Python of LocalStack, functions in one that has what they import.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import Any

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

HOST = "127.0.0.1"

PROGRAM = Path(__file__).with_name("function_process.py")


class ProcessExecutor(RuntimeExecutor):  # type: ignore[misc]
    """One process of one function, which answers a call at a time. One that ended is started anew when it is called."""

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the process."""
        self.prepare_version(self.function_version)
        # neither the settings of LocalStack nor its modules
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self._variables = kept | {name: str(value) for name, value in env_vars.items()}
        self._begin()

    def _begin(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own arguments
            [os.environ["FUNCTION_PYTHON"], str(PROGRAM)],
            cwd=self.function_version.config.code.get_unzipped_code_location(),
            env=self._variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def invoke(self, payload: dict[str, Any]) -> InvocationResult:
        """Have the process answer a call. One that takes too long is ended."""
        if self._process.poll() is not None:
            self._begin()
        process, seconds = self._process, self.function_version.config.timeout
        call = {
            "id": payload["invoke-id"],
            "arn": payload["invoked-function-arn"],
            "seconds": seconds,
            "event": json.loads(payload["payload"] or "null"),
        }
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        timer = Timer(seconds, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(call) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            self.stop()
            error = {"errorType": "Runtime.ExitError", "errorMessage": f"the process ended, {seconds} s at the latest"}
            return InvocationResult(call["id"], json.dumps(error).encode(), is_error=True, logs=json.dumps(error))
        answer = json.loads(line)
        sys.stdout.write(answer["logs"])
        return InvocationResult(
            call["id"], answer["payload"].encode(), is_error=answer["is_error"], logs=answer["logs"]
        )

    def get_address(self) -> str:
        """Return the host that functions run on."""
        return HOST

    def get_endpoint_from_executor(self) -> str:
        """Return the host of LocalStack, for functions."""
        return HOST

    def get_runtime_endpoint(self) -> str:
        """Return nothing: answers come through the pipe."""
        return ""

    def get_logs(self) -> str:
        """Return nothing: each answer has its log."""
        return ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code, if it is not."""
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Keep the code: the next version may have the same."""


class ProcessExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]
    """The entry point."""

    name = "processes"

    def load(self, *_: Any, **__: Any) -> type[RuntimeExecutor]:
        """Return the executor."""
        return ProcessExecutor
