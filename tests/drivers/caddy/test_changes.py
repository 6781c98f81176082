"""What a change of a Caddy's configuration costs, and what it does not: both are in the documentation."""

from __future__ import annotations

import pytest

from mlship.plan.routing import all_to
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK, drawn
from tests.support.caddy_site import CaddySite
from tests.support.site import ask

pytestmark = pytest.mark.caddy


def arrived(site: CaddySite) -> int:
    """Predictions that the models' servers were asked for."""
    ports = (int(address.rpartition(":")[2]) for address in site.addresses.values())
    return sum(int(str(ask(port, "/arrived").told["arrived"])) for port in ports)


@pytest.mark.load
@pytest.mark.parametrize("fresh", [False, True], ids=["kept", "fresh"])
def test_requests_that_fail_in_a_change_have_reached_no_server(site: CaddySite, *, fresh: bool) -> None:
    """So users may send them anew: the servers were asked for what was answered, and for nothing else."""
    driver = site.up("v1", "v2")
    answered = failed = 0
    for _ in range(10):
        with Load(port=site.balancer.port, rate=700.0, fresh=fresh) as load:
            for number in range(10):
                driver.route(drawn(5000) if number % 2 else all_to("v1"))
                CLOCK.sleep(0.2)
        assert not any(failure.why.isdecimal() for failure in load.failed), load.failed
        answered += sum(load.answered.values())
        failed += len(load.failed)
        if failed > 2:
            break

    assert failed
    assert arrived(site) == answered


def test_a_change_begins_the_weights_anew(site: CaddySite) -> None:
    """At 3 to 1 the fourth request is the candidate's; where something is changed after two, those begin again."""
    driver = site.up("v1", "v2")
    driver.route(drawn(2500))
    began = [site.ask().model for _ in range(4)]

    seen = []
    for number in range(4):
        site.balancer.patch("/routes/0/handle/3/load_balancing/retries", 3 + number)
        seen += [site.ask().model for _ in range(2)]

    assert sorted(began) == ["v1", "v1", "v1", "v2"]
    assert "v2" not in seen
