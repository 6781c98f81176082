"""What tests of managed stages do at a place: plans on two instances, a run in the background, users, an alarm."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.sagemaker.place import Emulator, Place
from tests.support.site import until


def plan(place: Place, *stages: dict[str, Any], **more: Any) -> Path:
    """Stages that nothing but SageMaker judges, unless they say so."""
    models = {model: {"image": image, "replicas": 2} for model, image in place.images.items()}
    return place.plan([{"gates": [], **stage} for stage in stages], models=models, **more)


def output(place: Place) -> str:
    """What the run in the background has said so far."""
    return (place.folder / f"out-{len(place.started) - 1}.txt").read_text("utf-8")


def start(place: Place, file: Path, until_it_says: str) -> subprocess.Popen[str]:
    """`mlship deploy` in the background, that has said something."""
    run = place.start("deploy", file, "--yes", "--output", "plain")
    until(lambda: until_it_says in output(place))
    return run


def updates(aws: Emulator) -> int:
    """How often anybody has asked for an update."""
    return int(aws.order("calls").get("sagemaker:UpdateEndpoint", 0))


def held_up(aws: Emulator) -> None:
    """The next update stays where its instances start, until it is released."""
    aws.order("outcome", kind="stuck", on="update")


def alarm(place: Place, state: str) -> None:
    """Put the alarm `loud` into a state, in which it stays."""
    cloudwatch = place.clients("cloudwatch")
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


def asked(place: Place) -> str:
    """Which model answers a user, whatever its variant is called; what went wrong where none does."""
    try:
        told: dict[str, str] = json.loads(place.clients.invoke(place.service)["Body"].read())
    except Exception as error:  # noqa: BLE001 - whatever a user meets is counted
        return repr(error)
    return told["model"]


def serves(place: Place) -> set[str]:
    """The models that answer now."""
    return {asked(place) for _ in range(10)}


@contextmanager
def users(place: Place) -> Iterator[Counter[str]]:
    """Steady requests; counts the answers by model, and everything else by what it was."""
    answers: Counter[str] = Counter()
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            answers[asked(place)] += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield answers
    finally:
        ended.set()
        worker.join()
