"""Who gets which model from a Caddy that is somebody else's."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.errors import ModelNotReady, RoutingRefused, UsageError
from mlship.plan.pool import Pool
from mlship.plan.routing import Mirror, Routing, all_to
from mlship.plan.rule import Condition, Part, Rule, header_is
from tests.support.balanced_site import drawn
from tests.support.caddy_site import CaddySite, caddy_site
from tests.support.site import ask, split

pytestmark = pytest.mark.caddy

COOKIE = {"policy": "cookie", "name": "lb", "fallback": {"policy": "weighted_round_robin", "weights": [1]}}


def test_weights_are_the_smallest(site: CaddySite) -> None:
    """Caddy serves a server's whole weight in a row: at half of the traffic the models take turns, one by one."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    assert site.balancer.weights == {"v1": 1, "v2": 1}
    assert site.shares(10) == {"v1": 5, "v2": 5}

    driver.route(drawn(250))
    assert site.balancer.weights == {"v1": 39, "v2": 1}


def test_servers_of_a_model_share_its_share(site: CaddySite) -> None:
    """Ten percent is that of the model, however many servers each of them has."""
    site.serve("v1b")
    both = Pool(servers=(site.addresses["v1"], site.addresses["v1b"]))
    site.models["v1"] = replace(site.models["v1"], pool=both)
    del site.models["v1b"]
    site.balancer.set_by_hand(v1=1, v1b=1)
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))

    assert site.balancer.weights == {"v1": 9, "v1b": 9, "v2": 2}
    assert driver.observe().routing == drawn(1000)


def test_a_cookie_holds_nobody_at_what_was_rolled_back(site: CaddySite) -> None:
    """A weight of 0 would leave holders where they are: the servers are taken out, and all are on the live model."""
    place = next(n for n, each in enumerate(site.balancer.block["routes"][0]["handle"]) if "upstreams" in each)
    site.balancer.patch(f"/routes/0/handle/{place}/load_balancing/selection_policy", COOKIE)
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    held = [answer for answer in (site.ask() for _ in range(10)) if answer.model == "v2"]
    assert {site.ask(cookie=answer.cookie).model for answer in held} == {"v2"}

    driver.insist(all_to("v1"))

    assert {site.ask(cookie=answer.cookie).model for answer in held} == {"v1"}
    assert site.balancer.weights == {"v1": 1}
    assert site.balancer.proxy["load_balancing"]["selection_policy"]["policy"] == "cookie"


def test_a_weight_of_nothing_would_hold_them(site: CaddySite) -> None:
    """Why the servers are taken out: with weight 0 Caddy itself goes on serving the holders of its cookie."""
    place = next(n for n, each in enumerate(site.balancer.block["routes"][0]["handle"]) if "upstreams" in each)
    at = f"/routes/0/handle/{place}/load_balancing/selection_policy"
    site.balancer.patch(at, COOKIE)
    site.up("v1", "v2").route(drawn(5000))
    held = next(answer for answer in (site.ask() for _ in range(10)) if answer.model == "v2")

    site.balancer.patch(f"{at}/fallback/weights", [1, 0])

    assert site.ask(cookie=held.cookie).model == "v2"


def test_a_header_leads_to_the_model_on_the_side(site: CaddySite) -> None:
    """Any header, by its whole value; after a rollback it leads nowhere else than to the live model."""
    driver = site.up("v1", "v2")
    driver.route(replace(all_to("v1"), rules=(header_is("x-try", "green", "v2"),)))

    assert site.ask(x_try="green").model == "v2"
    assert {site.ask(x_try=value).model for value in ("", "red", "greener", "*")} == {"v1"}
    driver.insist(all_to("v1"))
    assert {site.ask(x_try=value).model for value in ("", "green")} == {"v1"}
    assert len(site.balancer.block["routes"]) == 1


def test_rules_are_followed_in_their_order(site: CaddySite) -> None:
    """The first that matches decides, whatever the shares say; one of several values is enough, of every header."""

    def asks(model: str, **headers: tuple[str, ...]) -> Rule:
        when = tuple(Condition(part=Part.HEADER, name=f"x-{name}", values=values) for name, values in headers.items())
        return Rule(model=model, when=when)

    driver = site.up("v1", "v2")
    driver.route(replace(drawn(5000), rules=(asks("v1", tier=("free",)), asks("v2", beta=("a", "b"), at=("home",)))))

    assert {site.ask(x_tier="free", x_beta="a", x_at="home").model for _ in range(4)} == {"v1"}
    assert {site.ask(x_beta=value, x_at="home").model for value in "aabb"} == {"v2"}
    assert {site.ask(x_beta="a").model for _ in range(4)} == {"v1", "v2"}


def test_the_door(site: CaddySite) -> None:
    """Closed it answers 503 and when to come again; open, everything is as its owner has it."""
    driver = site.up("v1", "v2")
    before = site.balancer.block
    driver.route(replace(all_to("v1"), closed=True))
    answer = site.ask()
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")

    driver.route(all_to("v1"))

    assert site.balancer.block == before
    assert site.ask().status == 200


def test_what_its_owner_has_set_stays(site: CaddySite) -> None:
    """Only servers and weights are changed: time limits, retries and what is known of a server are as they were."""
    block = site.balancer.block
    proxy = next(each for each in block["routes"][0]["handle"] if each["handler"] == "reverse_proxy")
    proxy["upstreams"][0]["max_requests"] = 100
    proxy["transport"] = {"protocol": "http", "dial_timeout": "2s"}
    site.balancer.patch("", block)
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))

    assert site.balancer.proxy["upstreams"][0]["max_requests"] == 100
    driver.route(all_to("v1"))
    assert site.balancer.block == block


def test_an_outage_of_the_candidate_is_none_of_the_users(site: CaddySite) -> None:
    """A server that refuses connections is passed over, by the lines as they are printed."""
    site.up("v1", "v2").route(drawn(5000))
    site.stop("v2")

    assert [ask(site.balancer.port).status for _ in range(20)] == [200] * 20


def test_servers_that_do_not_get_ready() -> None:
    """mlship asks their health path itself, because Caddy tells of its checks only in its log."""
    with caddy_site() as site:
        site.serve("v1")
        site.serve("v2", sick=True)
        site.balance()
        driver = site.up("v1")

        with pytest.raises(ModelNotReady, match="GET /v2/health/ready does not answer 2xx"):
            driver.ensure("v2", 1)


def test_a_model_without_servers(site: CaddySite) -> None:
    """It is told by name, and is not waited for."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool())

    with pytest.raises(UsageError, match="which servers v2 has"):
        site.open().ensure("v2", 1)


@pytest.mark.parametrize(
    ("routing", "why"),
    [
        (split(1000, assign_by=None, rules=(Rule(model="v2", share=100),)), "rules that ask for values of headers"),
        (replace(all_to("v1"), rules=(header_is("x", "a*", "v2"),)), r"with \* would match more"),
        (replace(all_to("v1"), mirrors=(Mirror(model="v2", share=100),)), "copies no requests"),
        (drawn(1), "only after more than 2000 requests: v2 0.01%, v1 99.99%"),
        (Routing(segments=(("v9", 10_000),)), "which servers v9 has"),
    ],
)
def test_what_cannot_be_said_is_refused(site: CaddySite, routing: Routing, why: str) -> None:
    """Before anything is changed, with the reason."""
    driver = site.up("v1", "v2")
    with pytest.raises(RoutingRefused, match=why) as told:
        driver.route(routing)

    assert told.value.hint
    assert driver.observe().routing == all_to("v1")
