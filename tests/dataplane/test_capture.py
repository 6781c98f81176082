"""Answers that are kept: exact, drawn by request id, and nothing in them that should not be."""

from __future__ import annotations

import base64
import gzip
import http.client
import os
import uuid

import pytest
from msgspec.structs import replace

from mlship.plan.routing import Capture, all_to
from tests.support.site import Site, served, split
from tests.support.spool import answer, kept, lines

pytestmark = pytest.mark.envoy

ALL = Capture()


def test_a_line(site: Site) -> None:
    """An answer is told with all that is known of it; the model that gave it is the one that the user was told."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(replace(split(5000), capture=Capture(request=True, headers=("X-Segment",))))
    asked = [site.ask(body=b"\x00\xff", x_user=f"u{n}", x_segment='a"b\\', authorization="secret") for n in range(20)]
    found = {line["id"]: line for line in kept(site, 20)}

    assert {line["model"] for line in found.values()} == {"v1", "v2"}
    for got in asked:
        line = found[got.headers["x-request-id"]]
        assert (line["role"], line["model"], line["status"], answer(line)) == ("live", got.model, 200, got.body)
        assert (line["response_bytes"], line["cut"], line["flags"]) == (len(got.body), None, "-")
        assert (base64.b64decode(line["request"]), line["request_bytes"]) == (b"\x00\xff", 2)
        assert line["headers"] == {"x-segment": 'a"b\\'}
        assert line["us"] > 0
        assert abs(float(line["at"]) - driver.measure().at) < 600


def test_nothing_is_kept_unasked(site: Site) -> None:
    """Without capture there is no line; once the routing is without it again, no further one."""
    driver = site.up(served("v1"))
    site.ask(x_request_id="before")
    driver.route(replace(all_to("v1"), capture=ALL))
    site.ask(x_request_id="meanwhile")
    kept(site, 1)
    driver.route(all_to("v1"))
    site.ask(x_request_id="after")
    driver.route(replace(all_to("v1"), capture=ALL))
    site.ask(x_request_id="again")

    assert [line["id"] for line in kept(site, 2)] == ["meanwhile", "again"]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (os.urandom(10_000_000), None),
        (gzip.compress(b'{"outputs": [1]}' * 100), "gzip"),
        (b"\x00nul\x00", None),
        (b"\xff\xfe\x80 is no text", None),
        (b'{"outputs": [1', None),
        (b"", None),
    ],
    ids=["10MB", "gzip", "nul", "no-text", "no-json", "empty"],
)
def test_bytes_are_exact(site: Site, body: bytes, encoding: str | None) -> None:
    """Whatever a model answers, the user gets all of it, and the first bytes of it up to the limit are kept."""
    driver = site.up(served("v1"))
    driver.route(replace(all_to("v1"), capture=ALL))
    got = site.ask("/echo", body=body, content_type="x/y", content_encoding=encoding or "identity")
    (line,) = kept(site, 1)

    assert got.body == body
    assert answer(line) == body[: ALL.limit]
    assert (line["response_bytes"], bool(line["cut"])) == (len(body), len(body) > ALL.limit)
    assert (line["encoding"], line["type"]) == (encoding or "identity", "x/y")


def test_lines_may_be_kept_alone(site: Site) -> None:
    """With a limit of 0 the body passes by untouched, and the line has everything else: who asked, and its size."""
    driver = site.up(served("v1"))
    driver.route(replace(split(0), capture=Capture(limit=0)))
    body = os.urandom(1_000_000)
    got = site.ask("/echo", body=body, x_user="alice", x_request_id="a")
    (line,) = kept(site, 1)

    assert got.body == body
    assert (line["id"], line["model"], line["status"], line["response_bytes"]) == ("a", "v1", 200, len(body))
    assert (answer(line), line["cut"], line["request"], len(line["unit"])) == (b"", None, None, 16)


def test_a_stream_is_not_held_back(site: Site) -> None:
    """The user has the first event before the model has sent the second."""
    driver = site.up(served("v1"))
    driver.route(replace(all_to("v1"), capture=ALL))
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    connection.request("GET", "/stream")
    response = connection.getresponse()

    assert response.readline() == b"data: first\n"
    site.ask("/go")
    assert response.read() == b"\ndata: second\n\n"
    connection.close()
    by_type = {line["type"]: line for line in kept(site, 2)}
    assert answer(by_type["text/event-stream"]) == b"data: first\n\ndata: second\n\n"


def test_a_sample_is_drawn_by_the_id(site: Site) -> None:
    """A share of the ids is kept, whichever model answers; the same id has the same fate each time."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(replace(split(5000, assign_by=None), capture=Capture(sample=2500)))
    ids = [str(uuid.UUID(int=number)) for number in range(400)]
    for name in ids * 2:
        assert site.ask(x_request_id=name).status == 200
    driver.route(replace(all_to("v1"), capture=ALL))
    site.ask(x_request_id="last")
    found = [line["id"] for line in kept(site, 2 * 50)]
    while "last" not in found:
        found = [line["id"] for line in lines(site)]

    assert 50 <= len(set(found)) <= 150
    assert all(found.count(name) == 2 for name in set(found) - {"last"})
    assert {line["model"] for line in lines(site)} == {"v1", "v2"}


def test_a_unit_is_a_keyed_hash(site: Site) -> None:
    """One user has one unit, by header or by cookie, and it cannot be had without the service's secret."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(replace(split(5000), capture=ALL))
    site.ask(x_user="alice")
    site.ask(x_user="alice", cookie="mlship_uid=other")
    site.ask(cookie="a=b; mlship_uid=alice")
    site.ask(x_user="bob")
    site.ask(x_request_id="fresh-user")
    units = {line["id"]: line["unit"] for line in kept(site, 5)}
    folder = site.folder / "router" / "captures"

    assert len(set(units.values())) == 3
    assert all(len(unit) == 16 for unit in units.values())
    for word in ("alice", "bob"):
        assert word not in (folder / "predictions.jsonl").read_text()
    secret = (folder / "unit.key").read_bytes()
    assert units["fresh-user"] == half_sip_hash(secret, b"fresh-user").hex()


def test_the_folder_is_private(site: Site) -> None:
    """Answers and the secret are for their owner only."""
    driver = site.up(served("v1"))
    driver.route(replace(all_to("v1"), capture=ALL))
    site.ask()
    kept(site, 1)
    folder = site.folder / "router" / "captures"

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_failures_are_kept(site: Site) -> None:
    """An answer of 500, and the router's own answer for a model that is gone."""
    driver = site.up(served("v1", errors=1.0))
    driver.route(replace(all_to("v1"), capture=ALL))
    site.ask()
    site.kill(site.pids("v1")[0])
    site.ask()
    failed, gone = kept(site, 2)

    assert (failed["status"], failed["flags"], failed["model"]) == (500, "-", "v1")
    assert (gone["status"], gone["model"]) == (503, "v1")
    assert gone["flags"] in {"UF", "URX,UF"}


def half_sip_hash(key: bytes, text: bytes) -> bytes:
    """HalfSipHash-2-4 with 64 bits out, from its authors' description; big-endian words."""

    def words(data: bytes) -> list[int]:
        return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]

    def rolled(value: int, by: int) -> int:
        return (value << by | value >> (32 - by)) & 0xFFFFFFFF

    def mix(times: int) -> None:
        for _ in range(times):
            v[0] = (v[0] + v[1]) & 0xFFFFFFFF
            v[1] = rolled(v[1], 5) ^ v[0]
            v[0] = rolled(v[0], 16)
            v[2] = (v[2] + v[3]) & 0xFFFFFFFF
            v[3] = rolled(v[3], 8) ^ v[2]
            v[0] = (v[0] + v[3]) & 0xFFFFFFFF
            v[3] = rolled(v[3], 7) ^ v[0]
            v[2] = (v[2] + v[1]) & 0xFFFFFFFF
            v[1] = rolled(v[1], 13) ^ v[2]
            v[2] = rolled(v[2], 16)

    k0, k1 = words(key)
    v = [k0, k1 ^ 0xEE, 0x6C796765 ^ k0, 0x74656462 ^ k1]
    padding = bytes(3 - len(text) % 4) + bytes([len(text) & 0xFF])
    for word in words(text + padding):
        v[3] ^= word
        mix(2)
        v[0] ^= word
    v[2] ^= 0xEE
    mix(4)
    first = v[1] ^ v[3]
    v[1] ^= 0xDD
    mix(4)
    return first.to_bytes(4, "big") + (v[1] ^ v[3]).to_bytes(4, "big")
