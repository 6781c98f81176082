"""Copies behind a balancer: what is counted of them."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from contextlib import closing
from typing import Any

from mlship.drivers.balancer.driver import BalancerDriver
from mlship.metrics.counters import Tally, difference
from tests.support.balanced_site import BalancedSite
from tests.support.site import CLOCK, until


def counted(driver: BalancerDriver, work: Callable[[], object]) -> dict[str, Tally]:
    """What is counted of the work, once no copy is under way any more."""
    before = driver.measure()
    work()
    seen = [driver.measure().models]

    def quiet() -> bool:
        CLOCK.sleep(0.3)
        seen.append(driver.measure().models)
        return seen[-1] == seen[-2]

    until(quiet)
    return dict(difference(before, driver.measure()) or {})


def post(site: BalancedSite[Any], body: bytes, path: str = "/predict") -> bytes:
    """What a user is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", site.balancer.port, timeout=10)
    with closing(connection):
        connection.request("POST", path, body=body)
        response = connection.getresponse()
        answer = response.read()
    assert response.status == 200
    return answer


def all_from_v1(site: BalancedSite[Any], requests: int) -> None:
    """So many requests of users, each answered by the live model."""
    assert site.shares(requests) == {"v1": requests}
