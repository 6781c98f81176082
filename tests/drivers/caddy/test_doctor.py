"""What `doctor` finds about a Caddy that is somebody else's; nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlship.drivers.trouble import Trouble
from tests.support.balanced_site import drawn
from tests.support.caddy_site import CaddySite, caddy_site

pytestmark = pytest.mark.caddy


def troubles(site: CaddySite) -> list[Trouble]:
    return list(site.open(None).troubles(fence=1, held=False))


def test_a_sound_one_has_none(site: CaddySite) -> None:
    """As `init` prints its lines, with a split that was set."""
    site.up("v1", "v2").route(drawn(1000))
    before = site.balancer.block

    assert troubles(site) == []
    assert site.balancer.block == before


def test_one_that_is_not_there(site: CaddySite) -> None:
    """It is one sentence, not one per thing that could not be looked at."""
    site.balancer.kill()

    (trouble,) = troubles(site)

    assert (trouble.mark, "does not answer" in trouble.message) == ("FAIL", True)


def test_a_handler_that_is_missing(site: CaddySite) -> None:
    """What to add is said."""
    site.settings = {"id": "mlship-other"}

    (trouble,) = troubles(site)

    assert ("no handler with the id mlship-other" in trouble.message, "init --driver caddy" in trouble.hint) == (
        True,
        True,
    )


def _policy(block: Any, policy: Any) -> None:
    block["routes"][0]["handle"][-1]["load_balancing"]["selection_policy"] = policy


def _without(block: Any, key: str) -> None:
    handle = block["routes"][0]["handle"]
    block["routes"][0]["handle"] = [each for each in handle if each.get("key") != key]


FALLBACK = {"policy": "weighted_round_robin", "weights": [1]}


@pytest.mark.parametrize(
    ("spoil", "mark", "message"),
    [
        (lambda block: _policy(block, {"policy": "least_conn"}), "FAIL", "policy least_conn has no weights"),
        (lambda block: _policy(block, {"policy": "cookie", "name": "lb"}), "FAIL", "policy random has no weights"),
        (lambda block: _policy(block, {"policy": "cookie", "fallback": FALLBACK}), "warn", "keeps users by cookie lb"),
        (lambda block: _without(block, "upstream"), "FAIL", "does not log which server"),
        (lambda block: _without(block, "upstream_ms"), "warn", "does not log when a server"),
        (lambda block: block["routes"].insert(0, {"handle": []}), "FAIL", "routes that are not mlship's"),
        (lambda block: block["routes"][0]["handle"].pop(), "FAIL", "0 handlers `reverse_proxy`"),
        (lambda block: block["routes"].clear(), "FAIL", "no subroute with a route"),
    ],
)
def test_a_handler_that_does_not_do(site: CaddySite, spoil: Callable[[Any], None], mark: str, message: str) -> None:
    """Each with its own words, and something to do about it."""
    block = site.balancer.block
    spoil(block)
    site.balancer.patch("", block)

    (trouble,) = troubles(site)

    assert (trouble.mark, message in trouble.message) == (mark, True), trouble
    assert trouble.hint


def test_a_log_that_is_another_one(site: CaddySite) -> None:
    """Nothing could be counted."""
    site.settings = {"nodes": [{"admin": site.balancer.admin, "log": "/nowhere/access.log"}]}

    (trouble,) = troubles(site)

    assert (trouble.mark, "writes no log to /nowhere/access.log" in trouble.message) == ("FAIL", True)


def test_a_log_that_leaves_lines_out(site: CaddySite) -> None:
    """Sampled, its numbers are those of nobody."""
    path = "/config/logging/logs/mlship"
    log = {"include": ["http.log.access.mlship"], "writer": {"output": "file", "filename": str(site.balancer.log)}}
    assert site.balancer.api.patch(path, {**log, "sampling": {"first": 1, "thereafter": 100}}, etag="").status == 200

    (trouble,) = troubles(site)

    assert (trouble.mark, "leaves lines" in trouble.message) == ("FAIL", True)


@pytest.mark.parametrize("over_tcp", [False, True])
def test_one_that_forgets(*, over_tcp: bool) -> None:
    """Without --resume, or told not to save, a restart brings back what the file says."""
    with caddy_site() as site:
        site.serve("v1")
        site.balance(resumes=False, over_tcp=over_tcp)

        (trouble,) = troubles(site)
        assert (trouble.mark, "started without --resume" in trouble.message) == ("warn", True)

        admin = {"listen": site.balancer.admin if over_tcp else f"unix/{site.balancer.admin}"}
        settings = {**admin, "config": {"persist": False}}
        assert site.balancer.api.patch("/config/admin", settings, etag="").status == 200
        (trouble,) = troubles(site)
        assert (trouble.mark, "loses the split" in trouble.message, "persist" in trouble.hint) == ("warn", True, True)


@pytest.mark.parametrize("listen", ["0.0.0.0:{port}", "tcp/:{port}", "tcp/[::]:{port}"])
def test_an_administration_that_others_can_reach(listen: str) -> None:
    """It has no password: that is told, and is in nobody's way; of loopback nothing."""
    with caddy_site() as site:
        site.serve("v1")
        site.balance(over_tcp=True)
        assert troubles(site) == []
        port = site.balancer.admin.rpartition(":")[2]
        told = {"listen": listen.format(port=port)}
        assert site.balancer.api.patch("/config/admin", told, etag="").status == 200

        (trouble,) = troubles(site)

    assert trouble.mark == "warn"
    assert f"without a password, at {told['listen'].removeprefix('tcp/')}" in trouble.message
    assert "`admin.listen` to loopback" in trouble.hint


def test_a_change_by_somebody_else(site: CaddySite) -> None:
    """Both values, and what puts it right."""
    site.up("v1", "v2").route(drawn(1000))
    site.balancer.set_by_hand(v2=1)

    (changed,) = troubles(site)

    assert "it has v2 100%, mlship has set v2 10%, v1 90%" in changed.message
    assert "doctor scorer --repair" in changed.hint
