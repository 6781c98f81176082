"""What `doctor` finds about a Traefik that is somebody else's; nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from mlship.drivers.balancer.traefik.doctor import LATE
from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach
from mlship.plan.pool import Pool
from tests.support.balanced_site import CLOCK, drawn
from tests.support.rights import nobody
from tests.support.site import until
from tests.support.traefik_site import TraefikSite, traefik_site

pytestmark = pytest.mark.traefik


def troubles(site: TraefikSite) -> list[Trouble]:
    return list(site.open(None).troubles(fence=1, held=False))


def test_a_sound_one_has_none(site: TraefikSite) -> None:
    """As `init` prints its lines, with a split that was set and requests that were counted."""
    site.up("v1", "v2").route(drawn(1000))
    site.shares(10)
    before = site.balancer.file.read_text()

    assert troubles(site) == []
    assert site.balancer.file.read_text() == before


def test_one_that_is_not_there(site: TraefikSite) -> None:
    """It is one sentence, not one per thing that could not be looked at."""
    site.balancer.kill()

    (trouble,) = troubles(site)

    assert (trouble.mark, "does not answer" in trouble.message) == ("FAIL", True)


@pytest.mark.parametrize(
    ("changes", "words", "mark"),
    [
        ({"providersThrottleDuration: 50ms": "providersThrottleDuration: 1s"}, "waits up to 1s", "warn"),
        ({"  providersThrottleDuration: 50ms": "  # none"}, "waits up to 2s", "warn"),
        ({"    buckets: ": "    # "}, "buckets of another kind", "FAIL"),
        ({"metrics:\n  prometheus:\n    addServicesLabels: true\n    buckets: ": "# "}, "has no /metrics", "FAIL"),
    ],
)
def test_a_static_configuration_that_does_not_do(changes: Mapping[str, str], words: str, mark: str) -> None:
    """A rollback would come late, latencies would not be known: each is told, with what to set."""
    with traefik_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(static_changes=changes)
        driver = site.up("v1", "v2")
        site.shares(1)

        (trouble,) = troubles(site)

        assert (trouble.mark, words in trouble.message) == (mark, True), trouble
        if "buckets" in words:
            with pytest.raises(OutOfReach, match="buckets of another kind"):
                driver.measure()


def test_a_static_configuration_that_is_elsewhere(site: TraefikSite) -> None:
    """What cannot be known is not passed over."""
    site.settings = {"nodes": [{**site.balancer.told, "static": "/nowhere/traefik.yml"}]}

    (trouble,) = troubles(site)

    assert (trouble.mark, "is not known" in trouble.message) == ("warn", True)


def test_services_that_are_missing_or_not_checked() -> None:
    """By the name that the plan gives."""
    with traefik_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(checked=False)
        site.models["v2"] = replace(site.models["v2"], pool=Pool(backend="fraud-v2"))

        unchecked, missing = troubles(site)

        assert "service v1 of Traefik" in unchecked.message
        assert missing.message.endswith("has no service fraud-v2")


def test_a_file_that_is_not_what_runs(site: TraefikSite) -> None:
    """A file that Traefik does not watch is found out."""
    site.up("v1", "v2")
    other = site.folder / "elsewhere"
    other.mkdir()
    site.settings = {"nodes": [{**site.balancer.told, "file": str(other / "mlship.yml")}]}

    (trouble,) = troubles(site)

    assert (trouble.mark, "says nothing, Traefik" in trouble.message) == ("warn", True)


def test_folders_that_cannot_be_used(site: TraefikSite) -> None:
    """Neither one without the right to write nor one on another disk: a rename is what keeps users from a 404."""
    site.settings = {"nodes": [{**site.balancer.told, "staging": "/dev/shm"}]}
    (disk,) = troubles(site)
    site.folder.chmod(0o755)
    site.balancer.folder.chmod(0o755)
    site.settings = {}
    with nobody():
        found = troubles(site)

    assert "is on another disk" in disk.message
    assert [trouble.message.endswith("no split of Traefik can be set") for trouble in found] == [True]


def test_a_file_of_somebody_else_that_traefik_does_not_take(site: TraefikSite) -> None:
    """A sound one is loaded; with an unknown field in one it takes no file at all, which is told by its name."""
    site.up("v1", "v2")
    site.balancer.put(
        "team.yml", 'http: { services: { team: { loadBalancer: { servers: [{ url: "http://[::1]:1" }] } } } }'
    )
    until(lambda: any(each["name"] == "team@file" for each in site.balancer.api.services()))
    CLOCK.sleep(LATE + 0.5)
    assert troubles(site) == []

    site.balancer.put("team.yml", "http: { services: { team: { loadBalancerr: { servers: [] } } } }")
    until(lambda: bool(troubles(site)))
    (trouble,) = troubles(site)

    assert (trouble.mark, "has loaded nothing since team.yml was changed" in trouble.message) == ("warn", True)
