"""What should be there now, by the record: the routing, and how many replicas of which model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from mlship.journal.state import RolloutState, ServiceState
from mlship.journal.status import Status
from mlship.plan.routing import Routing
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the record asks of the world; between two steps it is a range."""

    routing: Routing | None = None
    """None: nothing has been routed yet, or nobody may say."""
    least: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Model → fewest replicas that must be ready."""
    explained: frozenset[str] = frozenset()
    """Models of which replicas may run."""


def standing(state: ServiceState) -> Standing:
    """What should be there now; nothing of a service that was torn down or has never had a rollout."""
    rollout = state.rollout
    if rollout is None or state.down:
        return Standing()
    if rollout.status is Status.ROLLED_BACK and rollout.back_to is not None:
        counts = {rollout.back_to: _replicas(state.models.get(rollout.back_to, {}))}
        return Standing(routing=rollout.asked, least=counts, explained=frozenset(counts))
    if rollout.status in {Status.ROLLING_BACK, Status.ROLLBACK_INCOMPLETE}:
        return Standing(routing=rollout.asked, least=_one_each(rollout.asked), explained=frozenset(state.models))
    return _under_way(rollout)


def _under_way(rollout: RolloutState) -> Standing:
    """After a step that is settled its replicas; else what it and the one before have in common."""
    steps = rollout.compiled.steps
    after = _counts(steps[: rollout.step + 1])
    current = rollout.current
    if rollout.status.over or rollout.settled_at is not None:
        routing = rollout.asked or (current.routing if current else None)
        # A challenger that is out may have died of it, and nobody brings it back.
        out = {verdict.challenger for verdict in rollout.verdicts if verdict.outcome is Outcome.FAIL}
        least = {model: count for model, count in after.items() if model not in out}
        return Standing(routing=routing, least=least, explained=frozenset(after))
    before = _counts(steps[: rollout.step])
    both = {model: min(count, after[model]) for model, count in before.items() if model in after}
    served = {} if rollout.asked is None else _one_each(rollout.asked)
    least = {model: max(both.get(model, 0), served.get(model, 0)) for model in (*both, *served)}
    return Standing(routing=rollout.asked, least=least, explained=frozenset((*before, *after)))


def _counts(steps: Sequence[Step]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for step in steps:
        counts |= step.ready
        counts |= {model: count for model, count in step.keep.items() if model in counts}
    return MappingProxyType({model: count for model, count in counts.items() if count})


def _one_each(routing: Routing | None) -> Mapping[str, int]:
    return {} if routing is None or routing.closed else dict.fromkeys(sorted(routing.models), 1)


def _replicas(document: Mapping[str, Any]) -> int:
    replicas = document.get("replicas", 1)
    return replicas if isinstance(replicas, int) else 1
