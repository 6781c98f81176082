"""What others do to the file that Traefik watches, and how a rollback gets past it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.site import until
from tests.support.traefik_site import LIVE, TraefikSite, traefik_site

pytestmark = pytest.mark.traefik

UNREADABLE = b"http: \xff\xfe\n"
"""No UTF-8. Traefik does not take it either, and goes on with what it has."""


def test_a_file_that_cannot_be_read_stops_a_step(site: TraefikSite) -> None:
    """Which file, why and what to do are told before anything is written; the rollback replaces it unread."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.balancer.file.write_bytes(UNREADABLE)

    with pytest.raises(OutOfReach, match=r"mlship-scorer.yml cannot be read: .*utf-8") as told:
        driver.route(drawn(7500))
    assert "mlship rollback" in told.value.hint
    assert site.balancer.file.read_bytes() == UNREADABLE
    found = [each.message for each in driver.troubles(fence=1, held=False)]
    assert any("cannot be read" in message for message in found), found

    driver.insist(all_to("v1"))
    assert (site.balancer.entry, driver.observe().router) == (LIVE, True)


def test_a_folder_in_its_place(site: TraefikSite) -> None:
    """It can neither be read nor replaced: both say so, and nobody deletes it."""
    driver = site.up("v1", "v2")
    site.balancer.file.unlink()
    site.balancer.file.mkdir()
    until(lambda: site.balancer.entry is None)

    with pytest.raises(OutOfReach, match="cannot be read: Is a directory"):
        driver.route(drawn(1000))
    with pytest.raises(OutOfReach, match="cannot be written: Is a directory"):
        driver.insist(all_to("v1"))
    assert site.balancer.file.is_dir()

    site.balancer.file.rmdir()
    driver.insist(all_to("v1"))
    assert site.balancer.entry == LIVE


def test_a_failed_change_deletes_nothing_that_it_could_not_read(site: TraefikSite) -> None:
    """Without a file users would get 404: what was to be set stays, and a Traefik that is dead comes back with it."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    (node,) = driver._fleet.nodes
    site.balancer.file.write_bytes(UNREADABLE)
    with pytest.raises(RoutingRefused, match="has disabled"):
        node.write("v9:10000")
    assert site.balancer.file.exists()

    site.balancer.file.write_bytes(UNREADABLE)
    site.balancer.kill()
    with pytest.raises(OutOfReach, match="does not answer"):
        driver.insist(all_to("v1"))
    site.balancer.start()
    until(lambda: site.balancer.entry == LIVE)
    assert site.ask().model == "v1"


@pytest.mark.parametrize("spoil", [Path.unlink, lambda file: file.write_text("")], ids=["removed", "emptied"])
def test_a_file_that_is_gone_bars_no_rollback(site: TraefikSite, spoil: Callable[[Path], object]) -> None:
    """Users get 404, a step says that there is no split, and the rollback has them served again."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    spoil(site.balancer.file)
    until(lambda: site.ask().status == 404)

    with pytest.raises(RoutingRefused, match=r"it has no split, mlship has set v2 50%, v1 50%"):
        driver.route(drawn(7500))
    driver.insist(all_to("v1"))

    until(lambda: site.ask().status == 200)
    assert driver.observe().routing == all_to("v1")


def test_a_rollback_with_the_throttle_that_traefik_has_by_itself() -> None:
    """Up to 2 s pass between two changes: it is waited for, and the rollback is read back."""
    with traefik_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(static_changes={"  providersThrottleDuration: 50ms": "  # none"})
        driver = site.up("v1", "v2")
        driver.route(drawn(5000))

        driver.insist(all_to("v1"))

        assert site.balancer.entry == LIVE
        assert set(site.shares(20)) == {"v1"}
