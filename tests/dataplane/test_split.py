"""Who gets which model: shares, stickiness, salts, match rules and headers, asked of a real router."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import sqrt

import pytest

from mlship.drivers.process import ProcessDriver
from mlship.plan.routing import Routing
from tests.support.site import Answer, Site, preview, served, split

pytestmark = pytest.mark.envoy

USERS = 600


@pytest.fixture
def driver(site: Site) -> ProcessDriver:
    """Two models that are up, all traffic on v1."""
    return site.up(served("v1"), served("v2"))


def within_four_sigma(count: int, total: int, share: float) -> bool:
    return abs(count - total * share) <= 4 * sqrt(total * share * (1 - share))


def members(arms: Mapping[str, str], model: str = "v2") -> set[str]:
    return {user for user, arm in arms.items() if arm == model}


def test_growth_only_adds_users(site: Site, driver: ProcessDriver) -> None:
    """Each growth of the share keeps the users of before, and hits the share that was asked."""
    seen: set[str] = set()
    for share in (500, 2500, 5000):
        driver.route(split(share))
        now = members(site.arms(USERS))
        assert seen <= now
        assert within_four_sigma(len(now), USERS, share / 10_000)
        seen = now


def test_segments_move_nobody_against_their_will(site: Site, driver: ProcessDriver) -> None:
    """A model may own several segments; units outside the segment that changes keep their model."""
    driver.route(Routing(segments=(("v2", 1000), ("v1", 9000)), assign_by="x-user", salt="s"))
    before = site.arms(USERS)
    driver.route(Routing(segments=(("v2", 1000), ("v1", 7000), ("v2", 2000)), assign_by="x-user", salt="s"))
    after = site.arms(USERS)

    assert members(before) <= members(after)
    assert within_four_sigma(len(members(after)), USERS, 0.3)


def test_salts_are_independent(site: Site, driver: ProcessDriver) -> None:
    """Two rollouts at 50 % share a quarter of the users on both candidates."""
    driver.route(split(5000, salt="first"))
    first = members(site.arms(USERS))
    driver.route(split(5000, salt="second\\1"))
    second = members(site.arms(USERS))

    assert within_four_sigma(len(second), USERS, 0.5)
    assert within_four_sigma(len(first & second), USERS, 0.25)


def test_anonymous_users_stay_where_they_began(site: Site, driver: ProcessDriver) -> None:
    """A user without identity gets a cookie with the first answer, and all later answers from the same model."""
    driver.route(split(5000))
    arms: Counter[str] = Counter()
    for _ in range(60):
        first = site.ask()
        assert {site.ask(cookie=f"a=1; {first.cookie}; b=2").model for _ in range(2)} == {first.model}
        arms[first.model] += 1

    assert arms.keys() == {"v1", "v2"}


def test_the_cookie_is_not_given_again(site: Site, driver: ProcessDriver) -> None:
    """Users that send an identity or the cookie get none."""
    driver.route(split(5000))

    assert site.ask(cookie=site.ask().cookie).cookie == ""
    assert site.ask(x_user="somebody").cookie == ""
    assert site.ask(x_user="").cookie.startswith("mlship_uid=")


def test_without_a_unit_each_request_is_drawn(site: Site, driver: ProcessDriver) -> None:
    """Where nothing is assigned by, one user meets both models, in the shares asked for."""
    driver.route(split(5000, assign_by=None))
    arms = Counter(site.ask(x_user="somebody").model for _ in range(400))

    assert within_four_sigma(arms["v2"], 400, 0.5)


def test_a_hundredth_of_a_percent(site: Site, driver: ProcessDriver) -> None:
    """The least share there is reaches next to nobody, and never everybody."""
    driver.route(split(1))

    assert len(members(site.arms(USERS))) <= 4


def test_match_rules_come_first(site: Site, driver: ProcessDriver) -> None:
    """A request that matches reaches its model whatever the weights say; others do not."""
    driver.route(split(0, rules=preview("v2")))

    assert site.ask(x_preview="yes", x_user="u").model == "v2"
    assert site.ask(x_preview="no", x_user="u").model == "v1"


@pytest.mark.parametrize("share", [0, 5000])
def test_own_headers_cannot_be_spoofed(site: Site, driver: ProcessDriver, share: int) -> None:
    """What a client sends in x-mlship- headers neither steers it nor reaches a model."""
    driver.route(split(share))
    answers = [site.ask(x_mlship_model="v9", x_mlship_variant="v9") for _ in range(40)]
    told = [sent(answer) for answer in answers]

    assert {answer.model for answer in answers} == ({"v1", "v2"} if share else {"v1"})
    assert not any(name.startswith("x-mlship-") for headers in told for name in headers)


def sent(answer: Answer) -> Mapping[str, str]:
    headers = answer.told["headers"]
    assert isinstance(headers, dict)
    return headers


def test_answers_are_attributed(site: Site, driver: ProcessDriver) -> None:
    """Every answer names its model and its request; a request id that the client sends is kept end to end."""
    driver.route(split(5000))
    answer = site.ask(x_user="u", x_request_id="req-7")

    assert (answer.model, answer.headers["x-request-id"]) == (answer.told["model"], "req-7")
    assert sent(answer)["x-request-id"] == "req-7"
    assert site.ask(x_user="u").headers["x-request-id"]


def test_envoy_headers_of_clients_are_dropped(site: Site, driver: ProcessDriver) -> None:
    """A client cannot set Envoy's timeout or retries."""
    assert "x-envoy-upstream-rq-timeout-ms" not in sent(site.ask(x_envoy_upstream_rq_timeout_ms="1"))


def test_closed(site: Site, driver: ProcessDriver) -> None:
    """A closed router answers 503 with Retry-After to all but its own health check, and opens again."""
    driver.route(split(0, closed=True))
    closed = site.ask()
    assert (closed.status, closed.headers["retry-after"]) == (503, "5")
    assert site.ask("/_mlship/health").status == 200

    driver.route(split(0))
    assert site.ask().status == 200
