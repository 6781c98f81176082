"""Each make of balancer in front of two models, and what its changes, reloads and restarts may cost users."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from mlship.plan.pool import Pool
from tests.support.balanced_site import BalancedSite, Front
from tests.support.caddy_site import RUNTIME, caddy_site
from tests.support.envoy_site import envoy_site
from tests.support.haproxy_site import Balancer as Haproxy
from tests.support.haproxy_site import HaproxySite, haproxy_site
from tests.support.haproxy_weights import CHECK
from tests.support.nginx_site import Balancer as Nginx
from tests.support.nginx_site import nginx_site
from tests.support.rest_site import Apache, Nghttpx, apache_site, nghttpx_site
from tests.support.site import until
from tests.support.traefik_site import Balancer as Traefik
from tests.support.traefik_site import traefik_site

F = TypeVar("F", bound=Front)


@dataclass(frozen=True, kw_only=True)
class Make(Generic[F]):
    """One of them."""

    name: str
    engine: str
    site: Callable[[], AbstractContextManager[BalancedSite[F]]]
    asked: Mapping[str, object] = field(default_factory=dict)
    """What is asked of each balancer."""
    kept: int = 0
    """Requests that twenty changes may fail over connections that stay open, at 700 per second."""
    fresh: int = 0
    """The same over a connection for each request."""
    once: int = 0
    """Requests that one change, or one reload, may fail."""
    reload: Callable[[F], None] | None = None
    """What its owner does to have it read its configuration anew, until it has."""
    reload_forgets: bool = False
    """What comes back is what the configuration says: the live model alone."""
    restart_forgets: bool = False
    stop: Callable[[F], None] = field(default=lambda front: front.kill())

    def __str__(self) -> str:
        return self.name

    @contextmanager
    def opened(self, count: int = 1) -> Iterator[BalancedSite[F]]:
        """v1 and v2 behind so many of them, which send everything to v1."""
        with self.site() as site:
            for name in ("v1", "v2"):
                site.serve(name)
            site.balance(count, **self.asked)
            if self.name == "haproxy-weights":
                # Servers of one backend go by their names.
                site.models = {name: replace(model, pool=Pool(servers=(name,))) for name, model in site.models.items()}
            yield site


@contextmanager
def _weights_site() -> Iterator[HaproxySite]:
    with haproxy_site() as site:
        site.settings = {"layout": "weights", "backend": "app"}
        yield site


_WEIGHTS = ["balance roundrobin", f"server v1 {{v1}} weight 100 {CHECK}", f"server v2 {{v2}} weight 0 {CHECK}"]


def _reload_nginx(front: Nginx) -> None:
    before = front.workers
    front.reload()
    until(lambda: not before & front.workers)


def _reload_traefik(front: Traefik) -> None:
    """Its owner changes another file."""
    (front.file.parent / "other.yml").write_text(
        'http: { services: { other: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } } }\n'
    )
    until(lambda: any(each["name"] == "other@file" for each in front.api.services()))


MAKES: tuple[Make[Any], ...] = (
    Make(
        name="caddy",
        engine="caddy",
        site=caddy_site,
        asked={"runtime": RUNTIME},
        kept=16,
        fresh=10,
        once=4,
        reload=lambda front: front.reload(),
        reload_forgets=True,
    ),
    Make(name="envoy", engine="envoy", site=envoy_site, restart_forgets=True),
    Make(name="haproxy", engine="haproxy", site=haproxy_site, reload=Haproxy.reload),
    Make(
        name="haproxy-weights",
        engine="haproxy",
        site=_weights_site,
        asked={"weights": _WEIGHTS},
        reload=Haproxy.reload,
    ),
    Make(name="nginx", engine="nginx", site=nginx_site, kept=5, once=2, reload=_reload_nginx),
    Make(name="traefik", engine="traefik", site=traefik_site, reload=_reload_traefik),
    Make(name="apache", engine="apache", site=apache_site, reload=Apache.reload, stop=Apache.stop),
    Make(
        name="nghttpx",
        engine="nghttpx",
        site=nghttpx_site,
        reload=Nghttpx.reload,
        reload_forgets=True,
        restart_forgets=True,
    ),
)
