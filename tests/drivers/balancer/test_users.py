"""Users who are told apart, by a header or by a cookie, behind the makes that can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mlship.plan.routing import all_to
from tests.support.balanced_site import BalancedSite
from tests.support.owners import HAPROXY, NGINX
from tests.support.site import split

Site = BalancedSite[Any]
CAN = [pytest.param(owner, marks=getattr(pytest.mark, owner.engine)) for owner in (HAPROXY, NGINX)]


@pytest.fixture(params=CAN, ids=str)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Two models behind one of them."""
    with request.param.site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        yield opened


def test_users_stay_and_a_larger_share_only_adds(site: Site) -> None:
    """The same users at each ask; those of 10% are among those of 30%; another salt takes other users."""
    driver = site.up("v1", "v2")

    def candidates(share: int, salt: str = "s") -> set[str]:
        driver.route(split(share, salt=salt))
        arms = site.arms(400)
        assert arms == site.arms(400)
        return {user for user, model in arms.items() if model == "v2"}

    small, large, other = candidates(1000), candidates(3000), candidates(3000, salt="t")

    assert 20 <= len(small) <= 60
    assert small < large
    assert not large <= other


def test_users_without_the_header_get_a_cookie(site: Site) -> None:
    """They stay on their model by it, and need none while nobody is told apart."""
    driver = site.up("v1", "v2")
    assert not site.ask().cookie
    driver.route(split(5000))

    first = [site.ask() for _ in range(20)]
    again = [site.ask(cookie=answer.cookie) for answer in first]

    assert {answer.model for answer in first} == {"v1", "v2"}
    assert [answer.model for answer in first] == [answer.model for answer in again]
    assert not any(answer.cookie for answer in again)


def test_nobody_is_held_by_what_was_rolled_back(site: Site) -> None:
    """Users who were on the candidate are on the live model with the next request, by header and by cookie."""
    driver = site.up("v1", "v2")
    driver.route(split(5000))
    held = [answer for answer in (site.ask() for _ in range(20)) if answer.model == "v2"]
    assert held

    driver.insist(all_to("v1"))

    assert {site.ask(cookie=answer.cookie).model for answer in held} == {"v1"}
    assert set(site.arms(100).values()) == {"v1"}
