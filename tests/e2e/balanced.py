"""Each make of balancer in front of two models, as its owner runs it, for whole rollouts by the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tests.support.balanced_site import BalancedSite, Front
from tests.support.caddy_site import RUNTIME
from tests.support.owners import CADDY, ENVOY, HAPROXY, NGINX, TRAEFIK, Owner
from tests.support.traefik_site import Balancer as Traefik

F = TypeVar("F", bound=Front)
Stages = Sequence[Mapping[str, Any]]

COPIES: Mapping[str, Any] = {
    "strategy": "shadow", "mirror": {"v2": "50%"}, "hold": "1s", "requests": 20, "at-most": "30s",
    "gates": [{"metric": "error_rate", "max": "5%"}],
}  # fmt: skip
RACE: Mapping[str, Any] = {
    "strategy": "bandit", "arms": ["v1", "v2"], "goal": "sales", "every": "1s", "batch": 50, "floor": "30%",
    "burn-in": 50, "stop": "evidence", "alpha": "5%", "hold": "1s", "at-most": "2m", "gates": [],
}  # fmt: skip
CANARY: Mapping[str, Any] = {"strategy": "canary", "weights": ["10%", "50%"], "hold": "1s", "gates": ["no-more-errors"]}


@dataclass(frozen=True, kw_only=True)
class Make(Generic[F]):
    """One of them."""

    owner: Owner[F]
    asked: Mapping[str, object] = field(default_factory=dict)
    """What is asked of the balancer."""
    stages: Stages | None = None
    """What a candidate goes through; None: those of the shipped plan, with shorter waits."""
    canary: Stages | None = None
    """The same without copies before it."""
    lost: int = 0
    """Requests of thousands that may fail in these stages: connections that a change of this make ends."""
    races: bool = True
    """It carries out a bandit, whose weights have steps of 0.01%."""
    begin: Callable[[BalancedSite[F]], None] | None = None
    """What comes before a first plan, beyond starting it."""

    def __str__(self) -> str:
        return str(self.owner)


def _traefik_begin(site: BalancedSite[Traefik]) -> None:
    """Its file is mlship's alone, and without it nobody is served."""
    site.up("v1").shutdown()


MAKES: tuple[Make[Any], ...] = (
    Make(owner=CADDY, asked={"runtime": RUNTIME}, races=False, lost=4),  # one for each change of the split
    Make(owner=ENVOY, stages=[COPIES, CANARY], canary=[CANARY]),
    Make(owner=HAPROXY),
    Make(owner=NGINX, lost=3),
    Make(owner=TRAEFIK, stages=[COPIES, CANARY], begin=_traefik_begin),
)
