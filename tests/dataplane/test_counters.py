"""What is counted for whom, by a real router."""

from __future__ import annotations

import http.client

import pytest

from mlship.dataplane.counts import Count, counts
from mlship.drivers.process import ProcessDriver
from mlship.metrics.counters import LATENCY_EDGES, Tally, difference
from mlship.plan.routing import all_to
from tests.support.site import Site, preview, served, split, until

pytestmark = pytest.mark.envoy


def tally(driver: ProcessDriver, model: str) -> Tally:
    return driver.measure().models.get(model, Tally())


def bucket(seconds: float) -> int:
    return next(place for place, edge in enumerate(LATENCY_EDGES) if seconds <= edge)


def test_per_model_and_bucket(site: Site) -> None:
    """Each model's requests, errors and latencies are its own."""
    driver = site.up(served("v1"), served("v2", errors=1.0, delay=0.06))
    driver.route(split(0, rules=preview("v2")))
    for _ in range(10):
        assert (site.ask().status, site.ask(x_preview="yes").status) == (200, 500)
    good, bad = tally(driver, "v1"), tally(driver, "v2")

    assert (good.requests, good.errors, sum(good.latency)) == (10, 0, 10)
    assert (bad.requests, bad.errors, sum(bad.latency)) == (10, 10, 10)
    assert bad.slower_than(bucket(0.06) - 1) == 10


def test_a_dead_candidate_costs_no_user_an_answer(site: Site) -> None:
    """Users of a candidate that died are answered by the live model, and its failures are counted as its own."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(split(5000))
    site.arms(50)
    before = driver.measure()
    site.kill(site.pids("v2")[0])
    arms = site.arms(100)
    grown = difference(before, driver.measure())

    assert set(arms.values()) == {"v1"}
    assert grown is not None
    assert grown["v2"].requests == grown["v2"].errors > 20
    assert (grown["v1"].requests, grown["v1"].errors) == (100, 0)


def test_a_dead_candidate_costs_nobody_an_answer_while_routes_are_made(site: Site) -> None:
    """What is published before a switch leaves users who still go to the candidate their way to the live model."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(split(5000))
    site.kill(site.pids("v2")[0])
    driver.route(split(5000))

    assert set(site.arms(100).values()) == {"v1"}


def test_a_dead_live_model_never_spills_to_the_candidate(site: Site) -> None:
    """Users of a live model that died get 503; the candidate keeps its own users and gets no others."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(split(5000))
    members = {user for user, arm in site.arms(100).items() if arm == "v2"}
    site.kill(site.pids("v1")[0])
    answers = {f"user-{number}": site.ask(x_user=f"user-{number}") for number in range(100)}

    assert {user for user, answer in answers.items() if answer.status == 200} == members
    assert {answer.status for answer in answers.values()} == {200, 503}
    assert {answer.model for answer in answers.values() if answer.status == 503} == {"v1"}
    assert tally(driver, "v1").errors > 0


def test_one_dead_replica_of_two_costs_nothing(site: Site) -> None:
    """With two replicas the death of one is not seen by any user, and soon no request tries it any more."""
    driver = site.up(served("v1", replicas=2))
    site.kill(site.pids("v1")[0])
    assert {site.ask().status for _ in range(40)} == {200}

    def is_left_alone() -> bool:
        before = tally(driver, "v1").errors
        return {site.ask().status for _ in range(20)} == {200} and tally(driver, "v1").errors == before

    until(is_left_alone)


def test_a_large_body_survives_a_dead_candidate(site: Site) -> None:
    """Bodies far above Envoy's own buffer are sent again whole to the live model."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(split(9999))
    site.kill(site.pids("v2")[0])
    answer = site.ask(body=b"x" * 8_000_000, x_user="u")

    assert (answer.status, answer.told["length"]) == (200, 8_000_000)


@pytest.mark.parametrize("patience", [0.0, 30.0], ids=["the other waits for ever", "the other waits longer"])
def test_a_hanging_model_is_cut_and_counted(site: Site, patience: float) -> None:
    """A model that hangs ends as 504 after its own timeout, counted as an error and as a latency."""
    driver = site.up(served("v1", timeout=patience), served("v2", hang=1, timeout=0.4))
    driver.route(split(9999))
    answer = site.ask(x_user="u")
    hung = tally(driver, "v2")

    assert (answer.status, answer.model) == (504, "v2")
    assert (hung.requests, hung.errors, sum(hung.latency)) == (1, 1, 1)
    assert hung.slower_than(bucket(0.3)) == 1


def test_slow_is_not_hanging(site: Site) -> None:
    """Without a timeout a model may take longer than the 15 s after which Envoy gives up by itself."""
    site.up(served("v1"))

    assert site.ask(x_delay="16").status == 200


def test_a_user_who_leaves_is_no_error(site: Site) -> None:
    """A request that its user gave up is counted, and blames nobody."""
    driver = site.up(served("v1"))
    with pytest.raises(TimeoutError):
        site.ask(x_delay="5", timeout=0.3)
    until(lambda: tally(driver, "v1").requests == 1)

    assert tally(driver, "v1").errors == 0


def test_counters_outlive_what_they_count(site: Site) -> None:
    """A routing change, a retired model and its return never make a counter fall."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(split(5000))
    site.arms(40)
    site.kill(site.pids("v2")[0])
    site.arms(40)
    before = driver.measure()
    driver.route(all_to("v1"))
    driver.retire("v2")
    driver.ensure("v2", 1)
    driver.route(split(5000))
    site.arms(40)
    grown = difference(before, driver.measure())

    assert grown is not None
    assert grown["v2"].errors == 0
    assert grown["v2"].requests + grown["v1"].requests == 40


def test_a_restart_is_another_epoch(site: Site) -> None:
    """Counters of a restarted router are of another life, also where they have grown past the old ones."""
    driver = site.up(served("v1"))
    site.ask()
    before = driver.measure()
    site.kill(site.router_pid)
    driver.route(all_to("v1"))
    for _ in range(5):
        site.ask()
    after = driver.measure()

    assert after.models["v1"].requests == 5
    assert before.epoch != after.epoch
    assert difference(before, after) is None


def test_idle_connections_are_closed_before_the_model_does(site: Site) -> None:
    """A keep-alive connection of a user works on after the router has dropped its own to the model."""
    driver = site.up(served("v1"))
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    statuses, active = [], "cluster.v1.upstream_cx_active"
    for _ in range(2):
        connection.request("GET", "/predict")
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        until(lambda: driver._place.admin.stats(active) == {active: "0"})
    connection.close()

    assert statuses == [200, 200]


def test_reading_statistics() -> None:
    """Counters per code add up; attempts that could not connect count once; other lines do not count."""
    text = """# TYPE envoy_mlship_answers counter
envoy_mlship_answers{model="v1",code="200"} 90
envoy_mlship_answers{model="v1",code="404"} 3
envoy_mlship_answers{model="v1",code="0"} 2
envoy_mlship_answers{model="v1",code="503"} 4
envoy_mlship_answers{model="-",code="503"} 50
envoy_mlship_unconnected{model="v1"} 4
envoy_cluster_upstream_rq_pending_failure_eject{envoy_cluster_name="v1"} 6
envoy_cluster_upstream_rq_pending_failure_eject{envoy_cluster_name="v0"} 0
envoy_mlship_latency_bucket{model="v1",le="500"} 10
envoy_mlship_latency_bucket{model="v1",le="6e+07"} 96
envoy_mlship_latency_bucket{model="v1",le="+Inf"} 97
envoy_mlship_latency_sum{model="v1"} 123.4
envoy_server_uptime{} 7
"""
    assert counts(text) == {"v1": Count(requests=101, errors=6, unconnected=6, answered=97, latency=(10, 86, 1))}
    assert counts("") == {}
