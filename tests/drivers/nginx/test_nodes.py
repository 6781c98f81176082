"""Two nginx that carry the same traffic: forward both or none, back on every one that answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.drivers.balancer.nginx.include import value_of
from mlship.errors import RoutingRefused
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.nginx_site import LIVE, NginxSite, nginx_site
from tests.support.site import until

pytestmark = pytest.mark.nginx


@pytest.fixture
def site() -> Iterator[NginxSite]:
    """Two models and two nginx."""
    with nginx_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance(2)
        yield opened


def entries(site: NginxSite) -> list[str | None]:
    return [balancer.entry for balancer in site.balancers]


def test_forward_is_taken_back_where_a_later_node_fails(site: NginxSite) -> None:
    """The first node has it already when the second does not take it: both go back, and their files too."""
    driver = site.up("v1", "v2")
    site.balancers[1].edit("worker_processes 2;", "nonsense on;")

    with pytest.raises(RoutingRefused, match=r"nonsense.*the other nodes are as they were"):
        driver.route(drawn(1000))

    assert entries(site) == [LIVE, LIVE]
    assert driver.observe().routing == all_to("v1")


def test_a_file_that_was_edited_before_the_first_routing_comes_back_whole(site: NginxSite) -> None:
    """A later node fails: the first ones get what they did before, in a file that nginx takes, without the edit."""
    driver = site.open()
    driver.ensure("v1", 1)
    for balancer in site.balancers:
        balancer.include.write_text(balancer.include.read_text().replace("# Written", "# Read and written"))
    site.balancers[1].edit("worker_processes 2;", "nonsense on;")

    with pytest.raises(RoutingRefused, match=r"nonsense"):
        driver.route(all_to("v1"))

    assert [value_of(balancer.include.read_text()) for balancer in site.balancers] == [LIVE, LIVE]
    site.balancers[0].reload()
    until(lambda: site.balancers[0].entry == LIVE)
    site.balancers[1].edit("nonsense on;", "worker_processes 2;")
    driver.route(all_to("v1"))
    assert entries(site) == [LIVE, LIVE]
