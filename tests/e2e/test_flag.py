"""`mlship flag`: rules of a running stage, seen, changed, refused, and gone after a rollback; with the real router."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site

pytestmark = pytest.mark.envoy

MORE = "assign-by: header:x-user\nguards: [{ metric: error_rate, max: 5% }]\n"
FLAG = """\
  - name: beta
    strategy: feature-flag
    hold: 1h
    at-most: 2h
    gates: [{ metric: error_rate, max: 5% }]
    rules:
      - never: { header: { x-tier: free } }
      - { header: { x-beta: "yes" } }
      - { users: [alice, bob] }
"""
BETA = {"x-beta": "yes"}


def running(site: Site, stages: str = FLAG) -> None:
    """A rollout in its feature-flag stage, worked on by another process."""
    site.start("deploy", site.plan(stages, more=MORE), "--yes", "--output", "plain")
    site.until(lambda: site.ask(BETA) == "v2")


def rules(site: Site) -> list[dict[str, Any]]:
    """The rules as a plan would write them."""
    ran = site.mlship("flag", "scorer", "--output", "json")
    assert ran.returncode == Exit.DONE, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["service"], told["stage"], told["live"]) == ("scorer", "beta", True)
    return list(told["rules"])


def changed(site: Site, *words: str | Path) -> str:
    """What `mlship flag scorer ...` says; the rules are live when it returns."""
    ran = site.mlship("flag", "scorer", *words)
    assert ran.returncode == Exit.DONE, ran.stderr
    assert "not routed yet" not in ran.stdout
    return ran.stdout


def test_rules_change_while_the_stage_runs(site: Site) -> None:
    """Each change is live when the command returns; order, users, shares and removal do as they say."""
    running(site)
    assert [site.ask(headers) for headers in ({}, {"x-user": "bob"}, BETA | {"x-tier": "free"})] == ["v1", "v2", "v1"]
    assert "1. never header:x-tier=free\n2. header:x-beta=yes\n3. users:alice,bob\n" in changed(site)

    changed(site, "add", "header:x-country~de|at", "no:header:x-bot")
    assert site.ask({"x-country": "at"}) == "v2"
    assert site.ask({"x-country": "at", "x-bot": "1"}) == "v1"

    (site.folder / "more.txt").write_text("carol\ndave\n")
    changed(site, "users", "add", f"file:{site.folder / 'more.txt'}", "erin,bob")
    assert {site.ask({"x-user": user}) for user in ("alice", "bob", "carol", "dave", "erin")} == {"v2"}
    changed(site, "users", "remove", "alice")
    assert site.ask({"x-user": "alice"}) == "v1"

    changed(site, "add", "percentage:100%")
    changed(site, "add", "never", "users:mallory")
    assert (site.ask({"x-user": "anyone"}), site.ask({"x-user": "mallory"})) == ("v2", "v1")
    changed(site, "set", "--percentage", "0.01%")
    assert site.ask({"x-user": "anyone"}) == "v1"
    assert rules(site) == [
        {"never": {"users": ["mallory"]}},
        {"never": {"header": {"x-tier": "free"}}},
        {"header": {"x-beta": "yes"}},
        {"users": ["bob", "carol", "dave", "erin"]},
        {"header": {"x-country": {"matches": "de|at"}, "x-bot": {"absent": True}}},
        {"percentage": "0.01%"},
    ]

    changed(site, "remove", "all")
    assert {site.ask(BETA), site.ask({"x-user": "bob"})} == {"v1"}
    assert site.status()["status"] == "running"


def test_ten_thousand_users(site: Site) -> None:
    """A long list from a file is served, changed by one, and grows past its first size."""
    names = [f"user-{number:05d}" for number in range(10_000)]
    (site.folder / "beta.txt").write_text("\n".join(names))
    running(site, FLAG.replace("[alice, bob]", "file:beta.txt"))

    changed(site, "users", "add", "zoe")
    changed(site, "users", "remove", names[0])

    asked = (names[1], names[-1], "zoe", names[0])
    assert [site.ask({"x-user": name}) for name in asked] == ["v2", "v2", "v2", "v1"]


def test_a_wrong_change_changes_nothing(site: Site) -> None:
    """Exit 2, what is wrong, and what to do; the rules stay."""
    running(site)
    before = rules(site)

    for words, told in [
        (("add", "header:x-a~(?=b)"), "invalid perl operator"),
        (("add", "header:x-mlship-model=v2"), "the router's own"),
        (("add", "percentage:120%"), "at most 100%"),
        (("add", "hader:x=y"), "is no part of a rule"),
        (("add", "users:file:none.txt"), "cannot be read"),
        (("add",), "add what?"),
        (("remove", "9"), "there is no rule '9'"),
        (("set", "--percentage", "5%"), "no rule has percentage"),
        (("users", "remove", "zoe"), "not in rule 3: zoe"),
        (("toggle",), "no such action"),
    ]:
        ran = site.mlship("flag", "scorer", *words)
        assert (ran.returncode, told in ran.stderr) == (Exit.USAGE, True), (words, ran.stderr)
        assert "Traceback" not in ran.stderr
    assert rules(site) == before


def test_two_people_at_once_lose_nothing(site: Site) -> None:
    """Changes that were begun from the same rules are all there afterwards."""
    running(site)
    names = [f"user-{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda name: site.mlship("flag", "scorer", "users", "add", name), names))

    assert [ran.returncode for ran in ended] == [Exit.DONE] * 4, [ran.stderr for ran in ended]
    assert sorted(rules(site)[2]["users"]) == ["alice", "bob", *names]
    assert {site.ask({"x-user": name}) for name in names} == {"v2"}


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_where_no_run_is_at_work_the_command_routes_itself(site: Site, way: signal.Signals) -> None:
    """The run is parked or was killed: the change is live at once, and `resume` goes on with it."""
    running(site)
    deploy = site.started[0]
    deploy.send_signal(way)
    deploy.wait(timeout=60)

    changed(site, "remove", "2")
    assert (site.ask(BETA), site.ask({"x-user": "bob"})) == ("v1", "v2")

    site.start("resume", "scorer", "--output", "plain")
    site.until(lambda: "in place" in site.output.read_text())
    assert (site.ask(BETA), site.ask({"x-user": "bob"})) == ("v1", "v2")


def test_no_flag_outlives_a_rollback(site: Site) -> None:
    """Header, user and cookie that led to the candidate lead to the live model; changes are refused from then on."""
    running(site, FLAG + "      - { cookie: { ring: inner } }\n      - { percentage: 50% }\n")
    sticky = next(user for user in map(str, range(100)) if site.ask({"x-user": user}) == "v2")
    flagged = [BETA, {"x-user": "alice"}, {"cookie": "ring=inner"}, {"x-user": sticky}]
    assert {site.ask(headers) for headers in flagged} == {"v2"}

    assert site.mlship("rollback", "scorer").returncode == Exit.DONE

    assert {site.ask(headers) for headers in [*flagged, {"x-mlship-variant": "v2"}]} == {"v1"}
    ran = site.mlship("flag", "scorer", "add", "header:x-beta=yes")
    assert (ran.returncode, "no rollout under way" in ran.stderr) == (Exit.USAGE, True), ran.stderr


def test_without_a_running_flag_there_is_nothing_to_change(site: Site) -> None:
    """Another stage is at work: exit 2, what is, and what would be needed."""
    canary = "  - { strategy: canary, weights: [50%], hold: 1h, at-most: 2h, gates: [] }\n"
    site.start("deploy", site.plan(canary, more=MORE), "--yes", "--output", "plain")
    site.until_share("v2")

    ran = site.mlship("flag", "add", "percentage:10%")

    assert (ran.returncode, "no feature flag runs" in ran.stderr) == (Exit.USAGE, True), ran.stderr
    assert "strategy is feature-flag" in ran.stderr
