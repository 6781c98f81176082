"""Whole commands against real processes and the real router: exit codes, messages, and what the users see."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site

pytestmark = pytest.mark.envoy

QUICK = "  - { strategy: canary, weights: [50%], hold: 1s, requests: 20, at-most: 60s, gates: [same] }\n"
GATES = "gates: { same: { metric: error_rate, no-worse-than: live, margin: 10% } }\n"
LONG = "  - { strategy: canary, weights: [50%], hold: 10m, at-most: 20m, gates: [same] }\n"


def test_promotion(site: Site) -> None:
    """A good canary ends with exit 0, the new model serves alone, and no user saw a failure."""
    plan = site.plan(QUICK, more=GATES)
    with site.users() as answers:
        ran = site.deploy(plan)
    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert (site.ask(), set(answers) - {""}) == ("v2", {"v1", "v2"})
    assert site.processes("--name v1") == []


def test_nothing_to_do(site: Site) -> None:
    """The same plan once more changes nothing."""
    plan = site.plan(QUICK, more=GATES)
    with site.users():
        site.deploy(plan)
    again = site.deploy(plan)
    assert (again.returncode, "nothing to do" in again.stdout) == (Exit.DONE, True)


def test_erring_candidate(site: Site) -> None:
    """A candidate that answers 500 is rolled back with exit 3 and stopped; the live model serves on."""
    plan = site.plan(QUICK, v2=["--errors", "0.5"], more=GATES)
    with site.users():
        ran = site.deploy(plan)
        assert (ran.returncode, site.ask()) == (Exit.ROLLED_BACK, "v1"), ran.stdout + ran.stderr
    assert site.processes("--name v2") == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (["--never-ready"], "health"),
        (["--crash"], "model file not found: weights.bin"),
        (["--die-after", "40"], "died"),
    ],
    ids=["never ready", "crashes at the start", "dies in the middle"],
)
def test_sick_candidate(site: Site, fault: list[str], told: str) -> None:
    """A candidate that does not come up, or dies, is rolled back and told why; only who it just answered may notice."""
    plan = site.plan(QUICK.replace("hold: 1s", "hold: 30s"), v2=fault, more=GATES)
    with site.users() as answers:
        ran = site.deploy(plan)
        assert (ran.returncode, site.ask()) == (Exit.ROLLED_BACK, "v1"), ran.stdout + ran.stderr
    assert told in ran.stdout + ran.stderr
    assert sum(count for answer, count in answers.items() if answer.startswith("5")) <= site.threads


def test_hanging_candidate(site: Site) -> None:
    """A candidate that stops answering is rolled back; what it was asked runs into the model's timeout."""
    plan = site.plan(QUICK.replace("hold: 1s", "hold: 30s"), v2=["--hang-after", "30"], more=GATES)
    with site.users():
        ran = site.deploy(plan)
        assert (ran.returncode, site.ask()) == (Exit.ROLLED_BACK, "v1"), ran.stdout + ran.stderr


def test_second_deploy(site: Site) -> None:
    """Two deploys of one service: the second exits 5 and names who holds it."""
    plan = site.plan(LONG, more=GATES)
    first = site.start("deploy", plan, "--yes", "--output", "plain")
    site.until_share("v2")
    second = site.deploy(plan)
    first.send_signal(signal.SIGINT)
    assert (second.returncode, str(first.pid) in second.stderr) == (Exit.HELD, True), second.stderr
    assert first.wait(30) == Exit.INTERRUPTED


def test_rollback_takes_over(site: Site) -> None:
    """`rollback` during a deploy takes over at once; the deploy ends and touches nothing any more."""
    plan = site.plan(LONG, more=GATES)
    deploy = site.start("deploy", plan, "--yes", "--output", "plain")
    with site.users() as answers:
        site.until_share("v2")
        back = site.mlship("rollback", "scorer", "--reason", "pager")
        assert back.returncode == Exit.DONE, back.stderr
        assert deploy.wait(30) == Exit.ROLLED_BACK
        answers.clear()
        site.until(lambda: answers.total() > 30)
    assert set(answers) == {"v1"}
    assert site.processes("--name v2") == []


def test_rollback_twice(site: Site) -> None:
    """A second rollback, and one of a service that was never rolled out, change nothing."""
    site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    site.until_share("v2")
    assert site.mlship("rollback", "scorer").returncode == Exit.DONE
    again = site.mlship("rollback", "scorer")
    assert (again.returncode, "nothing to roll back" in again.stdout) == (Exit.DONE, True)
    unknown = site.mlship("rollback", "other")
    assert (unknown.returncode, "other" in unknown.stderr) == (Exit.USAGE, True)


def test_rollback_after_promotion(site: Site) -> None:
    """After the old model was retired, a rollback brings it back before it gets the traffic: no user notices."""
    with site.users() as answers:
        assert site.deploy(site.plan(QUICK, more=GATES)).returncode == Exit.DONE
        answers.clear()
        assert site.mlship("rollback").returncode == Exit.DONE
        assert site.ask() == "v1"
    assert set(answers) <= {"v1", "v2"}


def test_rollback_incomplete(site: Site) -> None:
    """When the old model cannot come back, exit 7 says what to do, and the new one serves on."""
    needed = site.folder / "weights.bin"
    needed.touch()
    with site.users():
        assert site.deploy(site.plan(QUICK, v1=["--needs", str(needed)], more=GATES)).returncode == Exit.DONE
    needed.unlink()
    back = site.mlship("rollback")
    assert (back.returncode, "weights.bin" in back.stderr) == (Exit.ROLLBACK_INCOMPLETE, True), back.stderr
    assert (site.ask(), site.status()["status"]) == ("v2", "rollback incomplete")
    needed.touch()
    assert (site.mlship("rollback").returncode, site.ask()) == (Exit.DONE, "v1")


def test_closed_pipe(site: Site) -> None:
    """A reader that goes away does not stop a rollback: the traffic comes back, seen or not."""
    site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    site.until_share("v2")
    words = [sys.executable, "-m", "mlship", "rollback", "scorer"]
    with subprocess.Popen(words, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as back:
        assert back.stdout is not None
        back.stdout.close()
        assert back.wait(60) == Exit.DONE
    assert (site.status()["status"], site.ask()) == ("rolled back", "v1")


def test_interrupted_rollback(site: Site) -> None:
    """Ctrl-C during a rollback does not leave it half-way."""
    plan = site.plan(QUICK.replace("hold: 1s", "hold: 30s"), v2=["--errors", "0.6", "--delay", "0.2"], more=GATES)
    deploy = site.start("deploy", plan, "--yes", "--output", "plain")
    with site.users():
        site.until(lambda: "rolling back" in site.output.read_text() or deploy.poll() is not None)
        deploy.send_signal(signal.SIGINT)
        assert deploy.wait(60) == Exit.ROLLED_BACK, site.output.read_text()
    assert (site.status()["status"], site.processes("--name v2")) == ("rolled back", [])


def test_nobody_at_work(site: Site) -> None:
    """Orders to a run that was killed are kept and say so; `watch` does not wait for ever, and ends as the run did."""
    deploy = site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    site.until_share("v2")
    deploy.kill()
    deploy.wait()
    assert "nobody is at work" in site.mlship("abort", "scorer").stderr
    watched = site.mlship("watch", "scorer", "--output", "plain")
    assert (watched.returncode, "nobody is at work" in watched.stderr) == (Exit.PARKED, True)
    assert site.mlship("resume", "scorer", "--output", "plain").returncode == Exit.ROLLED_BACK
    assert site.mlship("watch", "scorer", "--output", "plain").returncode == Exit.ROLLED_BACK


def test_rollback_to_unknown(site: Site) -> None:
    """`rollback --to` a model that never was: exit 2, and the known ones are named."""
    with site.users():
        site.deploy(site.plan(QUICK, more=GATES))
    back = site.mlship("rollback", "--to", "v9")
    assert (back.returncode, "v1, v2" in back.stderr) == (Exit.USAGE, True), back.stderr


def test_interrupt_and_resume(site: Site) -> None:
    """The first Ctrl-C parks and says how to go on; `resume` does."""
    plan = site.plan(QUICK.replace("hold: 1s", "hold: 4s"), more=GATES)
    with site.users() as answers:
        deploy = site.start("deploy", plan, "--yes", "--output", "plain")
        site.until_share("v2")
        deploy.send_signal(signal.SIGTERM)
        assert deploy.wait(30) == Exit.INTERRUPTED
        assert "mlship resume scorer" in site.output.read_text()
        assert site.status()["status"] == "parked"
        resumed = site.mlship("resume", "scorer", "--output", "plain")
        assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr
    assert set(answers) - {""} == {"v1", "v2"}


def test_detach(site: Site) -> None:
    """A detached deploy goes on in the background; `watch` follows it to its end."""
    with site.users():
        ran = site.mlship("deploy", site.plan(QUICK, more=GATES), "--yes", "--detach")
        assert (ran.returncode, "mlship watch scorer" in ran.stdout) == (Exit.DONE, True), ran.stderr
        watched = site.mlship("watch", "scorer", "--output", "plain")
        assert watched.returncode == Exit.DONE
    assert site.status()["status"] == "promoted"


def test_json_lines(site: Site) -> None:
    """`--output json` is one event of the schema per line on stdout, and nothing else."""
    from importlib.resources import files

    from jsonschema import Draft202012Validator

    schema = json.loads(files("mlship").joinpath("schemas/event.v1.json").read_text())
    with site.users():
        ran = site.mlship("deploy", site.plan(QUICK, more=GATES), "--yes", "--output", "json")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    for line in lines:
        Draft202012Validator(schema).validate(line)
    assert (lines[0]["type"], lines[-1]["type"]) == ("started", "promoted")


def test_down(site: Site) -> None:
    """`down` stops router and models, and nothing of the service is left."""
    with site.users():
        site.deploy(site.plan(QUICK, more=GATES))
    assert site.mlship("down", "--yes").returncode == Exit.DONE
    assert site.processes() == []


def test_port_taken(site: Site) -> None:
    """A port that somebody else listens on: exit 6, the address is named, nothing is left half-done."""
    import socket

    with socket.create_server(("127.0.0.1", site.port)):
        ran = site.deploy(site.plan(QUICK, more=GATES))
    assert (ran.returncode, str(site.port) in ran.stderr) == (Exit.OUT_OF_REACH, True), ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("damage", ["corrupted", "locked", "folder"])
def test_sick_state(site: Site, damage: str) -> None:
    """A journal that cannot be used: exit 6 and one clear message; the traffic is where it was."""
    import sqlite3

    with site.users():
        assert site.deploy(site.plan(QUICK, more=GATES)).returncode == Exit.DONE
    journal = site.state / "journal.db"
    lock = sqlite3.connect(journal, isolation_level=None)
    if damage == "locked":
        lock.execute("BEGIN EXCLUSIVE")
    else:
        lock.close()
        for file in site.state.glob("journal.db*"):
            file.unlink()
        journal.write_bytes(b"not a database" * 500) if damage == "corrupted" else journal.mkdir()
    ran = site.mlship("rollback", "scorer")
    lock.close()
    assert (ran.returncode, "Traceback" in ran.stderr) == (Exit.OUT_OF_REACH, False), ran.stderr
    assert site.ask() == "v2"
