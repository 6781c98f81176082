"""A run that is told to end, or whose terminal is lost: it parks, and the record says so."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.terminal import Terminal
from tests.e2e.test_commands import GATES, LONG, QUICK

pytestmark = pytest.mark.envoy


def types(site: Site) -> list[str]:
    """The kinds of events of the latest rollout."""
    return [json.loads(line)["type"] for line in site.mlship("show", "scorer", "--json").stdout.splitlines()]


@pytest.mark.parametrize("told", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_parks(site: Site, told: signal.Signals) -> None:
    """Each signal parks the run where it is; the last line says where the traffic is and how to go on."""
    deploy = site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    site.until_share("v2")
    deploy.send_signal(told)
    assert deploy.wait(30) == Exit.INTERRUPTED

    last = site.output.read_text().splitlines()[-1]
    assert ("parked" in last, "v2 50 %" in last, "mlship resume scorer" in last) == (True, True, True), last
    assert (site.status()["status"], site.status()["reason"]) == ("parked", "interrupted")
    assert types(site)[-1] == "parked"
    assert {site.ask() for _ in range(40)} == {"v1", "v2"}


def test_parks_below_the_dashboard(site: Site) -> None:
    """At a terminal, too, the last line says where the traffic is and how to go on, and nothing is drawn over it."""
    terminal = Terminal(site, "deploy", site.plan(LONG, more=GATES), "--yes")
    terminal.until("50 %")
    site.until_share("v2")
    terminal.command.send_signal(signal.SIGINT)
    assert terminal.leave() == Exit.INTERRUPTED

    *above, last = [line for line in screen(terminal.seen) if line]
    assert last.startswith("parked; traffic: v2 50 %, v1 50 %; `mlship resume scorer` goes on"), last
    assert above[-1].startswith(" way back: mlship rollback scorer")
    assert sum("rollout " in line and "started" in line for line in above) == 1, above


@pytest.mark.parametrize("command", ["resume", "watch"])
def test_another_dashboard(site: Site, command: str) -> None:
    """A dashboard that is opened later tells where users send their requests, too."""
    deploy = site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    site.until_share("v2")
    if command == "resume":
        deploy.terminate()
        assert deploy.wait(30) == Exit.INTERRUPTED
    terminal = Terminal(site, command, "scorer")
    terminal.until(f"http://127.0.0.1:{site.port}")
    terminal.command.send_signal(signal.SIGINT)
    assert terminal.leave() == Exit.INTERRUPTED


TWICE = """
import os
from mlship.cli.signals import SIGNALS, Signals
from mlship.clock import SystemClock

way_on = "`mlship rollback digits` goes on"
with Signals(clock=SystemClock(), rolling_back=lambda: True, way_on=lambda: way_on, say=print):
    for _ in range(2):
        os.kill(os.getpid(), SIGNALS[0])
"""


def test_the_second_leaves_at_once() -> None:
    """Whatever is under way, a second Ctrl-C ends the command, says what to do, and gives the cursor back."""
    end, theirs = pty.openpty()
    ran = subprocess.run([sys.executable, "-uc", TWICE], stdout=theirs, timeout=60, check=False)
    os.close(theirs)
    seen = os.read(end, 4096).decode()
    os.close(end)
    assert ran.returncode == Exit.INTERRUPTED
    assert re.findall("will be finished|left at once: `mlship rollback digits` goes on", seen) == [
        "will be finished",
        "left at once: `mlship rollback digits` goes on",
    ]
    assert seen.endswith("\x1b[?25h")


def test_who_leaves_at_once_is_told_where_the_traffic_is(site: Site) -> None:
    """And how to go on, by the service's name, here in the middle of a rollback that waits for slow answers."""
    plan = site.plan(QUICK.replace("hold: 1s", "hold: 30s"), v2=["--errors", "0.6", "--delay", "2"], more=GATES)
    site.threads = 12
    deploy = site.start("deploy", plan, "--yes", "--output", "plain")
    with site.users():
        for told in ("draining and stopping v2", "once more leaves at once"):
            site.until(lambda told=told: told in site.output.read_text())  # type: ignore[misc]
            deploy.send_signal(signal.SIGINT)
        assert deploy.wait(30) == Exit.INTERRUPTED

    last = site.output.read_text().splitlines()[-1]
    assert last.startswith("left at once: rolling back; traffic: v1 100 %; `mlship resume scorer` goes on"), last
    assert site.mlship("rollback", "scorer").returncode == Exit.DONE


def screen(seen: str) -> list[str]:
    """What is left of what was written: lines, without those that were erased and without colours."""
    lines = [""]
    for part in re.split(r"(\r?\n|\x1b\[\d*A|\x1b\[2K|\x1b\[[\d;?]*[a-zA-Z]|\r)", seen):
        if part.endswith("\n"):
            lines.append("")
        elif re.fullmatch(r"\x1b\[\d*A", part):
            lines = lines[:-1] or [""]
        elif part == "\x1b[2K":
            lines[-1] = ""
        elif part and not part.startswith(("\x1b", "\r")):
            lines[-1] += part
    return lines


def test_lost_terminal(site: Site) -> None:
    """A dashboard whose window is closed parks the run, which can be resumed from another one."""
    terminal = Terminal(site, "deploy", site.plan(QUICK.replace("hold: 1s", "hold: 4s"), more=GATES), "--yes")
    with site.users() as answers:
        site.until_share("v2")
        assert terminal.lose() == Exit.INTERRUPTED
        assert (site.status()["status"], site.status()["reason"]) == ("parked", "interrupted")
        resumed = site.mlship("resume", "scorer", "--output", "plain")
        assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr
    assert (site.ask(), set(answers) - {""}) == ("v2", {"v1", "v2"})


def test_lost_terminal_of_a_rollback(site: Site) -> None:
    """A rollback whose window is closed is carried out all the same."""
    site.start("deploy", site.plan(LONG, v2=["--delay", "0.2"], more=GATES), "--yes", "--output", "plain")
    with site.users():
        site.until_share("v2")
        terminal = Terminal(site, "rollback", "scorer")
        terminal.until("rolling back")
        assert terminal.lose() == Exit.DONE
    assert (site.status()["status"], site.ask()) == ("rolled back", "v1")
    assert site.processes("--name v2") == []
