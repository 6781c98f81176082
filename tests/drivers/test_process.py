"""Models as local processes: how they start, fail to start, and stop."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from mlship.drivers.base import ObservedModel
from mlship.errors import ModelNotReady, OutOfReach, UsageError
from mlship.plan.model import Health
from mlship.plan.routing import all_to
from tests.support.site import SERVER, Site, served

pytestmark = pytest.mark.envoy


def ours(site: Site) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MLSHIP_SITE") == str(site.state):
                found.append(process.name())
        except psutil.Error:
            continue
    return found


def test_it_outlives_the_command(site: Site) -> None:
    """Replicas and router lead sessions of their own: no signal of the terminal reaches them."""
    site.up(served("v1"))

    for pid in (*site.pids("v1"), site.router_pid):
        assert os.getsid(pid) == pid


def test_what_a_replica_is_told(site: Site) -> None:
    """The port in the command and in $PORT, the model's name, and its own environment."""
    script = (
        "import os,sys,runpy; assert sys.argv[1]==os.environ['PORT']; runpy.run_path(sys.argv[2], run_name='__main__')"
    )
    model = replace(served("v1"), command=(sys.executable, "-c", script, "{port}", str(SERVER)))
    site.up(model)

    assert site.ask().told["model"] == "v1"


def test_secrets_stay_references(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value from the environment reaches the model and no file of ours."""
    monkeypatch.setenv("MODEL_TOKEN", "s3cret-value")
    model = replace(served("v1"), env={"TOKEN": "Bearer ${env:MODEL_TOKEN}"})
    site.up(model)

    assert psutil.Process(site.pids("v1")[0]).environ()["TOKEN"] == "Bearer s3cret-value"
    written = [file.read_bytes() for file in site.folder.rglob("*") if file.is_file()]
    assert not any(b"s3cret-value" in text for text in written)


def test_a_missing_secret(site: Site) -> None:
    """A reference to a variable that is not set is told by name, and nothing is started."""
    site.models = {"v1": replace(served("v1"), env={"TOKEN": "${env:NO_SUCH_TOKEN}"})}
    with pytest.raises(UsageError, match="NO_SUCH_TOKEN"):
        site.open().ensure("v1", 1)

    assert ours(site) == []


def test_state_is_private(site: Site) -> None:
    """Files are for their owner only, folders too, and so is the admin socket."""
    site.up(served("v1"))

    assert {oct(path.stat().st_mode & 0o077) for path in [site.folder, *site.folder.rglob("*")]} == {"0o0"}


def test_dies_at_the_start(site: Site) -> None:
    """A model that dies tells its exit code and its last words; all that was started for it is stopped."""
    site.models = {"v1": served("v1", die_at_start=1)}
    with pytest.raises(ModelNotReady, match=r"v1 died with exit code 1 .*weights not found") as died:
        site.open().ensure("v1", 2)

    assert died.value.log[-1] == "weights not found"
    assert (ours(site), site.open().observe().models) == ([], {})


def test_never_ready(site: Site) -> None:
    """A model that does not pass in time is told with its health check; the ready ones of the same call stop too."""
    site.models = {"v1": served("v1", never_ready=1, health=Health(within=0.6))}
    with pytest.raises(ModelNotReady, match=r"v1 .*GET /v2/health/ready did not answer 2xx within 0.6 s"):
        site.open().ensure("v1", 2)

    assert ours(site) == []


def test_a_failed_growth_keeps_what_serves(site: Site) -> None:
    """Where more replicas do not come up, those that serve are left alone."""
    driver = site.up(served("v1"))
    pid = site.pids("v1")
    site.models["v1"] = replace(site.models["v1"], health=Health(path="/v2/health/ready", within=0.0, timeout=0.001))
    with pytest.raises(ModelNotReady):
        site.open().ensure("v1", 2)

    assert (site.pids("v1"), site.ask().status) == (pid, 200)
    assert driver.observe().models["v1"].running == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"command": ("no-such-program", "{port}")}, "command not found: no-such-program"),
        ({"workdir": "/no/such/folder"}, "there is no folder /no/such/folder"),
        ({"command": ()}, "v1 has no command"),
    ],
)
def test_cannot_start(site: Site, changes: dict[str, object], told: str) -> None:
    """A command that cannot be run is told as what it is, with the key of the plan to correct."""
    site.models = {"v1": replace(served("v1"), **changes)}
    with pytest.raises(ModelNotReady, match=told) as failed:
        site.open().ensure("v1", 1)

    assert "models.v1." in failed.value.hint
    assert site.open().observe().models == {}


@pytest.mark.parametrize(("mode", "told"), [(0o600, "is not executable"), (0o700, "is not a program")])
def test_not_a_program(site: Site, mode: int, told: str) -> None:
    """A command that is a file, but nothing that runs, is told as such."""
    file = site.state / "weights.bin"
    file.write_bytes(b"\x00\x01")
    file.chmod(mode)
    site.models = {"v1": replace(served("v1"), command=(str(file),))}
    with pytest.raises(ModelNotReady, match=told):
        site.open().ensure("v1", 1)


def test_a_port_that_is_taken_in_between(site: Site) -> None:
    """A replica whose port somebody else took first is started once more on another one."""
    marker = site.state / "squatter"
    script = (
        "import os,sys,runpy,subprocess,time,socket\n"
        f"marker={str(marker)!r}\n"
        "if not os.path.exists(marker):\n"
        "    open(marker,'w').write(os.environ['PORT'])\n"
        '    thief=\'import socket,threading,sys;s=socket.socket();s.bind(("127.0.0.1",int(sys.argv[1])));s.listen();'
        "print(flush=True);threading.Event().wait()'\n"
        "    held=subprocess.Popen([sys.executable,'-c',thief,os.environ['PORT']],stdout=subprocess.PIPE,"
        "start_new_session=True)\n"
        "    held.stdout.readline(); sys.exit('port is taken')\n"
        f"runpy.run_path({str(SERVER)!r}, run_name='__main__')\n"
    )
    site.up(replace(served("v1"), command=(sys.executable, "-c", script)))
    record = json.loads(next((site.folder / "replicas").glob("v1.*.json")).read_text())

    assert marker.read_text() not in {"", str(record["port"])}
    assert site.ask().status == 200


def test_somebody_else_on_the_port_is_not_the_model(site: Site) -> None:
    """A health check that another process answers does not make a replica ready."""
    script = (
        "import os,sys,subprocess,threading\n"
        "if os.fork() == 0:\n"
        f"    os.fork() or os.execv(sys.executable,[sys.executable,{str(SERVER)!r}]); os._exit(0)\n"
        "threading.Event().wait(0.8); sys.exit(5)\n"
    )
    model = replace(served("v1", health=Health(within=30.0)), command=(sys.executable, "-c", script))
    site.models = {"v1": model}
    with pytest.raises(ModelNotReady, match="died"):
        site.open().ensure("v1", 1)


def test_logs_are_kept(site: Site) -> None:
    """The log of a replica stays after its end, and the one before it too."""
    site.models = {"v1": served("v1", die_at_start=1)}
    for _ in range(3):
        with pytest.raises(ModelNotReady):
            site.open().ensure("v1", 1)

    logs = sorted(path.name for path in (site.folder / "logs").iterdir())
    assert logs == ["v1.1.log", "v1.1.log.1"]


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", ":8080"])
def test_bad_address(site: Site, listen: str) -> None:
    """An address that cannot be listened on is bad usage."""
    with pytest.raises(UsageError, match=r"driver\.process\.listen"):
        site.open(listen=listen)


def test_a_long_state_folder(site: Site) -> None:
    """A state folder that is too long for a unix socket works, and its socket is cleared away."""
    site.state = site.state / ("d" * 120)
    driver = site.up(served("v1"))
    socket = Path(json.loads((site.folder / "router" / "router.json").read_text())["admin"])

    assert len(str(socket)) < 107
    assert (socket.stat().st_mode & 0o777, socket.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert driver.observe().routing == all_to("v1")
    driver.shutdown()
    assert not socket.parent.exists()


def test_a_torn_record_is_told(site: Site) -> None:
    """A record that cannot be read is named, with what to do."""
    driver = site.up(served("v1"))
    (site.folder / "replicas" / "v1.1.json").write_text("{")
    with pytest.raises(OutOfReach, match=r"v1\.1\.json"):
        driver.observe()


def test_a_start_that_was_cut_short_is_seen_and_cleared_away(site: Site) -> None:
    """kill -9 between a replica's start and the record of it: it is found by its mark, so that a rollback ends it."""
    driver = site.up(served("v1"), served("v2"))
    (pid,), (file,) = site.pids("v2"), (site.folder / "replicas").glob("v2.*.json")
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record | {"life": {"pid": 0, "birth": ""}, "passed": False}))

    assert site.open(None).observe().models["v2"] == ObservedModel(running=1, ready=0)
    driver.retire("v2")
    assert (set(driver.observe().models), psutil.pid_exists(pid)) == ({"v1"}, False)
