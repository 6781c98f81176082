"""Outcomes that applications report to the router: written before they are acknowledged, or refused with a reason."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mlship.dataplane.feedback import LARGEST, PATH
from mlship.drivers.process import ProcessDriver
from mlship.metrics.counters import Tally
from mlship.plan.routing import Capture, all_to
from tests.support.site import Site, served
from tests.support.spool import lines

pytestmark = pytest.mark.envoy


def up(site: Site) -> ProcessDriver:
    driver = site.up(served("v1"))
    driver.route(replace(all_to("v1"), capture=Capture()))
    return driver


def report(site: Site, outcome: object) -> int:
    return site.ask(PATH, body=json.dumps(outcome).encode()).status


def told(site: Site) -> list[tuple[str, str, Any]]:
    return [(line["id"], line["name"], line["value"]) for line in lines(site, "feedback")]


def test_by_query(site: Site) -> None:
    """Numbers and truth values are what they are, everything else is a text; `name` may be left out."""
    driver = up(site)
    asked = {
        "request_id=a&value=1.5": ("a", "label", 1.5),
        "request_id=b&name=reward&value=true": ("b", "reward", True),
        "request_id=c&name=label&value=fraud%22%0A+%C3%A9": ("c", "label", 'fraud"\n é'),
        "request_id=d%2F%26&value=": ("d/&", "label", ""),
        "request_id=e&value=01": ("e", "label", "01"),
        "value=null&more=less&request_id=f": ("f", "label", None),
        'request_id=g&value="quoted"': ("g", "label", '"quoted"'),
    }
    for number, query in enumerate(asked):
        assert site.ask(f"{PATH}?{query}", body=b"" if number % 2 else None).status == 204
    found = told(site)

    assert found == list(asked.values())
    assert all(abs(line["at"] - driver.measure().at) < 600 for line in lines(site, "feedback"))


@pytest.mark.parametrize(
    "value",
    [0, -1.5e-7, 'é\n"\\\u0000\U0001f600', None, True, [], {}, [1, [2, {"a": []}]], {"a": {"b": "c"}, "d": [None]}],
    ids=str,
)
def test_by_body(site: Site, value: object) -> None:
    """Any JSON is a value, in one line, whatever white space it came with."""
    up(site)
    body = json.dumps({"request_id": "x", "value": value, "other": [value]}, indent="\t").encode()

    assert site.ask(PATH, body=body).status == 204
    assert told(site) == [("x", "label", value)]


def test_a_list(site: Site) -> None:
    """Many outcomes at once; one that is wrong and none of them is taken."""
    up(site)
    many = [{"request_id": f"r{n}", "name": "label", "value": n} for n in range(500)]
    assert report(site, many) == 204
    refused = site.ask(PATH, body=json.dumps([*many[:3], {"value": 1}]).encode())

    assert (refused.status, refused.told) == (400, {"error": "outcome 4: request_id must be a text of 1 to 298 bytes"})
    assert told(site) == [(f"r{n}", "label", n) for n in range(500)]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{}", "request_id"),
        (b'{"request_id": "a"}', "value is missing"),
        (b'{"request_id": 7, "value": 1}', "request_id"),
        (b'{"request_id": "", "value": 1}', "request_id"),
        (b'{"request_id": "a", "name": [], "value": 1}', "name"),
        (b'{"request_id": "a", "value": 1', "not JSON"),
        (b'{"request_id": "a", "value": 1}}', "not JSON"),
        (b'{"request_id": "a", "value": 01}', "not JSON"),
        (b'{"request_id": "a", "value": NaN}', "not JSON"),
        (b'{"request_id": "a", "value": "\n"}', "not JSON"),
        (b'{"request_id": "a", "value": "\\x"}', "not JSON"),
        (b'{"request_id": "a" "value": 1}', "not JSON"),
        (b'{"request_id": "a", "value": ' + b"[" * 5000, "not JSON"),
        (b'{"request_id": "a", "value": "\xff"}', "not UTF-8"),
        (b'{"request_id": "a", "value": "\xed\xa0\x80"}', "not UTF-8"),
        (b"[1]", "must be an object"),
        (b'"text"', "must be an object"),
        (b"request_id=a&value=1", "must be an object"),
    ],
)
def test_what_is_refused(site: Site, body: bytes, why: str) -> None:
    """A report that cannot be used is refused with the reason, and nothing is written."""
    up(site)
    got = site.ask(PATH, body=body)

    assert got.status == 400
    assert why in str(got.told["error"])
    assert told(site) == []


@pytest.mark.parametrize(
    "query", ["", "?", "?value=1", "?request_id=&value=1", "?request_id=a", "?request_id=%ff&value=1"]
)
def test_a_query_that_is_refused(site: Site, query: str) -> None:
    """So is a query without id or value."""
    up(site)

    assert site.ask(PATH + query).status == 400
    assert told(site) == []


def test_too_large(site: Site) -> None:
    """More than 64 KiB are refused, whether their length was announced or not."""
    up(site)
    largest = json.dumps({"request_id": "a", "value": "x" * (LARGEST - 32)}).encode()
    assert len(largest) == LARGEST
    assert site.ask(PATH, body=largest).status == 204
    assert site.ask(PATH, body=largest + b" ").status == 413

    for size in (2 * LARGEST, 100 * LARGEST):
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
        connection.request("POST", PATH, body=iter([bytes(size)]))
        assert connection.getresponse().status == 413
        connection.close()
    assert len(told(site)) == 1


def test_it_is_no_traffic(site: Site) -> None:
    """No model is asked, none is counted, no answer is kept."""
    driver = up(site)
    for number in range(20):
        assert report(site, {"request_id": str(number), "value": 1}) == 204

    assert driver.measure().models.get("v1", Tally()).requests == 0
    assert lines(site) == []


def test_what_is_acknowledged_is_there(site: Site) -> None:
    """A router that is killed under fire loses nothing that it acknowledged."""
    up(site)
    acknowledged: list[int] = []

    def send(number: int) -> None:
        try:
            if report(site, {"request_id": str(number), "value": number}) == 204:
                acknowledged.append(number)
        except (OSError, AssertionError):
            return
        if number == 300:
            site.kill(site.router_pid)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(600)))

    assert len(acknowledged) > 250
    assert set(acknowledged) <= {value for _, _, value in told(site)}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk(site: Site) -> None:
    """What cannot be written is not acknowledged; afterwards no line is glued to a torn one."""
    up(site)
    file = site.folder / "router" / "captures" / "feedback.jsonl"
    file.symlink_to("/dev/full")
    refused = site.ask(f"{PATH}?request_id=a&value=1")
    file.unlink()
    file.write_text('{"id": "torn')

    assert refused.status == 503
    assert "not kept" in str(refused.told["error"])
    assert site.ask(f"{PATH}?request_id=b&value=1").status == 204
    assert file.read_text().splitlines()[1].startswith('{"id":"b"')
