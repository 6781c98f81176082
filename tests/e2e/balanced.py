"""Each make of balancer in front of two models, as its owner runs it, for whole rollouts by the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tests.support.balanced_site import BalancedSite, Front
from tests.support.caddy_site import RUNTIME, caddy_site
from tests.support.envoy_site import envoy_site
from tests.support.haproxy_site import Balancer as Haproxy
from tests.support.haproxy_site import haproxy_site
from tests.support.nginx_site import Balancer as Nginx
from tests.support.nginx_site import nginx_site
from tests.support.traefik_site import Balancer as Traefik
from tests.support.traefik_site import traefik_site

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

    name: str
    """As people write it."""
    site: Callable[[], AbstractContextManager[BalancedSite[F]]]
    asked: Mapping[str, object] = field(default_factory=dict)
    """What is asked of the balancer."""
    stages: Stages | None = None
    """What a candidate goes through; None: those of the shipped plan, with shorter waits."""
    canary: Stages | None = None
    """The same without copies before it."""
    lost: int
    """Requests of thousands that may fail in these stages: connections that a change of this make ends."""
    live: object
    """What is `found` where v1 has everything."""
    found: Callable[[F], object]
    """The split that a balancer has, in its own words."""
    by_hand: Callable[[F], None]
    """Somebody else gives all traffic to v2."""
    away: Callable[[F], str]
    """What is said of one that is dead."""
    races: bool = True
    """It carries out a bandit, whose weights have steps of 0.01%."""
    begin: Callable[[BalancedSite[F]], None] | None = None
    """What comes before a first plan, beyond starting it."""

    def __str__(self) -> str:
        return self.name


def _haproxy_by_hand(front: Haproxy) -> None:
    front.api.ask(f"set map {front.map} digits any:v2:10000")


def _nginx_by_hand(front: Nginx) -> None:
    front.include.write_text(front.include.read_text().replace("10.00%", "100.00%"))
    front.reload()


def _traefik_begin(site: BalancedSite[Traefik]) -> None:
    """Its file is mlship's alone, and without it nobody is served."""
    site.up("v1").shutdown()


def _traefik_by_hand(front: Traefik) -> None:
    text = front.file.read_text()
    front.file.write_text(text.replace('"weight": 1000', '"weight": 10000').replace("9000", "0"))


MAKES: tuple[Make[Any], ...] = (
    Make(
        name="Caddy",
        site=caddy_site,
        asked={"runtime": RUNTIME},
        races=False,
        lost=4,  # one for each change of the split
        live={"v1": 1},
        found=lambda front: front.weights,
        by_hand=lambda front: front.set_by_hand(v2=1),
        away=lambda front: f"{front.admin} does not answer",
    ),
    Make(
        name="Envoy",
        site=envoy_site,
        stages=[COPIES, CANARY],
        canary=[CANARY],
        lost=0,
        live={"v1": 10_000},
        found=lambda front: front.weights,
        by_hand=lambda front: front.set_by_hand(split_v1=0, split_v2=10_000),
        away=lambda front: f"{front.admin} does not answer",
    ),
    Make(
        name="HAProxy",
        site=haproxy_site,
        lost=0,
        live="any:v1:10000",
        found=lambda front: front.entry,
        by_hand=_haproxy_by_hand,
        away=lambda front: f"{front.socket} does not answer",
    ),
    Make(
        name="nginx",
        site=nginx_site,
        lost=3,
        live="v1:10000",
        found=lambda front: front.entry,
        by_hand=_nginx_by_hand,
        away=lambda front: f"nginx 127.0.0.1:{front.port} does not",
    ),
    Make(
        name="Traefik",
        site=traefik_site,
        stages=[COPIES, CANARY],
        lost=0,
        live="v1:10000",
        found=lambda front: front.entry,
        by_hand=_traefik_by_hand,
        begin=_traefik_begin,
        away=lambda front: f"Traefik 127.0.0.1:{front.admin} does not answer",
    ),
)
