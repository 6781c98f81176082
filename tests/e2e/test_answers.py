"""Challengers by the whole command line: what kills cost, and how a comparison ends."""

from __future__ import annotations

import http.client
import json
from collections import Counter

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site

pytestmark = pytest.mark.envoy

EACH = 100
"""Requests between two kills."""
STAGES = """\
  - { strategy: shadow, mirror: { v2: 100% }, hold: 0s, requests: 1, gates: [sure], at-most: 120s }
"""
MORE = f"""\
gates: {{ sure: {{ metric: accuracy, no-worse-than: live, margin: 10%, least: {3 * EACH} }} }}
guards: []
bake: 0s
capture: {{ prediction: model }}
"""


def ask(site: Site, truth: str) -> None:
    """So many requests, and for each one what was right, acknowledged."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    for _ in range(EACH):
        connection.request("GET", "/predict")
        response = connection.getresponse()
        response.read()
        request = response.headers["x-request-id"]
        connection.request("GET", f"/_mlship/feedback?request_id={request}&value={truth}")
        told = connection.getresponse()
        told.read()
        assert (response.status, told.status) == (200, 204)
    connection.close()


def summed(site: Site) -> Counter[str]:
    """What the looks of the rollout say of v2's answers, all together."""
    said: Counter[str] = Counter()
    for line in site.mlship("show", "scorer", "--json").stdout.splitlines():
        look = json.loads(line).get("look") or {}
        total = (look.get("answers") or {}).get("v2", {}).get("total", {})
        said.update({key: total.get(key, 0) for key in ("pairs", "labelled", "unpaired")})
    return said


def written(site: Site) -> int:
    """Answers in the router's files."""
    folder = site.state / "process" / "scorer" / "router" / "captures"
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("predictions*.jsonl"))


def test_kills_lose_no_answer(site: Site) -> None:
    """kill -9 of the command, then of the router while nobody is at work: each pair and each label counts once."""
    run = site.start("deploy", site.plan(STAGES, more=MORE), "--yes", "--output", "json")
    site.until(lambda: '"type":"settled","step":1' in site.output.read_text().replace(" ", ""))
    ask(site, "v2")
    site.until(lambda: summed(site)["pairs"] > 0)
    run.kill()
    run.wait()
    before = written(site)
    ask(site, "v2")
    site.until(lambda: written(site) >= before + 2 * EACH)
    site.kill("envoy")
    resumed = site.start("resume", "scorer")
    site.until(lambda: site.ask() == "v1")
    ask(site, "v2")

    assert resumed.wait(120) == Exit.DONE, site.output.read_text()
    assert summed(site)["labelled"] == 3 * EACH


CONTEST = """\
  - {{ strategy: shadow, mirror: {{ v2: 100%, v3: 100% }}, choose: best, gates: [{gate}], hold: 0s, requests: 1,
      at-most: {deadline} }}
"""
GATES = """\
gates:
  agrees: { metric: agreement, min: 50% }
  right-more-often: { metric: accuracy, better-than: live }
guards: []
capture: { prediction: model }
"""


@pytest.mark.parametrize(
    ("gate", "deadline", "code", "said"),
    [
        ("agrees", "60s, at-deadline: park", Exit.ROLLED_BACK, "no challenger is good enough"),
        ("right-more-often", "3s, at-deadline: park", Exit.PARKED, "0 of 100 labelled pairs"),
        ("right-more-often", "3s, at-deadline: rollback", Exit.ROLLED_BACK, "0 of 100 labelled pairs"),
    ],
    ids=["none-good-enough", "too-few-labels", "as-the-plan-says"],
)
def test_how_a_contest_without_a_winner_ends(site: Site, gate: str, deadline: str, code: Exit, said: str) -> None:
    """Rejected challengers are exit 3; labels that are missing at the deadline park, or what the plan says."""
    file = site.plan(CONTEST.format(gate=gate, deadline=deadline), more=GATES)
    v2 = file.read_text().split("  v2: ")[1].split("\nlive:")[0]
    file.write_text(file.read_text().replace("\nlive:", f"\n  v3: {v2}\nlive:"))
    with site.users() as answers:
        ran = site.deploy(file)

    assert ran.returncode == code, ran.stdout + ran.stderr
    assert said in ran.stdout
    assert set(answers) <= {"v1", "", "404", "503"}
