"""Each make of balancer as its owner starts it, reads it and changes it, without mlship."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tests.support.balanced_site import BalancedSite, Front
from tests.support.caddy_site import caddy_site
from tests.support.envoy_site import envoy_site
from tests.support.haproxy_site import Balancer as Haproxy
from tests.support.haproxy_site import haproxy_site
from tests.support.nginx_site import Balancer as Nginx
from tests.support.nginx_site import nginx_site
from tests.support.traefik_site import Balancer as Traefik
from tests.support.traefik_site import traefik_site

F = TypeVar("F", bound=Front)


@dataclass(frozen=True, kw_only=True)
class Owner(Generic[F]):
    """Of balancers of one make."""

    name: str
    """The make, as people write it."""
    site: Callable[[], AbstractContextManager[BalancedSite[F]]]
    live: object
    """What is `found` where v1 has everything."""
    found: Callable[[F], object]
    """The split that a balancer has, in its own words."""
    by_hand: Callable[[F], None]
    """Where v2 has a tenth of the traffic, somebody else gives it all."""
    away: Callable[[F], str]
    """What is said of one that is dead."""

    def __str__(self) -> str:
        return self.name

    @property
    def engine(self) -> str:
        """As tests and plans name it."""
        return self.name.lower()


def _haproxy_by_hand(front: Haproxy) -> None:
    front.api.ask(f"set map {front.map} {front.service} any:v2:10000")


def _nginx_by_hand(front: Nginx) -> None:
    front.include.write_text(front.include.read_text().replace("10.00%", "100.00%"))
    front.reload()


def _traefik_by_hand(front: Traefik) -> None:
    text = front.file.read_text()
    front.file.write_text(text.replace('"weight": 1000', '"weight": 10000').replace("9000", "0"))


CADDY: Owner[Any] = Owner(
    name="Caddy",
    site=caddy_site,
    live={"v1": 1},
    found=lambda front: front.weights,
    by_hand=lambda front: front.set_by_hand(v2=1),
    away=lambda front: f"{front.admin} does not answer",
)
ENVOY: Owner[Any] = Owner(
    name="Envoy",
    site=envoy_site,
    live={"v1": 10_000},
    found=lambda front: front.weights,
    by_hand=lambda front: front.set_by_hand(split_v1=0, split_v2=10_000),
    away=lambda front: f"{front.admin} does not answer",
)
HAPROXY: Owner[Any] = Owner(
    name="HAProxy",
    site=haproxy_site,
    live="any:v1:10000",
    found=lambda front: front.entry,
    by_hand=_haproxy_by_hand,
    away=lambda front: f"{front.socket} does not answer",
)
NGINX: Owner[Any] = Owner(
    name="nginx",
    site=nginx_site,
    live="v1:10000",
    found=lambda front: front.entry,
    by_hand=_nginx_by_hand,
    away=lambda front: f"nginx 127.0.0.1:{front.port} does not",
)
TRAEFIK: Owner[Any] = Owner(
    name="Traefik",
    site=traefik_site,
    live="v1:10000",
    found=lambda front: front.entry,
    by_hand=_traefik_by_hand,
    away=lambda front: f"Traefik 127.0.0.1:{front.admin} does not answer",
)
OWNERS = (CADDY, ENVOY, HAPROXY, NGINX, TRAEFIK)
