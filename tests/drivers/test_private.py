"""What the drivers keep is for its owner only, whatever the umask says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlship.errors import OutOfReach
from mlship.plan.routing import all_to
from mlship.private import make_private
from tests.contracts.worlds import memory

MEMORY = """
import os, sys; from pathlib import Path
os.umask(0)
from mlship.clock import ManualClock; from mlship.drivers.base import Opening
from mlship.drivers.memory import MemoryDriver; from mlship.drivers.process import ProcessDriver
from mlship.errors import MlshipError
from mlship.journal.events import Requested; from mlship.journal.store import Journal
from mlship.plan.model import DriverSpec, Model; from mlship.plan.routing import all_to
state, clock = Path(sys.argv[1]) / "far" / "away", ManualClock()
for name, factory in (("memory", MemoryDriver), ("process", ProcessDriver)):
    driver = factory(Opening(service="scorer", spec=DriverSpec(name=name), models={"v1": Model(name="v1")}, fence=1,
                             state=state, clock=clock))
    try:
        driver.ensure("v1", 1)
        driver.route(all_to("v1"))
    except MlshipError as error:
        assert "no command" in error.message, error
Journal(state, clock).request(Requested(order="pause", by="ann"), service="scorer", rollout="r1")
"""


def test_whatever_the_umask(tmp_path: Path) -> None:
    """With umask 0 folders are 0700 and files 0600, also those that had to be made on the way."""
    subprocess.run([sys.executable, "-c", MEMORY, str(tmp_path)], check=True)

    made = list(tmp_path.rglob("*"))
    assert {"memory", "process", "scorer.json", "scorer.lock", "fence", "lock", "journal.db"} <= {
        path.name for path in made
    }
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_dir()} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_file()} == {"0o600"}


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    """A folder that somebody made on purpose keeps its mode."""
    tmp_path.chmod(0o755)
    make_private(tmp_path / "one" / "two")

    assert oct(tmp_path.stat().st_mode & 0o777) == "0o755"


def test_a_made_up_world_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where the memory driver's folder should be is told in words."""
    (tmp_path / "memory").write_text("")
    with memory(tmp_path) as world, pytest.raises(OutOfReach, match="cannot be written"):
        world.open(1).route(all_to("v1"))
