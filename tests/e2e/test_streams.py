"""Standard streams that are closed, or whose reader has gone: the promised exit code, no traceback, the work done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES, LONG, QUICK

pytestmark = pytest.mark.envoy

HEEDLESS = {
    "no stdin": '"$@" <&-',
    "no stdout": '"$@" >&-',
    "no stderr": '"$@" 2>&-',
    "no streams": '"$@" <&- >&- 2>&-',
    "nobody reads stdout": '{ sleep 0.2; "$@"; } | :; exit ${PIPESTATUS[0]}',
    "nobody reads stderr": '{ { sleep 0.2; "$@"; } 2>&1 >&3 3>&- | :; } 3>&1; exit ${PIPESTATUS[0]}',
    "nobody reads": '{ sleep 0.2; "$@" 2>&1; } | :; exit ${PIPESTATUS[0]}',
    "head": '"$@" | head -1; exit ${PIPESTATUS[0]}',
}
COMMANDS = {
    "--version": Exit.DONE,
    "rollback --help": Exit.DONE,
    "schema": Exit.DONE,
    "status --json": Exit.DONE,
    "status nobody": Exit.USAGE,
    "validate missing.yaml": Exit.USAGE,
    "rolback": Exit.USAGE,
}


def run(site: Site, streams: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """One command by way of a shell that spoils its streams; its output as a caller buffers it."""
    environment = {name: value for name, value in site.environment.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-c", streams, "bash", sys.executable, "-m", "mlship", *map(str, words)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("streams", HEEDLESS)
def test_exit_codes(site: Site, streams: str) -> None:
    """Whatever the streams, a command ends as it would with all of them, and no traceback is printed."""
    ended = {words: run(site, HEEDLESS[streams], *words.split()) for words in COMMANDS}

    assert {words: ran.returncode for words, ran in ended.items()} == COMMANDS
    told = "".join(ran.stdout + ran.stderr for ran in ended.values())
    assert ("Traceback" in told, "Exception" in told, "Errno" in told) == (False, False, False), told


@pytest.mark.parametrize("streams", ["no streams", "nobody reads"])
def test_rollout(site: Site, streams: str) -> None:
    """A rollout and its rollback are carried out although nobody reads what they print."""
    with site.users():
        plan = site.plan(QUICK, more=GATES)
        assert run(site, HEEDLESS[streams], "deploy", plan, "--yes").returncode == Exit.DONE
        assert site.ask() == "v2"
        assert run(site, HEEDLESS[streams], "rollback", "scorer").returncode == Exit.DONE
    assert (site.ask(), site.status()["status"]) == ("v1", "rolled back")


def test_a_rejected_candidate(site: Site) -> None:
    """A deploy whose reader has gone still rolls a bad candidate back, and its exit code says so."""
    plan = site.plan(QUICK.replace("hold: 1s", "hold: 30s"), v2=["--errors", "0.5"], more=GATES)
    with site.users():
        assert run(site, HEEDLESS["head"], "deploy", plan, "--yes").returncode == Exit.ROLLED_BACK
    assert site.ask() == "v1"


@pytest.mark.parametrize(
    "words",
    ["--version", "--help", "schema", "init -", "status", "status --json", "show --json", "history", "validate {plan}"],
)
def test_a_full_disk(site: Site, words: str) -> None:
    """Output that cannot be written is an error of one line, however late it shows."""
    plan = site.plan(QUICK, more=GATES)
    site.bring_up(plan)
    ran = run(site, '"$@" >/dev/full', *words.format(plan=plan).split())
    said = "error: the output cannot be written: No space left on device\n"
    assert (ran.returncode, ran.stderr) == (Exit.UNEXPECTED, said)


@pytest.mark.parametrize("streams", ['"$@" >/dev/full', '"$@" 2>/dev/full', '"$@" >/dev/full 2>&1'])
def test_a_full_disk_and_a_rollout(site: Site, streams: str) -> None:
    """What a rollout and a rollback do, and their exit codes, are as ever; so are those of errors."""
    with site.users():
        plan = site.plan(QUICK, more=GATES)
        assert run(site, streams, "deploy", plan, "--yes").returncode == Exit.DONE
        assert site.ask() == "v2"
        assert run(site, streams, "rollback", "scorer").returncode == Exit.DONE
    assert (site.ask(), run(site, streams, "status", "nobody").returncode) == ("v1", Exit.USAGE)


def test_watching_ends(site: Site) -> None:
    """`watch` ends when its reader goes, and the rollout goes on."""
    site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    with site.users():
        site.until_share("v2")
        assert run(site, HEEDLESS["head"], "watch", "scorer", "--output", "json").returncode == Exit.DONE
    assert site.status()["status"] == "running"
