"""A promotion that late labels speak against: told, and taken back where the plan says so."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site

pytestmark = pytest.mark.envoy

STAGES = """\
  - { strategy: shadow, mirror: { v2: 100% }, hold: 1s, gates: [sure], at-most: 60s }
"""
MORE = """\
gates: { sure: { metric: accuracy, no-worse-than: live, margin: 10%%, least: 30 } }
guards: []
capture: { prediction: model }
watch-labels: { for: 1h, then: %s }
"""


def ask(site: Site, count: int) -> list[str]:
    """Request ids of so many answers."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    ids = []
    for _ in range(count):
        connection.request("GET", "/predict")
        response = connection.getresponse()
        response.read()
        ids.append(str(response.headers["x-request-id"]))
    connection.close()
    return ids


def promoted_by_hand(site: Site, then: str) -> list[str]:
    """v2 is live although nothing was known of its answers; the ids of those that it gave as a challenger."""
    run = site.start("deploy", site.plan(STAGES, more=MORE % then), "--yes", "--output", "json")
    site.until(lambda: any(event["type"] == "settled" and event["step"] == 1 for event in events(site)))
    ids = ask(site, 80)
    site.until(lambda: copies(site) >= len(ids))
    assert site.mlship("promote", "scorer").returncode == Exit.DONE
    assert run.wait(60) == Exit.DONE, site.output.read_text()
    assert site.ask() == "v2"
    return ids


def copies(site: Site) -> int:
    """Copies that v2 has answered, as far as the run has looked."""
    looks = [event["look"]["tallies"] or {} for event in events(site) if event["type"] == "looked"]
    return sum(tallies["v2"]["requests"] for tallies in looks if "v2" in tallies)


def events(site: Site) -> list[dict[str, Any]]:
    """What the run has told."""
    *whole, _ = site.output.read_text().split("\n")
    return [json.loads(line) for line in whole if line.startswith("{")]


def labels(folder: Path, ids: list[str], truth: str) -> Path:
    file = folder / f"{truth}.csv"
    file.write_text("id,value\n" + "".join(f"{each},{truth}\n" for each in ids))
    return file


def test_late_labels_take_a_promotion_back(site: Site) -> None:
    """Every label says what v1 said: the plan's word is kept, and v1 is live again."""
    ids = promoted_by_hand(site, "rollback")
    ran = site.mlship("outcome", "scorer", labels(site.folder, ids, "v1"))

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert "late labels: sure fail" in ran.stdout
    assert site.ask() == "v1"
    assert "late labels" in site.mlship("history", "scorer").stdout


def test_late_reports_of_the_application_count_at_a_review(site: Site) -> None:
    """What applications tell the router after the promotion is read by `mlship review`, which keeps the plan's word."""
    ids = promoted_by_hand(site, "rollback")
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    for each in ids:
        connection.request("GET", f"/_mlship/feedback?request_id={each}&value=v1")
        told = connection.getresponse()
        told.read()
        assert told.status == 204
    connection.close()
    ran = site.mlship("review", "scorer")

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert site.ask() == "v1"


def test_late_labels_are_told(site: Site) -> None:
    """Where the plan only reports, status says that the promotion does not hold; a review finds nothing new."""
    ids = promoted_by_hand(site, "report")
    ran = site.mlship("outcome", "scorer", labels(site.folder, ids, "v1"))

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert "the promotion does not hold" in ran.stdout
    assert site.ask() == "v2"
    assert "late labels: sure fail" in site.mlship("status", "scorer").stdout
    assert site.mlship("review", "scorer").returncode == Exit.DONE


def test_late_labels_confirm(site: Site) -> None:
    """Every label says what v2 said: nothing is taken back."""
    ids = promoted_by_hand(site, "rollback")
    ran = site.mlship("outcome", "scorer", labels(site.folder, ids, "v2"))

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert "late labels: sure pass" in ran.stdout
    assert site.ask() == "v2"


def test_nothing_to_review(site: Site) -> None:
    """Without a watch there is nothing to judge: exit 2, and what would change that."""
    with site.users():
        site.deploy(site.plan("  - { strategy: blue-green, bake: 0s, gates: [] }\n", more="guards: []\n"))
    ran = site.mlship("review", "scorer")

    assert (ran.returncode, "watch-labels" in ran.stderr) == (Exit.USAGE, True), ran.stderr
