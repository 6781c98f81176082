"""What the disk refuses is told in words, wherever it happens, and nothing is half-done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlship.dataplane import envoy
from mlship.dataplane.channel import previous
from mlship.dataplane.files import Folder
from mlship.dataplane.home import Home
from mlship.drivers.process.launch import launch
from mlship.drivers.process.replica import Replica, Roster
from mlship.errors import OutOfReach
from mlship.plan.routing import all_to
from tests.support.rights import read_only
from tests.support.site import Site, served

REPLICA = Replica(model="v1", number=1, port=1, fingerprint="f")

Act = Callable[[Path], None]


def drop(folder: Path) -> None:
    Roster(folder=folder, mark="m").drop([REPLICA])


def forget(folder: Path) -> None:
    Home(folder=folder).forget()


def keep(folder: Path) -> None:
    Folder(folder=folder).replace("rds.json", "{}", keep=previous("rds.json"))


def restore(folder: Path) -> None:
    Folder(folder=folder).restore(previous("rds.json"), "rds.json")


def bound(folder: Path) -> None:
    envoy._bound(folder / "envoy.log")


def start(folder: Path) -> None:
    launch(served("v1"), REPLICA, roster=Roster(folder=folder / "replicas", mark="m"), log=folder / "logs" / "v1.1.log")


FILES = ("v1.1.json", "rds.json", "previous-rds.json")
ACTS = [drop, forget, keep, restore, bound, start]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one file of each kind."""
    there = tmp_path / "there"
    (there / "logs").mkdir(parents=True)
    for name in FILES:
        (there / name).write_text("{}")
    (there / "envoy.log").write_bytes(b"x" * (envoy.MOST_LOG + 1))
    return there


@pytest.mark.parametrize("act", ACTS, ids=lambda act: str(act.__name__))
def test_a_read_only_disk(folder: Path, act: Act) -> None:
    """What it is, where, and what to do; all files are as they were."""
    before = {path: path.stat().st_size for path in folder.rglob("*")}
    with read_only(folder), pytest.raises(OutOfReach, match=f"{folder}.* cannot be written: Read-only") as told:
        act(folder)

    assert "MLSHIP_STATE" in told.value.hint
    assert before == {path: path.stat().st_size for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("act", "name"),
    [(drop, "v1.1.json"), (forget, "rds.json"), (keep, "previous-rds.json"), (restore, "rds.json")],
    ids=["drop", "forget", "keep", "restore"],
)
def test_a_folder_where_a_file_should_be(folder: Path, act: Act, name: str) -> None:
    """Also without a mount: what cannot be removed or replaced is named."""
    (folder / name).unlink()
    (folder / name / "in").mkdir(parents=True)
    with pytest.raises(OutOfReach, match=f"{name} cannot be written"):
        act(folder)


@pytest.mark.parametrize("act", [bound, start], ids=["bound", "start"])
def test_a_file_where_a_folder_should_be(tmp_path: Path, act: Act) -> None:
    """A log that has no folder to be in is named."""
    (tmp_path / "there").write_text("")
    with pytest.raises(OutOfReach, match="cannot be written"):
        act(tmp_path / "there")


@pytest.mark.envoy
def test_a_refusal_that_cannot_be_taken_back(site: Site) -> None:
    """Where the file before cannot be put back the traffic stays where it was."""
    driver = site.up(served("v1"))
    file = site.folder / "router" / "rds.json"
    file.with_name(previous(file.name)).mkdir()
    site.models["v2"] = served("v2")
    driver = site.open(2)
    driver.ensure("v2", 1)
    with pytest.raises(OutOfReach, match=r"previous-rds.json cannot be written"):
        driver.route(all_to("v2"))

    assert site.ask().model == "v1"
