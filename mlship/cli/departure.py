"""From where a plan departs: which model is live, and whether there is anything to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mlship.errors import UsageError
from mlship.journal.state import RolloutState, ServiceState
from mlship.journal.status import Status
from mlship.plan.model import Plan
from mlship.strategies import candidate_of

SERVED = (
    "command", "env", "workdir", "image", "digest", "build", "port", "secrets", "volumes", "user", "read-only",
)  # fmt: skip
"""Keys of a model that decide what it answers; replicas, waits and health checks may change under its name."""


def live_model(plan: Plan, state: ServiceState, *, served: Callable[[], bool], to_look: bool = False) -> str | None:
    """The model that the rollout starts from; None where the candidate is live already.

    `served` tells whether users can have had anything of the service; it is asked only where that matters.

    Raises:
        UsageError: the plan and the record do not fit together, or an unfinished rollout is in the way and this is not
            only `to_look`.
    """
    if state.rollout is not None and not state.down and not to_look:
        _refuse_unfinished(plan.service, state.rollout, served)
    live = _live(plan, state)
    if plan.live is None and plan.candidate is None and len(plan.models) > 1:
        raise UsageError(
            f"{plan.service}: the plan says neither what is live nor what replaces it",
            hint=f"add `live: {live}` or `candidate: ...`",
        )
    if plan.candidate != live and not _replaced(plan, state):
        if state.live == live and not state.down:
            _refuse_unjudged(plan, state, live, served)
        return live
    _refuse_another_definition(plan, state)
    return None


def _refuse_unjudged(plan: Plan, state: ServiceState, live: str, served: Callable[[], bool]) -> None:
    """What users have would be replaced in the first step, judged by nobody, and with it the way back."""
    recorded, written = state.models.get(live), plan.document.get("models", {}).get(live)
    if recorded is None or written is None:
        return
    changed = [key for key in SERVED if recorded.get(key) != written.get(key) and not _unknown(key, written)]
    if changed and served():
        raise UsageError(
            f"{live} is live, but with another {' and '.join(changed)} than the plan's",
            hint=f"leave {live} as it is, and give the new definition a name of its own: it becomes the candidate",
        )


def _refuse_another_definition(plan: Plan, state: ServiceState) -> None:
    live = state.live or ""
    recorded, written = state.models.get(live), plan.document.get("models", {}).get(live)
    if recorded is not None and written is not None and _pinned(recorded, written) != written:
        raise UsageError(
            f"{live} is live, but with another definition than the plan's",
            hint="give the new definition a name of its own, so that there is a way back",
        )


def _refuse_unfinished(service: str, rollout: RolloutState, served: Callable[[], bool]) -> None:
    untouched = rollout.status is Status.PARKED and rollout.step == 0
    if rollout.status.over or untouched:
        return
    ways = f"`mlship resume {service}` goes on with it, `mlship rollback {service}` takes it back"
    if not served():
        ways = f"nothing was routed yet: `mlship down {service}` ends it, then deploy the corrected plan"
    raise UsageError(f"{service} has an unfinished rollout ({rollout.rollout}, {rollout.status})", hint=ways)


def _live(plan: Plan, state: ServiceState) -> str:
    live = state.live if state.live and not state.down else plan.live
    if live is None:
        raise UsageError(
            f"nothing is known to be live for {plan.service}",
            hint="add `live: MODEL` to the plan for the first rollout",
        )
    if plan.live not in {None, live} and not _replaced(plan, state):
        raise UsageError(
            f"the plan says that {plan.live} is live, but {live} is", hint=f"write `live: {live}`, or leave `live` out"
        )
    if live not in plan.models and not _replaced(plan, state):
        raise UsageError(f"{live} is live, but the plan has no model of that name", hint=f"add {live} under `models`")
    return live


def _replaced(plan: Plan, state: ServiceState) -> bool:
    """The plan's candidate is what is live now: the plan has been carried out before."""
    if state.live is None or state.down or plan.live is None:
        return False
    return candidate_of(plan, plan.live) == state.live


def _unknown(key: str, written: Mapping[str, object]) -> bool:
    """What an image is now is not known before it has been fetched."""
    return key == "digest" and key not in written


def _pinned(recorded: Mapping[str, object], written: Mapping[str, object]) -> Mapping[str, object]:
    return {key: value for key, value in recorded.items() if not _unknown(key, written)}
