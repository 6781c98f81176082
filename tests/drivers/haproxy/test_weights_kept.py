"""Layout weights: what the state file brings back after a reload, and what it does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite
from tests.support.haproxy_weights import V1, reconfigured, state_of, up, weighing
from tests.support.rights import nobody, open_to
from tests.support.site import until

pytestmark = pytest.mark.haproxy

STOPPED, RUNNING = 0, 2
SERVES, MAINTAINED, CONFIGURED, DRAINING = 0, 1, 5, 8


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """As it should be."""
    with weighing() as opened:
        yield opened


def troubles(site: HaproxySite) -> list[Trouble]:
    return list(site.open(None).troubles(fence=1, held=False))


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


def test_weights_that_were_set_by_hand(site: HaproxySite) -> None:
    """The file is as fresh as mlship's last change: a reload brings the candidate back, and a rollback ends that."""
    driver = up(site)
    driver.route(drawn(5000))
    site.balancer.api.ask("set weight app/v2 0")
    assert site.shares(40)["v2"] == 0
    found = [(trouble.mark, trouble.message) for trouble in troubles(site)]
    told = f"{site.balancer.state_file} says v1a=128 v1b=128 v2=256, HAProxy {site.balancer.socket} has"
    assert ("warn", f"{told} v1a=128 v1b=128 v2=0: a reload may change it") in found
    assert any("somebody else has changed" in message for _, message in found)

    site.balancer.reload()
    until(lambda: site.shares(20)["v2"] > 0)
    driver.insist(all_to("v1"))
    site.balancer.reload()

    assert site.balancer.shares == V1
    assert site.shares(40)["v2"] == 0
    assert troubles(site) == []


def test_weights_that_are_not_kept(site: HaproxySite) -> None:
    """`persist: false` is a choice, and is told: a reload brings back the configuration, and a step sees that."""
    node = {"socket": site.balancer.socket, "state-file": str(site.balancer.state_file), "persist": False}
    site.settings = {**site.settings, "nodes": [node]}
    driver = up(site)
    driver.route(drawn(2500))
    assert [(each.mark, each.message) for each in troubles(site)] == [
        ("warn", f"a reload of HAProxy {site.balancer.socket} loses the weights")
    ]

    site.balancer.reload()

    assert site.balancer.state_file.read_text() == ""
    with pytest.raises(RoutingRefused, match=r"it has v1 100%, mlship has set v2 25%, v1 75%"):
        driver.route(drawn(5000))
    driver.insist(all_to("v1"))
    assert site.balancer.shares == V1


def test_a_state_file_that_is_not_there(site: HaproxySite) -> None:
    """Nothing could be kept: what HAProxy's configuration needs is said."""
    site.balancer.state_file.unlink()

    (trouble,) = troubles(site)

    assert (trouble.mark, "state is not on this machine: no weights" in trouble.message) == ("FAIL", True)
    assert "load-server-state-from-file global" in trouble.hint


def test_a_state_file_that_is_still_empty(site: HaproxySite) -> None:
    """As its owner has made it, before the first change."""
    (trouble,) = troubles(site)

    assert trouble.mark == "warn"
    assert "state has no weights of app, HAProxy" in trouble.message
    assert "has v1a=100 v1b=100 v2=0: a reload may change it" in trouble.message


def test_a_state_file_that_cannot_be_written(site: HaproxySite) -> None:
    """A step that a reload would lose is taken back; a rollback stays live, and the trouble is told."""
    driver = up(site)
    driver.route(drawn(1000))
    open_to(site.folder)
    site.balancer.folder.chmod(0o755)
    (site.balancer.folder / "admin.sock").chmod(0o666)
    with nobody():
        (trouble,) = troubles(site)
        with pytest.raises(OutOfReach, match=r"state cannot be written, and a reload would bring back") as step:
            driver.route(drawn(5000))
        after_step = site.balancer.shares
        with pytest.raises(OutOfReach, match=r"state cannot be written"):
            driver.insist(all_to("v1"))

    assert (trouble.mark, "cannot be written by this user: no weights" in trouble.message) == ("FAIL", True)
    assert "persist: false" in step.value.hint
    assert after_step == {"v1a": 252, "v1b": 252, "v2": 56}
    assert site.balancer.shares == V1
