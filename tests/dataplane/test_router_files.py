"""What a router keeps on disk: whole, private, and never twice the same version."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mlship.dataplane import channel
from mlship.dataplane.admin import Admin
from mlship.dataplane.channel import Discovery
from mlship.dataplane.files import replace_file
from mlship.dataplane.home import Home
from mlship.errors import OutOfReach
from mlship.plan.routing import all_to
from tests.support.site import Site, served, split

pytestmark = pytest.mark.envoy


def router_files(site: Site) -> Path:
    return site.folder / "router"


def admin_of(site: Site) -> Admin:
    running = Home(folder=router_files(site)).running()
    assert running is not None
    return Admin(Path(running.admin))


def test_torn_files_are_refused(site: Site) -> None:
    """A file that somebody tore changes nothing, and the next routing heals it."""
    driver = site.up(served("v1"), served("v2"))
    (router_files(site) / "rds.json").write_text('{"version_info": ')
    driver.route(split(5000))

    assert driver.observe().routing == split(5000)


def test_a_refused_write_leaves_the_version(site: Site) -> None:
    """`observe` tells what is live also between a write and its refusal: a crash there changes nothing."""
    driver = site.up(served("v1"))
    file = router_files(site) / "rds.json"
    good = channel.decoded(file.read_text())
    assert good is not None
    os.link(file, file.with_name(channel.previous(file.name)))
    bad = [{**good.resources[0], "no_such_field": 1, "metadata": {}}]
    replace_file(file, channel.encoded(Discovery(version="1.99", resources=bad)))

    assert driver.observe().routing == all_to("v1")
    driver.route(all_to("v1"))
    assert site.ask().status == 200


def test_every_write_is_a_new_version(site: Site) -> None:
    """Versions never repeat, also over holders and restarts; the fencing number leads."""
    driver = site.up(served("v1"), served("v2"))
    seen = []
    for fence in (1, 2):
        driver = site.open(fence)
        for weight in (100, 0, 100):
            driver.route(split(weight))
            found = channel.decoded((router_files(site) / "rds.json").read_text())
            assert found is not None
            seen.append(found.version)
            assert driver._router._channel("rds.json").live() == found.version
        site.kill(site.router_pid)

    assert len(set(seen)) == len(seen)
    assert [version.partition(".")[0] for version in seen] == ["1"] * 3 + ["2"] * 3


def test_admin_is_private(site: Site) -> None:
    """The admin interface is a socket for its owner only, and answers only what we ask."""
    site.up(served("v1"))
    running = Home(folder=router_files(site)).running()
    assert running is not None
    mode = Path(running.admin).stat().st_mode

    assert (stat.S_ISSOCK(mode), mode & 0o777) == (True, 0o600)
    assert Path(running.admin).parent.stat().st_mode & 0o077 == 0
    for target in ("/config_dump", "/logging?level=trace", "/certs", "/memory"):
        with pytest.raises(OutOfReach, match="403"):
            admin_of(site).get(target)
    ports = {found.laddr.port for found in psutil.Process(running.life.pid).net_connections("tcp") if not found.raddr}
    assert ports == {site.port}


def test_a_full_disk(site: Site) -> None:
    """Where a file cannot grow the routing stays what it was, whole, and the reason is told."""
    script = (
        "import resource,signal,sys; from pathlib import Path\n"
        "from mlship.dataplane.files import replace_file; from mlship.errors import OutOfReach\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: replace_file(Path(sys.argv[1]), 'x' * 5000)\n"
        "except OutOfReach as error: print(error.message, '|', error.hint)\n"
    )
    driver = site.up(served("v1"))
    file = router_files(site) / "rds.json"
    before = file.read_bytes()
    told = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True).stdout

    assert str(file) in told
    assert file.read_bytes() == before
    assert not list(file.parent.glob(".rds*"))
    assert driver.observe().routing == all_to("v1")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_no_space_is_told(tmp_path: Path) -> None:
    """A disk without space is told with what to do."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / f".file.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(OutOfReach, match="No space left") as full:
        replace_file(tmp_path / "there" / "file", "text")

    assert "free some space" in full.value.hint


def test_a_folder_that_others_can_enter(tmp_path: Path) -> None:
    """The admin socket is never put where somebody else could reach or replace it."""
    folder = tmp_path / "router"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(OutOfReach, match="only you can enter"):
        Home(folder=folder).admin_socket()
