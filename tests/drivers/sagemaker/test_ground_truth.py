"""Whole rollouts of a shadow variant: its answers out of S3, and what turned out, judged by the engine."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from mlship.drivers.base import Driver
from mlship.drivers.sagemaker import SagemakerDriver
from mlship.journal.events import Looked
from mlship.journal.status import Status
from mlship.metrics.sources import Sources
from mlship.plan.answergates import Direction, Quality
from mlship.plan.model import CaptureSettings, Plan, Shadow
from mlship.plan.routing import WHOLE
from mlship.predictions.form import Format
from mlship.predictions.formats import Columns
from mlship.predictions.outcomes import take
from mlship.predictions.remote import read
from mlship.predictions.source import CapturedAnswers, lateness
from mlship.predictions.store import Predictions
from tests.drivers.sagemaker.rehearsal import LONG, Rollout
from tests.drivers.sagemaker.truth import BUCKET, tell
from tests.strategies.plans import plan
from tests.support.sagemaker_site import SagemakerSite

CAPTURE = CaptureSettings(prediction="model")
EVERY = 60
"""Seconds between two visits of the users, while the engine waits."""
USERS = 12


class Shadowed(Rollout):
    """Users come now and then, and what was right is in S3 at once."""

    def __init__(self, site: SagemakerSite, folder: Path, asked: Plan, right: str) -> None:
        super().__init__(site, folder, asked, on=self._passes)
        self.kept = Predictions(folder / "kept", CAPTURE, site.aws.clock)
        self._right = right
        self._passed = 0.0
        self._numbers = itertools.count()

    def sources(self, driver: Driver) -> Sources:
        assert isinstance(driver, SagemakerDriver)
        kept = Predictions(self.folder / "kept", CAPTURE, self.clock, late=lateness(driver))
        return Sources(answers=CapturedAnswers(kept, driver))

    def _passes(self, seconds: float) -> None:
        self._passed += seconds if seconds < LONG else 0.0
        if self._passed < EVERY:
            return
        self._passed = 0.0
        names = [f"order-{next(self._numbers)}" for _ in range(USERS)]
        for name in names:
            assert self.site.ask(InferenceId=name) == ["v1"]
        self.site.aws.drain()
        tell(self.site, f"{names[0]}.jsonl", names, self._right)
        take(read(f"s3://{BUCKET}/truth/{names[0]}.jsonl", Format.AUTO, Columns()), "label", self.kept)


def asked(site: SagemakerSite) -> Plan:
    """v2 gets copies until it is known to be right more often."""
    site.clients("s3").create_bucket(Bucket=BUCKET)
    site.settings["capture"] = f"s3://{BUCKET}/live"
    right = Quality(name="right", metric="accuracy", direction=Direction.BETTER_THAN, least=20)
    stage = Shadow(name="shadow", gates=("right",), mirror={"v2": WHOLE}, hold=0.0, requests=20, at_most=7200.0)
    models = {name: site.models[name] for name in ("v1", "v2")}
    return plan(stage, models=models, gates={"right": right}, guards=(), look_every=60.0, capture=CAPTURE)


@pytest.mark.parametrize(("right", "end"), [("v2", Status.PROMOTED), ("v1", Status.ROLLED_BACK)])
def test_ground_truth_decides(site: SagemakerSite, tmp_path: Path, right: str, end: Status) -> None:
    """Whichever was right more often: the challenger goes on, or users never meet it."""
    rollout = Shadowed(site, tmp_path, asked(site), right)

    assert rollout.start() is end
    assert rollout.weights == {"v2" if end is Status.PROMOTED else "v1": WHOLE}
    looks = [recorded.event.look for recorded in rollout.events if isinstance(recorded.event, Looked)]
    assert sum(look.answers["v2"].total.labelled for look in looks if "v2" in look.answers) >= 10
