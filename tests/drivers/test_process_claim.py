"""The right to change a service, without any process of it."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from mlship.clock import ManualClock
from mlship.drivers.process.claim import Claim
from mlship.errors import LeaseLost, OutOfReach


def claim(folder: Path, fence: int | None = 1) -> Claim:
    return Claim(service="scorer", folder=folder, fence=fence, clock=ManualClock())


def test_a_lock_that_is_not_let_go(tmp_path: Path) -> None:
    """A change that never ends is waited for, but not for ever."""
    claim(tmp_path).take()
    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OutOfReach, match="another mlship has been changing scorer"):
            claim(tmp_path, 2).take()

    claim(tmp_path, 2).take()


def test_a_spoilt_fence(tmp_path: Path) -> None:
    """A fencing number that cannot be read stops every change, and says which file it is."""
    (tmp_path / "fence").write_text("nonsense")
    with pytest.raises(OutOfReach, match="fence cannot be read"):
        claim(tmp_path).take()


def test_looking_only_takes_nothing(tmp_path: Path) -> None:
    """Without a fencing number nothing can be changed."""
    with pytest.raises(LeaseLost):
        claim(tmp_path, None).take()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A state folder that cannot be made is out of reach, with what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutOfReach, match="cannot be written") as refused:
        claim(tmp_path / "file" / "scorer").take()

    assert refused.value.hint


def test_importing_the_driver_is_cheap() -> None:
    """Nothing heavy is loaded until it is used: `status` and `rollback` start fast."""
    script = "import sys, mlship.drivers.process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert {"psutil", "numpy", "rich", "jsonschema", "tenacity", "http.client", "subprocess", "yaml"}.isdisjoint(loaded)
