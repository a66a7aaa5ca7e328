"""A stand-in for AWS on this machine, to which serverless.yml is deployed unchanged.

The stand-in is MiniStack, or LocalStack if that is asked for (`infra.engines`). Both run the real functions, in
processes, called by real events. MiniStack hands over ten messages at once, and does not wait until there are more.
"""

from __future__ import annotations

import compileall
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import boto3
import httpx

from infra import limits, package, refusals
from infra.engines import ENGINES, HOST, MINISTACK, REGION, Engine, Place
from infra.osls import ROOT, osls
from infra.package import PACKAGES

FUNCTIONS_AT_ONCE = 1_000
"""What AWS lets an account run; a new one runs 10."""

READY_SECONDS = 600.0
"""Limit on starting: an idle machine takes two seconds, a busy one a minute. One that hangs reaches it."""

STOP_SECONDS = 60.0
"""Limit on the end of a process that was killed."""

OFTEN = {"SLS_AWS_MONITORING_FREQUENCY": "100"}
"""Milliseconds between two checks of a deployment: the stand-in takes half a second, AWS takes minutes."""


class LocalStackError(Exception):
    """The stand-in did not start, or its functions do not answer. The message says where to look."""


@dataclass(slots=True)
class Stack:
    """A stand-in, and one deployment in it.

    `folder`: the process's number, its output, the packages. What the stand-in knows is in its memory, and in there.
    """

    folder: Path
    port: int = 4566
    stage: str = "local"
    functions_at_once: int = FUNCTIONS_AT_ONCE
    engine: Engine = MINISTACK
    # where it was this process that started it
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which clients of AWS use the stand-in. Set them for `deploy`, and for opening the index."""
        return {
            # any text will do: it is checked by nobody
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    @property
    def name(self) -> str:
        """Name of the stack, and prefix of the names of its resources."""
        return f"lookalike-{self.stage}"

    @property
    def output(self) -> Path:
        """File with the output of the stand-in and of the functions."""
        return self.folder / "output.txt"

    @property
    def _refusals(self) -> Path:
        return self.folder / "refusals.jsonl"

    def refused(self) -> list[refusals.Refusal]:
        """Return what AWS would have refused the functions so far, oldest first."""
        return refusals.read(self._refusals)

    def client(self, service: str, **options: Any) -> Any:
        """Return a client of one service of the stand-in."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - as above
            **options,
        )

    def start(self) -> None:
        """Start the stand-in unless it runs. Raises LocalStackError."""
        if self.running() is not None:
            if (started := (self.folder / "engine").read_text()) != self.engine.name:
                raise LocalStackError(f"{started} runs already: make aws-local-stop ends it")
            return
        if not self.engine.program.exists():
            raise LocalStackError(
                f"{self.engine.program} is missing: make aws-local ENGINE={self.engine.name} installs it"
            )
        with socket.socket() as probe:
            if probe.connect_ex((HOST, self.port)) == 0:
                raise LocalStackError(f"port {self.port} is somebody else's: end what listens there first")
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        with self.output.open("w") as output:
            process = self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                [str(self.engine.program), "-m", self.engine.module],
                cwd=ROOT,
                env=self._environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.folder / "pid").write_text(str(process.pid))
        (self.folder / "engine").write_text(self.engine.name)
        wait_for(lambda: process.poll() is not None or self._is_ready(), READY_SECONDS, self._failed_to_start)
        if process.poll() is not None:
            raise LocalStackError(self._failed_to_start())

    def _environment(self) -> Mapping[str, str]:
        # each function is many processes, of which only the first is to compile what they import
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        place = Place(self.folder, self.port, self.functions_at_once)
        return {**inherited, **self.environment, **self.engine.variables(place)}

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.endpoint}{self.engine.health}", timeout=10).is_success
        except httpx.TransportError:
            return False

    def _failed_to_start(self) -> str:
        return f"the stand-in did not start; {self.output} says why:\n{self.output.read_text()[-2000:]}"

    def running(self) -> int | None:
        """Return the id of the process that `start` began, if it still runs."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            number = int((self.folder / "pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        command = ["ps", "-o", "args=", "-p", str(number)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
        return number if any(engine.module in found.stdout for engine in ENGINES.values()) else None

    def stop(self) -> bool:
        """Stop the stand-in, and delete its data. Returns whether it ran. Raises LocalStackError."""
        number = self.running()
        if number is not None:
            # the functions' processes are of its group; nothing of what they have is kept, so nobody is waited for
            os.killpg(number, signal.SIGKILL)
            wait_for(lambda: self.running() is None, STOP_SECONDS, lambda: f"process {number} does not end")
        shutil.rmtree(self.folder, ignore_errors=True)
        return number is not None

    def deploy(self, *chosen: str) -> None:
        """Deploy serverless.yml with these parameters (`--param=…`). Raises OslsError, and LocalStackError where only
        AWS would refuse it.

        Packages hold our sources alone: what they import is beside the stand-in, built for this machine.
        """
        for one in PACKAGES:
            tree = self.folder / one.name
            shutil.rmtree(tree, ignore_errors=True)
            package.copy_sources(tree, one)
            # each process of a function unpacks the sources anew, and would compile them
            compileall.compile_dir(tree, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
            package.write_zip(tree, self.folder / f"{one.name}.zip")
        # osls keeps what it does in `.serverless` beside serverless.yml, which two deployments at once would share
        (self.folder / "infra").mkdir(exist_ok=True)
        for source in (ROOT / "serverless.yml", ROOT / "infra" / "chosen.cjs", *(ROOT / "infra").glob("*.yml")):
            shutil.copyfile(source, self.folder / source.relative_to(ROOT))
        # on AWS the disk of a function is its own, here it is that of this machine: so nothing is kept there
        local = ("--param=packages=.", "--param=cache-bytes=0", "--param=budget=none")
        given = ("--stage", self.stage, *local, *self.engine.chosen, *chosen)
        osls("deploy", *given, folder=self.folder, **OFTEN)
        if refused := limits.refused(self.client, self.functions_at_once):
            raise LocalStackError("AWS would not take this deployment: " + "; ".join(refused))

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the stack."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def host(self) -> str:
        """Host name of the API, by which the stand-in recognises its requests.

        Names below localhost are this machine, as browsers and curl know; not every resolver does.
        """
        return self.engine.host(self.client, self.name, self.port)


def wait_for(is_so: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Return when the condition holds. Raises LocalStackError, with the text of `otherwise`, when time is up."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise LocalStackError(otherwise())
        time.sleep(0.1)
