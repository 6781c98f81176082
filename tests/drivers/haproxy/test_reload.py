"""What a reload of an HAProxy does to connections that its users keep open."""

from __future__ import annotations

from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException

import pytest

from tests.support.haproxy_site import IDLE_CLOSE, HaproxySite

pytestmark = pytest.mark.haproxy


def status(connection: HTTPConnection) -> int:
    """Of one more request over it; 0: it was lost. One that is closed is not opened anew."""
    if connection.sock is None:
        connection.connect()
    connection.auto_open = 0
    try:
        connection.request("GET", "/predict")
        response = connection.getresponse()
        response.read()
    except (HTTPException, OSError):
        return 0
    return response.status


def over_a_reload(site: HaproxySite) -> list[int]:
    """What 10 users get who do not look whether their connection is still open."""
    connections = [HTTPConnection("127.0.0.1", site.balancer.port, timeout=10) for _ in range(10)]
    with ExitStack() as stack:
        for connection in connections:
            stack.callback(connection.close)
            assert status(connection) == 200
        site.balancer.reload()
        return [status(connection) for connection in connections]


def test_it_ends_no_connection_that_waits_for_its_next_request(either: HaproxySite) -> None:
    """A client that does not look whether its connection is still open loses no request, and gets no half answer."""
    either.up("v1", "v2")

    assert over_a_reload(either) == [200] * 10


def test_without_the_option_it_does(either: HaproxySite) -> None:
    """The reason why the lines have it, and why the documentation asks for it where none are printed."""
    file = either.balancer.folder / "haproxy.cfg"
    assert IDLE_CLOSE in file.read_text()
    file.write_text(file.read_text().replace(IDLE_CLOSE, ""))
    either.balancer.reload()
    either.up("v1", "v2")

    assert 0 in over_a_reload(either)
