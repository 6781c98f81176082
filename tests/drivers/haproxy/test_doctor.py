"""What `doctor` finds about an HAProxy that is somebody else's; nothing is changed by looking."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.trouble import Trouble
from mlship.plan.pool import Pool
from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite

pytestmark = pytest.mark.haproxy


def troubles(site: HaproxySite) -> list[Trouble]:
    return list(site.open(None).troubles(fence=1, held=False))


def reconfigured(site: HaproxySite, before: str, after: str) -> None:
    file = site.balancer.folder / "haproxy.cfg"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))
    site.balancer.reload()


def test_a_sound_one_has_none(site: HaproxySite) -> None:
    """As `init` prints its lines, with a split that was set."""
    site.up("v1", "v2").route(drawn(1000))
    before = site.balancer.map.read_text(), site.balancer.entry

    assert troubles(site) == []
    assert (site.balancer.map.read_text(), site.balancer.entry) == before


def test_one_that_is_not_there(site: HaproxySite) -> None:
    """It is one sentence, not one per thing that could not be looked at."""
    site.balancer.kill()

    (trouble,) = troubles(site)

    assert (trouble.mark, "does not answer" in trouble.message) == ("FAIL", True)


def test_a_ring_that_is_missing(site: HaproxySite) -> None:
    """No latency could be judged."""
    site.settings = {"ring": "elsewhere"}

    (trouble,) = troubles(site)

    assert (trouble.mark, trouble.message.endswith("has no ring elsewhere: no latencies")) == ("FAIL", True)


def test_a_backend_that_is_missing(site: HaproxySite) -> None:
    """By the name that the plan gives."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool(backend="fraud-v2"))

    assert [trouble.message.partition(" has ")[2] for trouble in troubles(site)] == ["no backend fraud-v2"]


def test_a_map_that_is_missing(site: HaproxySite) -> None:
    """What to add is said."""
    site.settings = {"nodes": [{"socket": site.balancer.socket, "map": "/etc/haproxy/other.map"}]}

    (trouble,) = troubles(site)

    assert ("has no map" in trouble.message, "init --driver haproxy" in trouble.hint) == (True, True)


def test_a_map_file_that_cannot_be_kept(site: HaproxySite) -> None:
    """A reload would lose the split."""
    site.balancer.map.unlink()

    (trouble,) = troubles(site)

    assert (trouble.mark, "is not on this machine" in trouble.message) == ("FAIL", True)


def test_a_map_file_that_says_something_else(site: HaproxySite) -> None:
    """It would be live with the next reload."""
    site.up("v1", "v2").route(drawn(1000))
    site.balancer.map.write_text("scorer any:v1:10000\n")

    (trouble,) = troubles(site)

    assert (trouble.mark, "any:v1:10000" in trouble.message, "any:v2:1000" in trouble.message) == ("warn", True, True)


def test_a_check_that_does_not_ask_the_model(site: HaproxySite) -> None:
    """A server that takes connections may still be loading its model."""
    site.up("v1", "v2")
    reconfigured(site, "    option httpchk GET /v2/health/ready\n", "")
    site.open().ensure("v1", 1)
    site.open().ensure("v2", 1)

    found = troubles(site)

    assert {trouble.mark for trouble in found} == {"warn"}
    assert all("take connections" in trouble.message for trouble in found)
    assert len(found) == 2


def test_a_split_that_is_not_kept(site: HaproxySite) -> None:
    """`persist: false` is a choice, and is told."""
    site.settings = {"nodes": [{"socket": site.balancer.socket, "map": str(site.balancer.map), "persist": False}]}

    (trouble,) = troubles(site)

    assert (trouble.mark, "loses the split" in trouble.message) == ("warn", True)


def test_a_change_by_somebody_else(site: HaproxySite) -> None:
    """Both values, and what puts it right."""
    site.up("v1", "v2").route(drawn(1000))
    site.balancer.api.ask(f"set map {site.balancer.map} scorer any:v2:10000")

    (changed,) = [trouble for trouble in troubles(site) if "somebody else" in trouble.message]

    assert "it has v2 100%, mlship has set v2 10%, v1 90%" in changed.message
    assert "doctor scorer --repair" in changed.hint
