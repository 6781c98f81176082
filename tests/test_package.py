"""What is built carries what it needs: the schemas lie once at the top, for editors, and once in the package."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.engines import need

ROOT = Path(__file__).parent.parent
SCHEMAS = {"plan.v1.json", "event.v1.json", "world.v1.json"}


def build(folder: Path, kind: str, target: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of this checkout."""
    need("hatchling")
    if not (ROOT / "mlship").is_dir():
        pytest.skip("there are no sources here: whoever built the wheel has looked into it")
    built = build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))
    with tarfile.open(built) as archive:
        assert len(archive.getnames()) == len(set(archive.getnames()))
        archive.extractall(built.parent, filter="data")
    (folder,) = (path for path in built.parent.iterdir() if path.is_dir())
    return folder


def test_the_sources_carry_the_schemas(unpacked: Path) -> None:
    """Both places are there, as files: a plan's first line and the package each find theirs."""
    for folder in (unpacked / "schemas", unpacked / "mlship" / "schemas"):
        assert {path.name: path.read_text() for path in folder.iterdir()} == {
            name: (ROOT / "schemas" / name).read_text() for name in SCHEMAS
        }


@pytest.mark.parametrize("source", ["checkout", "sdist"])
def test_the_wheel_carries_the_schemas(unpacked: Path, tmp_path: Path, source: str) -> None:
    """A wheel is the same, built from a checkout or from its source distribution."""
    with zipfile.ZipFile(build(ROOT if source == "checkout" else unpacked, "wheel", tmp_path)) as wheel:
        names = wheel.namelist()
        plan = wheel.read("mlship/schemas/plan.v1.json").decode()

    assert plan == (ROOT / "schemas" / "plan.v1.json").read_text()
    assert {f"mlship/schemas/{name}" for name in SCHEMAS} == {name for name in names if "schemas/" in name}
