"""Where the world is not as the journal says."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from mlship.drivers.base import Observed, ObservedModel
from mlship.journal.standing import Standing, standing
from mlship.journal.state import ServiceState
from mlship.plan.routing import Routing, all_to
from mlship.views.words import plural, weights


def drift(observed: Observed, state: ServiceState | None) -> tuple[str, ...]:
    """One sentence per difference; none: all is as recorded."""
    if state is not None and state.down:
        return tuple(_left_running(observed))
    due = standing(state) if state is not None else Standing()
    if due.routing is not None:
        return (*_routing(observed, due.routing), *_replicas(observed, due))
    # A rollout that has not routed yet leaves everything on the live model.
    expected = weights(all_to(state.live)) if state is not None and state.live else ""
    if observed.routing is None or weights(observed.routing) == expected:
        return ()
    return (f"the router sends {weights(observed.routing)}, recorded is {expected or 'nothing'}",)


def leftovers(observed: Observed, state: ServiceState) -> tuple[str, ...]:
    """Models that run although nothing recorded explains them, by name."""
    explained = standing(state).explained
    return tuple(model for model, there in sorted(observed.models.items()) if there.running and model not in explained)


def _left_running(observed: Observed) -> Iterator[str]:
    if observed.router:
        yield "the router runs, recorded is that everything was stopped"


def _routing(observed: Observed, recorded: Routing) -> Iterator[str]:
    if not observed.router:
        yield "the router does not answer"
    if observed.routing is not None and observed.routing.shift:
        yield f"the backend is still moving the traffic by itself: {weights(observed.routing)}"
    elif observed.routing is None:
        yield f"there is no routing, recorded is {weights(recorded)}"
    elif weights(observed.routing) != weights(recorded):
        yield f"the routing is {weights(observed.routing)}, recorded is {weights(recorded)}"
    elif not _same(observed.routing, recorded):
        yield "the routing has the recorded weights, but other rules, captures or assignment of users"


def _replicas(observed: Observed, due: Standing) -> Iterator[str]:
    for model, least in sorted(due.least.items()):
        there = observed.models.get(model, ObservedModel())
        if observed.unreachable and not there.running:
            yield f"whether {model} runs is unknown"
        elif there.running == 0 < least:
            yield f"{model} does not run"
        elif there.running < least:
            yield f"{model}: {there.running} of {plural(least, 'replica')} run"
        elif there.ready < there.running:
            yield f"{model}: {there.ready} of {plural(there.running, 'replica')} are ready"


def _same(one: Routing, other: Routing) -> bool:
    """No user can tell them apart: how users are assigned means nothing where all go to one model."""
    if one.weights != other.weights or len(one.weights) > 1:
        return one == other
    return replace(one, segments=other.segments, assign_by=other.assign_by, salt=other.salt) == other
