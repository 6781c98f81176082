"""Layout weights: what the state file brings back after a reload, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite
from tests.support.haproxy_weights import reconfigured, state_of, up, weighing
from tests.support.site import until

pytestmark = pytest.mark.haproxy

STOPPED, RUNNING = 0, 2
SERVES, MAINTAINED, CONFIGURED, DRAINING = 0, 1, 5, 8


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """As it should be."""
    with weighing() as opened:
        yield opened


@pytest.mark.parametrize(("state", "admin"), [("maint", MAINTAINED), ("drain", DRAINING)])
def test_what_the_owner_has_set_for_a_while(site: HaproxySite, state: str, admin: int) -> None:
    """It ends as it would have ended without mlship: with `ready`, or with the next reload."""
    driver = up(site)
    site.balancer.api.ask(f"set server app/v1b state {state}")
    driver.route(drawn(2000))
    assert state_of(site, "v1b")[1] == admin
    site.balancer.api.ask("set server app/v1b state ready")

    site.balancer.reload()

    assert state_of(site, "v1b")[1:] == (SERVES, 256)
    until(lambda: state_of(site, "v1b")[0] == RUNNING)
    assert site.shares(60)["v1b"] > 0


def test_what_the_configuration_says(site: HaproxySite) -> None:
    """A server that is `disabled` there stays so."""
    reconfigured(site, f"server v1b {site.addresses['v1b']}", f"server v1b {site.addresses['v1b']} disabled")
    driver = up(site)
    driver.route(drawn(2000))

    site.balancer.reload()

    assert state_of(site, "v1b")[:2] == (STOPPED, CONFIGURED)
    assert site.shares(60)["v1b"] == 0


def test_a_server_that_is_down(site: HaproxySite) -> None:
    """It does not come up because it was drained."""
    driver = up(site)
    site.stop("v1b")
    until(lambda: state_of(site, "v1b")[0] == STOPPED)
    site.balancer.api.ask("set server app/v1b state drain")
    driver.route(drawn(2000))
    kept = next(line.split() for line in site.balancer.state_file.read_text().splitlines() if " v1b " in line)

    assert (int(kept[5]), int(kept[6])) == (STOPPED, SERVES)
