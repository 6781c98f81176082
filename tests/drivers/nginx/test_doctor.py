"""What `doctor` finds about an nginx that is somebody else's; nothing is changed by looking."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.trouble import Trouble
from mlship.plan.pool import Pool
from tests.support.balanced_site import drawn
from tests.support.nginx_site import NginxSite
from tests.support.rights import nobody, open_to

pytestmark = pytest.mark.nginx


def troubles(site: NginxSite) -> list[Trouble]:
    return list(site.open(None).troubles(fence=1, held=False))


def test_a_sound_one_has_none(site: NginxSite) -> None:
    """As `init` prints its lines, with a split that was set."""
    site.up("v1", "v2").route(drawn(1000))
    before = site.balancer.include.read_text(), site.balancer.entry

    assert troubles(site) == []
    assert (site.balancer.include.read_text(), site.balancer.entry) == before


def test_one_that_is_not_there(site: NginxSite) -> None:
    """It is one sentence, not one per thing that could not be looked at."""
    site.balancer.kill()

    (trouble,) = troubles(site)

    assert (trouble.mark, "does not answer" in trouble.message) == ("FAIL", True)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"include": "/nowhere/scorer.conf"}, "/nowhere/scorer.conf is not on this machine"),
        ({"log": "/nowhere/mlship.log"}, "nothing is counted"),
        ({"pid": "/nowhere/nginx.pid"}, "tells no process id"),
        ({"program": ["/nowhere/nginx"]}, "cannot be run"),
    ],
)
def test_what_is_missing(site: NginxSite, told: dict[str, object], words: str) -> None:
    """Each by itself."""
    site.settings = {"nodes": [{**site.balancer.told, **told}]}

    (trouble,) = troubles(site)

    assert (trouble.mark, words in trouble.message) == ("FAIL", True), trouble


def test_a_generation_that_is_missing(site: NginxSite) -> None:
    """Its location is not in the configuration."""
    site.settings = {"nodes": [{**site.balancer.told, "status": f"{site.balancer.status}/elsewhere"}]}

    (trouble,) = troubles(site)

    assert (trouble.mark, "tells no generation" in trouble.message) == ("FAIL", True)


def test_an_upstream_that_is_missing(site: NginxSite) -> None:
    """By the name that the plan gives."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool(backend="fraud-v2"))

    assert [trouble.message.partition(" has ")[2] for trouble in troubles(site)] == ["no upstream fraud-v2"]


def test_a_file_that_was_edited(site: NginxSite) -> None:
    """What it says now is told, and that nobody here has set it."""
    site.up("v1", "v2").route(drawn(1000))
    file = site.balancer.include
    file.write_text(file.read_text().replace("10.00%", "20.00%"))

    edited, changed = troubles(site)

    assert (edited.mark, "it says v2:2000,v1:8000" in edited.message) == ("warn", True)
    assert "it has v2 20%, v1 80%, mlship has set v2 10%, v1 90%" in changed.message


def test_a_file_that_does_not_run(site: NginxSite) -> None:
    """A reload would change the split."""
    driver = site.up("v1", "v2")
    before = site.balancer.include.read_text()
    driver.route(drawn(1000))
    site.balancer.include.write_text(before)

    (trouble,) = troubles(site)

    assert (trouble.mark, "says v1:10000, nginx" in trouble.message) == ("warn", True)


def test_rights_that_are_missing(site: NginxSite) -> None:
    """To replace the file, to signal, to test, to read the log: each is told."""
    site.up("v1", "v2")
    open_to(site.folder)
    site.balancer.include.parent.chmod(0o755)
    site.balancer.log.chmod(0o600)
    site.balancer.configuration.chmod(0o600)
    with nobody():
        found = [trouble.message for trouble in troubles(site)]

    assert [
        any(words in message for message in found)
        for words in ("cannot be written", "may not be signalled", "does not pass its own test", "nothing is counted")
    ] == [True] * 4, found
