"""What stands where a Prometheus should: nothing, a proxy, something else."""

from __future__ import annotations

import json

import pytest

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.base import Source, Totals
from mlship.metrics.prometheus import PrometheusSource
from mlship.metrics.registry import sourced
from tests.metrics.service import Reply, Service
from tests.ports import free_port

SECRET = "s3cr3t"


def source(url: str, timeout: float = 5.0) -> Source:
    return sourced(PrometheusSource(url=url, query="x", timeout=timeout))


def vector(*values: str, **more: object) -> bytes:
    result = [{"metric": {"n": str(n)}, "value": [1.0, value]} for n, value in enumerate(values)]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}, **more}).encode()


def refused(error: str, kind: str = "bad_data") -> bytes:
    return json.dumps({"status": "error", "errorType": kind, "error": error}).encode()


def test_the_question_is_as_of_the_end(service: Service) -> None:
    """The server is asked about the moment that the look is about, not about its own now."""
    service.say(vector("1"))

    source(service.url + "/prom/").value("v2", 940.0, 1000.25)

    assert service.questions[0].path.startswith("/prom/api/v1/query?")
    assert service.questions[0].parameters == {"query": "x", "time": "1000.250"}


def test_all_of_a_reading_is_of_one_moment(service: Service) -> None:
    """Count, sum and squares are asked for as of the same time."""
    service.say(vector("4"), vector("6"), vector("10"))
    spec = PrometheusSource(url=service.url, count="c", sum="s", square="q")

    assert sourced(spec).totals("v2", 0, 60) == Totals(count=4, sum=6, square=10)
    assert {each.parameters["time"] for each in service.questions} == {"60.000"}


def test_warnings_are_no_errors(service: Service) -> None:
    """A partial answer of Thanos comes with warnings."""
    service.say(vector("3", warnings=["one store is away"]))

    assert source(service.url).value("v2", 0, 60) == 3


def test_a_failure_that_passes_is_not_noticed(service: Service) -> None:
    """It is tried again within the look."""
    service.say(Reply(status=503, body=refused("starting up", "unavailable")), vector("3"))

    assert source(service.url).value("v2", 0, 60) == 3


def test_a_failure_that_lasts_is_out_of_reach(service: Service) -> None:
    """Three tries, and then the server's own words."""
    service.say(Reply(status=503, body=refused("query timed out", "timeout")))

    with pytest.raises(OutOfReach, match="answers 503") as caught:
        source(service.url).value("v2", 0, 60)

    assert "query timed out" in caught.value.hint
    assert len(service.questions) == 3


@pytest.mark.parametrize("status", [400, 422])
def test_a_refusal_is_a_mistake_and_not_repeated(service: Service, status: int) -> None:
    """What the server says to a wrong query will not change."""
    service.say(Reply(status=status, body=refused(f"parse error near {SECRET}")))
    url = service.url.replace("http://", "http://ada:${env:PW}@")

    with pytest.raises(UsageError, match=r"refuses query: parse error near \*\*\*") as caught:
        sourced(PrometheusSource(url=url, query="x"), {"PW": SECRET}).value("v2", 0, 60)

    assert len(service.questions) == 1
    assert SECRET not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_proxy_in_between_is_no_mistake_of_the_query(service: Service, status: int) -> None:
    """Without Prometheus's own words the gate is blind, not the plan wrong."""
    service.say(Reply(status=status, body=b"404 page not found"))

    with pytest.raises(OutOfReach, match=f"answers {status}"):
        source(service.url).value("v2", 0, 60)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"status": "success"}', b'{"status": "success", "data": []}']
)
def test_something_else_is_out_of_reach(service: Service, body: bytes) -> None:
    """Whatever answers there, it is no Prometheus."""
    service.say(body)

    with pytest.raises(OutOfReach, match="does not answer as Prometheus does"):
        source(service.url).value("v2", 0, 60)


def test_a_histogram_is_no_number(service: Service) -> None:
    """A native histogram has no value."""
    result = [{"metric": {}, "histogram": [1.0, {"count": "3"}]}]
    service.say(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())

    with pytest.raises(UsageError, match="query yields vector, no number"):
        source(service.url).value("v2", 0, 60)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ([1, 2], "has 2 series, and one is needed: {}, {}"),
        ([{"value": [1, "many"]}], "query is no number but a text"),
        (None, "query yields vector, no number"),
    ],
)
def test_a_strange_answer_is_no_number(service: Service, result: object, said: str) -> None:
    """Whatever imitates Prometheus badly meets an error, and not a crash."""
    service.say(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())

    with pytest.raises(UsageError, match=said):
        source(service.url).value("v2", 0, 60)


def test_silence_is_given_up(service: Service) -> None:
    """A server that hangs does not hold a look up."""
    service.say(Reply(silent=True))

    with pytest.raises(OutOfReach, match="not in time"):
        source(service.url, timeout=0.3).value("v2", 0, 60)


def test_nobody_there_is_out_of_reach() -> None:
    """A refused connection."""
    with pytest.raises(OutOfReach, match="refused"):
        source(f"http://127.0.0.1:{free_port()}").ping()


def test_what_is_not_in_the_plan_cannot_be_asked(service: Service) -> None:
    """A source for a limit has no totals, one for a goal no value."""
    with pytest.raises(UsageError, match="count is not in the plan"):
        source(service.url).totals("v2", 0, 60)
    with pytest.raises(UsageError, match="query is not in the plan"):
        sourced(PrometheusSource(url=service.url, count="c", sum="s")).value("v2", 0, 60)
    assert service.questions == []
