"""Lambda, as a function knows it: an environment with the real runtime client in it, and the two APIs around that.

Towards the function this speaks the runtime API (Lambda, "Using the Lambda runtime API", 2018-06-01), towards whoever
calls it Invoke (2015-03-31). It refuses what AWS refuses: more than 6 MB either way, and a call that takes too long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from tests.patience import PATIENCE

REQUEST_BYTES = 6 << 20
"""Limit on an event; AWS says so in RequestTooLargeException."""

ANSWER_BYTES = (6 << 20) + 100
"""Limit on an answer; AWS says so in Function.ResponseSizeTooLarge."""

REGION = "us-east-1"

RUNTIME = "/2018-06-01/runtime"


class FunctionFailed(Exception):
    """The error that Lambda answers in place of an answer. `kind`: its type."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(f"{document.get('errorType')}: {document.get('errorMessage')}")
        self.kind = document.get("errorType")
        self.document = document


class RequestTooLarge(Exception):
    """AWS does not take this event: the function is not called."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one call: the bytes of its answer, or of an error's description."""

    body: bytes
    failed: bool = False


def _error(kind: str, message: str) -> Outcome:
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True)


_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Call:
    """An event on its way to the function. `deadline_ms`: since 1970."""

    event: bytes
    deadline_ms: int
    outcome: Future[Outcome] = field(default_factory=Future)
    id: str = field(default_factory=lambda: f"00000000-0000-4000-8000-{next(_numbers):012d}")


class Environment:
    """One process with the function in it, which takes one call after another until it ends."""

    def __init__(self, command: list[str], variables: Mapping[str, str], folder: Path, log: Path) -> None:
        self.calls: SimpleQueue[Call | None] = SimpleQueue()
        self.current: Call | None = None
        # set when no event may follow: it did not start, or said something that could not be taken
        self.is_over = False
        self._settling = threading.Lock()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._watch = threading.Thread(target=self._wait)
        self._watch.start()

    def run(self, call: Call, seconds: float) -> Outcome:
        self.current = call
        self.calls.put(call)
        if self.is_over:
            self.settle(_error("Runtime.ExitError", "Runtime exited before it was called"))
        try:
            return call.outcome.result(seconds)
        except TimeoutError:
            self.settle(_error("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds"))
            self.kill()
            return call.outcome.result()

    def settle(self, outcome: Outcome) -> None:
        """Settle the call that is under way; the first word counts."""
        with self._settling:
            if self.current is not None and not self.current.outcome.done():
                self.current.outcome.set_result(outcome)

    def kill(self) -> None:
        self.is_over = True
        self._process.kill()
        self._watch.join()

    def _wait(self) -> None:
        status = self._process.wait()
        self.is_over = True
        self.settle(_error("Runtime.ExitError", f"Runtime exited with status {status}"))
        # for the connection that waits for the next event of a process that is no more
        self.calls.put(None)


class Function:
    """A function in Lambda: a context manager; within it, it can be called here, and over HTTP at `endpoint`.

    `package`: the folder that is deployed, with all that is imported. `runtime`: the folder with the runtime client,
    which Lambda has beside it. `seconds`: what a call may take, unless it says so itself. As there, an environment that
    has ended is replaced by the next call.
    """

    def __init__(
        self,
        handler: str,
        package: Path,
        runtime: Path,
        variables: Mapping[str, str],
        *,
        log: Path,
        seconds: float = PATIENCE,
    ) -> None:
        self.seconds = seconds
        self._package = package
        # without `site`, so that nothing is found that is not in the package
        self._command = [sys.executable, "-S", "-m", "awslambdaric", handler]
        self._log = log
        self._variables = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join((str(package), str(runtime))),
            "LAMBDA_TASK_ROOT": str(package),
            # the client waits for events in a thread, as it does in what is deployed
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": handler.split(".")[-2].rpartition("/")[2],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "TZ": ":UTC",
            **variables,
        }
        self._one_at_a_time = threading.Lock()
        self.environment: Environment | None = None

    def __enter__(self) -> Function:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.environment is not None:
            self.environment.kill()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        """The address of Invoke."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def invoke(self, event: object, seconds: float | None = None, told: float | None = None) -> Any:
        """Return what the function answers. Raises FunctionFailed, RequestTooLarge.

        `told`: the seconds that it believes to have, where these are not those that it really has.
        """
        outcome = self.call(json.dumps(event).encode(), seconds, told)
        document = json.loads(outcome.body)
        if outcome.failed:
            raise FunctionFailed(document)
        return document

    def call(self, event: bytes, seconds: float | None = None, told: float | None = None) -> Outcome:
        """Waits until it is the event's turn, and then for its outcome. Raises RequestTooLarge."""
        if len(event) > REQUEST_BYTES:
            raise RequestTooLarge(
                f"{len(event)} byte payload is too large for the RequestResponse invocation type"
                f" (limit {REQUEST_BYTES} bytes)"
            )
        seconds = self.seconds if seconds is None else seconds
        told = seconds if told is None else told
        with self._one_at_a_time:
            if self.environment is None or self.environment.is_over:
                if self.environment is not None:
                    self.environment.kill()
                address = self.endpoint.removeprefix("http://")
                variables = self._variables | {"AWS_LAMBDA_RUNTIME_API": address}
                self.environment = Environment(self._command, variables, self._package, self._log)
            return self.environment.run(Call(event, int((time.time() + told) * 1e3)), seconds)

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines of the log."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, function: Function) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.function = function

    def handle_error(self, request: object, client_address: object) -> None:
        """A process that ends leaves connections behind; all else is a mistake of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Connection(BaseHTTPRequestHandler):
    """One connection of the runtime client, or of somebody who calls the function."""

    server: _Server
    protocol_version = "HTTP/1.1"
    # header and body in one write, sent at once: else a call takes 40 ms longer
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """The runtime client asks for the next event, and waits for it."""
        environment = self.server.function.environment
        if self.path != f"{RUNTIME}/invocation/next" or environment is None:
            self._answer(404, b"{}")
            return
        call = environment.calls.get()
        if call is None:
            self.close_connection = True
            return
        self._answer(
            200,
            call.event,
            {
                "Lambda-Runtime-Aws-Request-Id": call.id,
                "Lambda-Runtime-Deadline-Ms": str(call.deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:test",
                "Lambda-Runtime-Trace-Id": "Root=1-65a1b2c3-1234567890abcdef12345678;Sampled=0",
            },
        )

    def do_POST(self) -> None:
        """The runtime client says what came of an event, or somebody calls the function."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/2015-03-31/functions/") and self.path.endswith("/invocations"):
            self._invoke(body)
            return
        environment = self.server.function.environment
        current = environment.current if environment else None
        if environment is None or current is None:
            self._answer(404, b"{}")
        elif self.path in (f"{RUNTIME}/init/error", f"{RUNTIME}/invocation/{current.id}/error"):
            environment.is_over |= self.path.endswith("/init/error")
            environment.settle(Outcome(body, failed=True))
            self._answer(202, b'{"status": "OK"}')
        elif self.path != f"{RUNTIME}/invocation/{current.id}/response":
            self._answer(400, b'{"errorType": "InvalidRequestID"}')
        elif len(body) > ANSWER_BYTES:
            message = f"Response payload size exceeded maximum allowed payload size ({ANSWER_BYTES} bytes)."
            environment.is_over = True
            environment.settle(_error("Function.ResponseSizeTooLarge", message))
            self._answer(413, b'{"errorType": "RequestEntityTooLarge"}')
        else:
            environment.settle(Outcome(body))
            self._answer(202, b'{"status": "OK"}')

    def _invoke(self, event: bytes) -> None:
        try:
            outcome = self.server.function.call(event)
        except RequestTooLarge as error:
            self._answer(
                413, json.dumps({"message": str(error)}).encode(), {"x-amzn-ErrorType": "RequestTooLargeException"}
            )
            return
        self._answer(200, outcome.body, {"X-Amz-Function-Error": "Unhandled"} if outcome.failed else {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Not a word: what matters is in the function's own log."""
