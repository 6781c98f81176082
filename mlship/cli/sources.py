"""The sources of a plan's numbers, beside the counters of its router."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlship.cli import wiring
from mlship.metrics.sources import Sources
from mlship.plan.model import AB, Bandit, Shadow
from mlship.plan.outcome import Goal

if TYPE_CHECKING:
    from mlship.clock import Clock
    from mlship.drivers.base import Driver
    from mlship.metrics.answers import AnswerSource
    from mlship.metrics.base import Source
    from mlship.metrics.rewards import Asked, Rewards, RewardSource
    from mlship.metrics.sourced import SourcedNumbers
    from mlship.plan.model import Plan
    from mlship.plan.outcome import Metric
    from mlship.predictions.store import Predictions


def sources(plan: Plan, driver: Driver, clock: Clock) -> Sources:
    """What the plan's stages and gates need.

    Raises:
        UsageError: an expression of `capture`, or the settings of a source, cannot be used.
    """
    outside = _outside(plan, clock)
    return Sources(
        answers=answer_source(plan, driver, clock),
        outcomes=_Outcomes(reported=_reported(plan, driver, clock), outside=outside) if _tried(plan) else None,
        outside=outside,
    )


def answer_source(plan: Plan, driver: Driver, clock: Clock) -> AnswerSource | None:
    """Where the answers come from that the plan compares; None where it compares none."""
    if not any(isinstance(stage, Shadow) for stage in plan.stages):
        return None
    from mlship.metrics.answers import AnswerSource
    from mlship.predictions.source import CapturedAnswers, Captures

    if isinstance(driver, AnswerSource):
        return driver
    return CapturedAnswers(_predictions(plan, driver, clock), driver) if isinstance(driver, Captures) else None


def _tried(plan: Plan) -> bool:
    return any(isinstance(stage, AB | Bandit) for stage in plan.stages)


def _reported(plan: Plan, driver: Driver, clock: Clock) -> RewardSource | None:
    """Where the outcomes come from that applications report."""
    from mlship.metrics.rewards import RewardSource
    from mlship.predictions.rewards import CapturedRewards
    from mlship.predictions.source import Captures

    if isinstance(driver, RewardSource):
        return driver
    if not isinstance(driver, Captures):
        return None
    return CapturedRewards(_predictions(plan, driver, clock), driver, sticky=plan.assign_by is not None)


def _predictions(plan: Plan, driver: Driver, clock: Clock) -> Predictions:
    from mlship.predictions.source import lateness

    late = lateness(driver)
    return wiring.open_predictions(plan.service, plan.capture, clock, covariate=covariate(plan), late=late)


def covariate(plan: Plan) -> str | None:
    """What is read of each request beside `capture`: whoever takes lines in reads it, for they are read once."""
    covariates = (gate.covariate for gate in plan.gates.values() if isinstance(gate, Goal) and gate.covariate)
    return next(covariates, None)


def _outside(plan: Plan, clock: Clock) -> SourcedNumbers | None:
    asked = [metric for metric in plan.metrics.values() if metric.source]
    if not asked:
        return None
    from mlship.metrics.registry import sourced, specified
    from mlship.metrics.sourced import SourcedNumbers

    specs = {metric.name: specified(metric.source, metric.settings) for metric in asked}

    def opened(metric: Metric) -> Source:
        return sourced(specs[metric.name])

    return SourcedNumbers(open_source=opened, clock=clock)


class _Outcomes:
    """`RewardSource`: each metric where it comes from."""

    def __init__(self, *, reported: RewardSource | None, outside: SourcedNumbers | None) -> None:
        self._reported = reported
        self._outside = outside

    def rewards(self, metric: Metric, asked: Asked, mark: str) -> tuple[Rewards, str]:
        source = self._outside if metric.source else self._reported
        if source is None:
            from mlship.errors import OutOfReach

            raise OutOfReach(
                f"{metric.name}: this driver keeps no outcomes", hint="name a source in `metrics`, or another driver"
            )
        return source.rewards(metric, asked, mark)
