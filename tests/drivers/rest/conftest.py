"""Two models behind Apache httpd, behind nghttpx, and behind servers that speak other APIs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlship.drivers.balancer.rest import RestDriver
from mlship.drivers.base import Opening
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.pool import Pool
from mlship.plan.routing import all_to
from tests.support.balanced_site import CLOCK
from tests.support.rest_site import SHIPPED, ApacheSite, NghttpxSite, apache_site, nghttpx_site
from tests.support.rest_stub import Plain, Product, Ready, Stub, listening, stub

TEMPLATES: Mapping[str, Any] = {
    "scale": {"total": 10000},
    "read": {"request": {"path": "/split"}, "weight": "{{each.name}}", "token": {"header": "ETag"}},
    "write": {
        "request": {"method": "PUT", "path": "/split", "headers": {"If-Match": "{{token}}"}, "json": "{{weight}}"}
    },
    "verify": {"within": "200ms"},
    "timeout": "1s",
}
"""For `Plain`."""


@pytest.fixture(scope="module")
def _apache() -> Iterator[ApacheSite]:
    with apache_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance(2)
        yield opened


@pytest.fixture
def apache(_apache: ApacheSite) -> ApacheSite:
    """v1 and v2, members of the balancers of two Apache."""
    _apache.anew()
    return _apache


@pytest.fixture(scope="module")
def _nghttpx() -> Iterator[NghttpxSite]:
    with nghttpx_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance(2)
        yield opened


@pytest.fixture
def nghttpx(_nghttpx: NghttpxSite) -> NghttpxSite:
    """v1 and v2 behind two nghttpx; before anything is set, v1 serves."""
    _nghttpx.anew()
    return _nghttpx


@dataclass(kw_only=True)
class Bench:
    """Servers that are ready, and drivers over stubs."""

    state: Path
    servers: Mapping[str, tuple[str, ...]]

    def open(self, settings: Mapping[str, Any], *stubs: Stub, fence: int | None = 1, **more: Any) -> RestDriver:
        """The driver over these nodes."""
        return RestDriver(self.opening({**settings, "nodes": [{"url": each.url} for each in stubs], **more}, fence))

    def opening(self, settings: Mapping[str, Any], fence: int | None) -> Opening:
        """What the driver is opened with."""
        models = {
            name: Model(name=name, health=Health(within=5.0), pool=Pool(servers=servers))
            for name, servers in self.servers.items()
        }
        spec = DriverSpec(name="rest", settings=settings)
        return Opening(service="scorer", spec=spec, models=models, fence=fence, state=self.state, clock=CLOCK)

    def up(self, settings: Mapping[str, Any], *stubs: Stub, **more: Any) -> RestDriver:
        """The driver with both models ready, and everything on v1."""
        driver = self.open(settings, *stubs, **more)
        for model in self.servers:
            driver.ensure(model, 1)
        driver.route(all_to("v1"))
        return driver


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """v1 has two servers, v2 one."""
    with ExitStack() as stack:
        one, two, three = (f"127.0.0.1:{stack.enter_context(listening(Ready))}" for _ in range(3))
        yield Bench(state=tmp_path, servers={"v1": (one, two), "v2": (three,)})


@pytest.fixture
def serve() -> Iterator[Callable[[Product], Stub]]:
    """Has products listen until the test is over."""
    with ExitStack() as stack:
        yield lambda product: stack.enter_context(stub(product))


@pytest.fixture
def plain(serve: Callable[[Product], Stub]) -> Stub:
    """One document with all weights; everything is on v1."""
    return serve(Plain(weights={"v1": 10000, "v2": 0}))


def shipped(name: str) -> dict[str, Any]:
    """The driver's settings of a shipped plan, with less patience."""
    document = yaml.safe_load((SHIPPED / f"rest-{name}.yaml").read_text("utf-8"))
    return {**document["driver"]["rest"], "verify": {"within": "200ms"}}
