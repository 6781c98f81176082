"""Where the world is not as the journal says."""

from __future__ import annotations

from collections.abc import Iterator

from mlship.drivers.base import Observed, ObservedModel
from mlship.journal.state import ServiceState
from mlship.plan.routing import Routing, all_to
from mlship.views.words import weights


def drift(observed: Observed, state: ServiceState | None) -> tuple[str, ...]:
    """One sentence per difference; none: all is as recorded."""
    recorded = state.rollout.asked if state and state.rollout else None
    if state is not None and state.down:
        return tuple(_left_running(observed))
    if recorded is not None:
        return tuple(_differences(observed, recorded))
    # A rollout that has not routed yet leaves everything on the live model.
    expected = weights(all_to(state.live)) if state is not None and state.live else ""
    if observed.routing is None or weights(observed.routing) == expected:
        return ()
    return (f"the router sends {weights(observed.routing)}, recorded is {expected or 'nothing'}",)


def _left_running(observed: Observed) -> Iterator[str]:
    if observed.router:
        yield "the router runs, recorded is that everything was stopped"


def _differences(observed: Observed, recorded: Routing) -> Iterator[str]:
    if not observed.router:
        yield "the router does not answer"
    if observed.routing is None:
        yield f"there is no routing, recorded is {weights(recorded)}"
    elif weights(observed.routing) != weights(recorded):
        yield f"the routing is {weights(observed.routing)}, recorded is {weights(recorded)}"
    for model in sorted(recorded.models):
        there = observed.models.get(model, ObservedModel())
        if there.running == 0:
            yield f"{model} does not run"
        elif there.ready < there.running:
            yield f"{model}: {there.ready} of {there.running} replicas are ready"
