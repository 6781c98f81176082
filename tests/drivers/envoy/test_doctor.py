"""What `doctor` finds about an Envoy that is somebody else's; nothing is changed by looking."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.trouble import Trouble
from mlship.plan.pool import Pool
from tests.support.balanced_site import drawn
from tests.support.envoy_site import EnvoySite, envoy_site

pytestmark = pytest.mark.envoy


def troubles(site: EnvoySite) -> list[Trouble]:
    return list(site.open(None).troubles(fence=1, held=False))


def test_a_sound_one_has_none(site: EnvoySite) -> None:
    """As `init` prints its lines, with a split that was set."""
    site.up("v1", "v2").route(drawn(1000))
    before = site.balancer.runtime

    assert troubles(site) == []
    assert site.balancer.runtime == before


def test_one_that_is_not_there(site: EnvoySite) -> None:
    """It is one sentence, not one per thing that could not be looked at."""
    site.balancer.kill()

    (trouble,) = troubles(site)

    assert (trouble.mark, "does not answer" in trouble.message) == ("FAIL", True)


@pytest.mark.parametrize(
    ("replaced", "mark", "message"),
    [
        ({"name: admin, admin_layer: {}": "name: more, static_layer: {}"}, "FAIL", "takes no split"),
        ({"stats_flush_on_admin: true ": "# "}, "warn", "latencies only every few seconds"),
        ({"mlship.scorer.split": "mlship.other.split"}, "FAIL", "no route whose weights follow mlship.scorer.split"),
        ({"name: v2, weight: 0": "name: v2, weight: 500"}, "warn", "a restart of Envoy"),
        ({'exact: "yes"': 'exact: "green"'}, "warn", "by header x-preview=green, not x-preview=yes"),
    ],
)
def test_a_configuration_that_does_not_do(replaced: dict[str, str], mark: str, message: str) -> None:
    """Each with its own words, and something to do about it."""
    with envoy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(replaced=replaced)

        found = troubles(site)

    assert found
    assert {(trouble.mark, message in trouble.message) for trouble in found} == {(mark, True)}, found
    assert all(trouble.hint for trouble in found)


def test_an_administration_that_others_can_reach() -> None:
    """It has no password: that is told, and is in nobody's way; of loopback nothing."""
    bound = "admin: { address: { socket_address: { address: "
    with envoy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(over_tcp=True)
        assert troubles(site) == []
        site.balance(over_tcp=True, replaced={f"{bound}127.0.0.1": f"{bound}0.0.0.0"})

        (trouble,) = troubles(site)

        port = site.balancers[1].admin.rpartition(":")[2]
    assert trouble.mark == "warn"
    assert f"without a password, at 0.0.0.0:{port}" in trouble.message
    assert "loopback" in trouble.hint


def test_a_cluster_that_is_missing(site: EnvoySite) -> None:
    """By the name that the plan gives."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool(backend="fraud-v2"))

    (trouble,) = troubles(site)

    assert (trouble.mark, "no cluster fraud-v2 in its split" in trouble.message) == ("FAIL", True)


def test_a_value_that_means_nothing(site: EnvoySite) -> None:
    """Envoy has answered 200 to it."""
    site.balancer.set_by_hand(closed="-5")

    (trouble,) = troubles(site)

    assert (trouble.mark, "mlship.scorer.closed=-5" in trouble.message) == ("FAIL", True)


def test_a_change_by_somebody_else(site: EnvoySite) -> None:
    """Both values, and what puts it right."""
    site.up("v1", "v2").route(drawn(1000))
    site.balancer.set_by_hand(split_v1=0, split_v2=1)

    (changed,) = troubles(site)

    assert "it has v2 100%, mlship has set v2 10%, v1 90%" in changed.message
    assert "doctor scorer --repair" in changed.hint
