"""What stands in the place of the file that nginx includes, and cannot be read."""

from __future__ import annotations

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.nginx_site import LIVE, NginxSite

pytestmark = pytest.mark.nginx

UNREADABLE = b"# \xff\xfe\n"
"""No UTF-8."""


def test_a_file_that_cannot_be_read_stops_a_step(site: NginxSite) -> None:
    """Which file, why and what to do are told before anything is written; the rollback replaces it unread."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.balancer.include.write_bytes(UNREADABLE)

    with pytest.raises(OutOfReach, match=r"scorer.conf cannot be read: .*utf-8") as told:
        driver.route(drawn(7500))
    assert "mlship rollback" in told.value.hint
    assert site.balancer.include.read_bytes() == UNREADABLE
    found = [each.message for each in driver.troubles(fence=1, held=False)]
    assert any("cannot be read" in message for message in found), found

    driver.insist(all_to("v1"))
    assert (site.balancer.entry, driver.observe().router) == (LIVE, True)


def test_a_folder_in_its_place(site: NginxSite) -> None:
    """It can neither be read nor replaced: both say so, and nobody deletes it."""
    driver = site.up("v1", "v2")
    site.balancer.include.unlink()
    site.balancer.include.mkdir()

    with pytest.raises(OutOfReach, match="cannot be read: Is a directory"):
        driver.route(drawn(1000))
    with pytest.raises(OutOfReach, match="cannot be written: Is a directory"):
        driver.insist(all_to("v1"))
    assert site.balancer.include.is_dir()


@pytest.mark.parametrize("spoiled", [UNREADABLE, b"", None], ids=["unreadable", "emptied", "removed"])
def test_a_failed_change_leaves_a_file_that_nginx_starts_with(site: NginxSite, spoiled: bytes | None) -> None:
    """What was to be set stays: an empty file would keep the next start from coming up."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    (node,) = driver._fleet.nodes
    site.balancer.include.unlink()
    if spoiled is not None:
        site.balancer.include.write_bytes(spoiled)
    with pytest.raises(RoutingRefused, match="has no upstream v9"):
        node.write("v9:10000")
    assert site.balancer.include.read_text()

    site.balancer.kill()
    with pytest.raises(OutOfReach):
        driver.insist(all_to("v1"))
    site.balancer.start()
    assert site.balancer.entry == LIVE
