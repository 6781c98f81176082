"""An AWS account in a process of its own, a service in it, and the command line that works on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
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

SPEED = 300
"""What takes five minutes at AWS takes a second here."""


class Account:
    """One service, v1 to v2 on two instances each."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.service = f"scorer-{folder.name[-20:].strip('-_')}".replace("_", "-").lower()
        self.clients = Clients(url)
        self.models: dict[str, LocalModel] = {}
        self.output = folder / "out.txt"
        self.environment = {
            **os.environ,
            **ENVIRONMENT,
            "AWS_ENDPOINT_URL": url,
            "MLSHIP_STATE": str(folder / "state"),
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }

    def order(self, what: str, **said: Any) -> Any:
        """Steer the account, as its control takes it."""
        request = urllib.request.Request(f"{self.url}/_control/{what}", json.dumps(said).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def plan(self, *stages: dict[str, Any], **more: Any) -> Path:
        """The plan, with stages that nothing but SageMaker judges unless they say so."""
        plan = {
            "version": 1,
            "service": self.service,
            "driver": {"sagemaker": {"role": ROLE, "instance-type": TYPE, "poll": "100ms"}},
            "models": {name: {"image": model.image, "replicas": 2} for name, model in self.models.items()},
            "live": "v1",
            "guards": [],
            "stages": [{"gates": [], **stage} for stage in stages],
            **more,
        }
        file = self.folder / "plan.yaml"
        file.write_text(json.dumps(plan), "utf-8")
        return file

    def mlship(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "mlship", *map(str, words)],
            env=self.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def deploy(self, plan: Path) -> subprocess.CompletedProcess[str]:
        """`mlship deploy --yes`."""
        return self.mlship("deploy", plan, "--yes", "--output", "plain")

    @contextmanager
    def deploying(self, plan: Path) -> Iterator[subprocess.Popen[str]]:
        """`mlship deploy` in the background; its lines are in `output`."""
        words = [sys.executable, "-m", "mlship", "deploy", str(plan), "--yes", "--output", "plain"]
        with self.output.open("w") as sink:
            run = subprocess.Popen(words, env=self.environment, stdout=sink, stderr=subprocess.STDOUT, text=True)
        try:
            yield run
        finally:
            run.kill()
            run.wait()

    def said(self, words: str) -> None:
        """Wait until the run in the background says so."""
        until(lambda: words in self.output.read_text("utf-8"))

    def updates(self) -> int:
        """How often anybody has asked for an update."""
        return int(self.order("calls").get("sagemaker:UpdateEndpoint", 0))

    def alarm(self, state: str) -> None:
        """Put the alarm `loud` into a state, in which it stays."""
        cloudwatch = self.clients("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName="loud",
            Namespace="Own",
            MetricName="errors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
        cloudwatch.set_alarm_state(AlarmName="loud", StateValue=state, StateReason="said so")

    def ask(self) -> str:
        """Which model answers a user; what went wrong where none does."""
        try:
            told: dict[str, str] = json.loads(self.clients.invoke(self.service)["Body"].read())
        except Exception as error:  # noqa: BLE001 - whatever a user meets is counted
            return repr(error)
        return told["model"]

    @contextmanager
    def users(self) -> Iterator[Counter[str]]:
        """Steady requests; counts the answers by model, and everything else by what it was."""
        answers: Counter[str] = Counter()
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(0.05):
                answers[self.ask()] += 1

        worker = threading.Thread(target=work)
        worker.start()
        try:
            yield answers
        finally:
            ended.set()
            worker.join()


@contextmanager
def emulated() -> Iterator[str]:
    """The URL of an emulator in a process of its own."""
    words = [sys.executable, "-m", "tests.emulators.sagemaker", "--speed", str(SPEED)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def account(url: str, folder: Path) -> Iterator[Account]:
    """An account with models v1 and v2, of which v1 serves."""
    opened = Account(url, folder)
    with ExitStack() as stack:
        for name in ("v1", "v2"):
            opened.models[name] = stack.enter_context(local_model(name))
        alone = opened.plan(models={"v1": {"image": opened.models["v1"].image, "replicas": 2}})
        brought = opened.deploy(alone)
        assert brought.returncode == 0, brought.stdout + brought.stderr
        yield opened
