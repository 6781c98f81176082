"""An account for the real command line: an emulator as a process of its own, or, with MLSHIP_AWS=1, a real one.

For a real account: credentials and region as AWS's tools have them, MLSHIP_AWS_ROLE an execution role, MLSHIP_AWS_IMAGE
an image that serves `/ping` and `/invocations`, MLSHIP_AWS_TYPE an instance type of which two may run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.emulators.clients import ROLE, TYPE, Clients
from tests.emulators.sagemaker.local import LocalModel, local_model
from tests.support.sagemaker_site import ENVIRONMENT
from tests.support.site import until

REAL = os.environ.get("MLSHIP_AWS") == "1"
SPEED = 300.0
"""Of the emulator: what takes a minute at AWS takes 0.2 s."""

PATIENCE = 7200.0 if REAL else 240.0
"""Seconds that a command may take; a real account also needs pytest's `--timeout 0`."""

ROOT = Path(__file__).parents[3]
CANARY = [{"strategy": "canary", "weights": ["10%", "50%"], "hold": "1s", "requests": 0, "gates": []}]


class Emulator:
    """The emulator's process, steered over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def order(self, what: str, **said: Any) -> Any:
        """An order, as the emulator's docstring has them."""
        body = json.dumps(said).encode()
        request = urllib.request.Request(f"{self.url}/_control/{what}", data=body, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def reset(self) -> None:
        """As if it had just begun."""
        self.order("reset", speed=SPEED)


class Account(Clients):
    """Clients of a real account, with credentials and region as AWS's tools have them."""

    def __call__(self, service: str) -> Any:
        """The client of a service by its botocore name."""
        import boto3

        if service not in self._made:
            self._made[service] = boto3.client(service)
        return self._made[service]


class Place:
    """One service and its users."""

    service = "scorer"

    def __init__(self, emulator: Emulator | None, folder: Path, images: dict[str, str]) -> None:
        self.emulator = emulator
        self.folder = folder
        self.images = images
        aws = {**ENVIRONMENT, "AWS_ENDPOINT_URL": emulator.url} if emulator else {}
        self.environment = {
            **os.environ,
            **aws,
            "MLSHIP_STATE": str(folder / "state"),
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }
        self.clients = Clients(emulator.url) if emulator else Account("")
        self.started: list[subprocess.Popen[str]] = []
        self.wait = "100ms" if emulator else "10s"

    def plan(self, stages: list[dict[str, Any]] | None = None, *, name: str = "plan", **more: Any) -> Path:
        """A plan from v1 to v2; a plan is YAML, and JSON is."""
        role, kind = (ROLE, TYPE) if self.emulator else (os.environ["MLSHIP_AWS_ROLE"], os.environ["MLSHIP_AWS_TYPE"])
        settings = {"role": role, "instance-type": kind, "poll": self.wait, "attempts": 3, **more.pop("settings", {})}
        file = self.folder / f"{name}.json"
        document = {
            "version": 1,
            "service": self.service,
            "driver": {"sagemaker": settings},
            "models": {model: {"image": image} for model, image in self.images.items()},
            "live": "v1",
            "look-every": "300ms",
            "stages": CANARY if stages is None else stages,
            "guards": [],
            **more,
        }
        file.write_text(json.dumps(document), "utf-8")
        return file

    def mlship(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "mlship", *map(str, words)],
            env=self.environment | environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def deploy(self, plan: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """`mlship deploy --yes`."""
        return self.mlship("deploy", plan, "--yes", "--output", "plain", **environment)

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """One command, in the background."""
        output = self.folder / f"out-{len(self.started)}.txt"
        with output.open("w") as sink:
            started = subprocess.Popen(
                [sys.executable, "-m", "mlship", *map(str, words)],
                env=self.environment, stdout=sink, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        self.started.append(started)
        return started

    def bring_up(self) -> None:
        """v1 alone, with all the traffic."""
        v1 = {"v1": {"image": self.images["v1"]}}
        brought = self.deploy(self.plan([], name="alone", models=v1))
        assert brought.returncode == 0, brought.stdout + brought.stderr

    def weights(self) -> dict[str, int]:
        """What the endpoint really does, in basis points; {} where it is not there, or not yet."""
        try:
            told = self.clients.describe(self.service).get("ProductionVariants", [])
        except self.clients.sagemaker.exceptions.ClientError:
            return {}
        total = sum(each["CurrentWeight"] for each in told)
        return {each["VariantName"]: round(10_000 * each["CurrentWeight"] / total) for each in told}

    def until_share(self, model: str) -> None:
        """Wait until the model has users."""
        until(lambda: self.weights().get(model, 0) > 0)

    def ask(self, number: int = 20, **more: Any) -> Counter[str]:
        """Which variants answer so many requests."""
        return Counter(self.clients.invoke(self.service, **more)["InvokedProductionVariant"] for _ in range(number))

    def clear(self) -> None:
        """Leave nothing behind."""
        for process in self.started:
            process.kill()
            process.wait()
        if self.emulator is None:
            self.mlship("down", self.service, "--yes")


@contextmanager
def emulator_process() -> Iterator[Emulator]:
    """The emulator, on a free port."""
    words = [sys.executable, "-m", "tests.emulators.sagemaker", "--speed", str(SPEED)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}
    ) as run:
        assert run.stdout is not None
        try:
            yield Emulator(run.stdout.readline().strip())
        finally:
            run.terminate()


@contextmanager
def hosted(emulator: Emulator | None, folder: Path) -> Iterator[Place]:
    """A place with models v1 and v2."""
    with ExitStack() as stack:
        if emulator is None:
            images = dict.fromkeys(("v1", "v2"), os.environ["MLSHIP_AWS_IMAGE"])
        else:
            emulator.reset()
            models: list[LocalModel] = [stack.enter_context(local_model(name)) for name in ("v1", "v2")]
            images = {model.name: model.image for model in models}
        place = Place(emulator, folder, images)
        try:
            yield place
        finally:
            place.clear()
