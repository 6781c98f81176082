"""Shifts, and what is asked about them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from mlship.drivers.base import Observed
from mlship.plan.routing import Routing, all_to
from mlship.plan.shift import Shift, ShiftKind
from tests.support.sagemaker_site import SagemakerSite

CANARY = Shift(kind=ShiftKind.CANARY, share=1000, parts=2, interval=600.0, bake=300.0, limit=5400.0)
LINEAR = Shift(kind=ShiftKind.LINEAR, share=2500, parts=4, interval=60.0, bake=60.0, limit=5400.0)
SWITCH = Shift(kind=ShiftKind.ALL_AT_ONCE, bake=300.0, limit=3600.0)
ROLLING = Shift(kind=ShiftKind.ROLLING, batch=1, parts=2, interval=60.0, bake=60.0, limit=3600.0)


def serving(site: SagemakerSite) -> None:
    """v1 serves on two instances."""
    site.models = {name: replace(model, replicas=2) for name, model in site.models.items()}
    driver = site.open()
    driver.ensure("v1", 2)
    driver.route(all_to("v1"))


def to_v2(shift: Shift, **changes: Any) -> Routing:
    return replace(all_to("v2"), shift=replace(shift, **changes))


def alarm(site: SagemakerSite, name: str, state: str = "OK") -> None:
    """An alarm that nothing but a test puts into a state."""
    site.clients("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Own",
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    site.clients("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="said so")


def updates(site: SagemakerSite) -> int:
    return site.aws.calls["sagemaker:UpdateEndpoint"]


def seen(site: SagemakerSite) -> Observed:
    return site.open(fence=None).observe()


class Killed(BaseException):
    """Ends a wait as `kill -9` does."""


def cut_short(site: SagemakerSite, shift: Shift, *, looks: int) -> None:
    """Begin a shift and die after so many looks at it."""
    left = looks
    driver = site.open()

    def told(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 1:
            raise Killed

    driver.tell(told)
    with pytest.raises(Killed):
        driver.route(to_v2(shift))
