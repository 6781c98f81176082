"""Looks with the outcomes of users and requests, each unit counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from mlship.errors import OutOfReach
from mlship.journal.state import Reroute, RolloutState
from mlship.metrics.look import Look
from mlship.metrics.rewards import Asked, Rewards, RewardSource
from mlship.plan.step import Step


def counted(look: Look, step: Step, rollout: RolloutState, source: RewardSource) -> tuple[Look, str]:
    """The look with the next cohort of the step's metric, and the mark behind it; the old one where none is read."""
    mark = _mark(rollout)
    if step.metric is None or not rollout.reroutes:
        return look, mark
    changes = [reroute.at for reroute in rollout.reroutes]
    arms = tuple(dict.fromkeys((rollout.compiled.live, *step.challengers)))
    try:
        rewards, after = source.rewards(step.metric, Asked(arms=arms, since=changes[0], changes=changes[1:]), mark)
    except OutOfReach as error:
        return replace(look, trouble=look.trouble or error.message), mark
    return replace(look, rewards=replace(rewards, weights=_asked(rewards, rollout.reroutes))), after


def _mark(rollout: RolloutState) -> str:
    """Up to where the step's outcomes are counted in the journal."""
    last = rollout.last
    return last.counted if last is not None and last.step == rollout.step else ""


def _asked(rewards: Rewards, reroutes: Sequence[Reroute]) -> Mapping[str, int]:
    """How the units of the cohort were divided."""
    standing = [reroute for reroute in reroutes if reroute.at <= rewards.start]
    return (standing or reroutes)[-1 if standing else 0].weights
