"""A Docker daemon of a test's own, which it may restart: far away, as far as the driver can tell."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlship.drivers.docker.daemon import connect
from mlship.errors import OutOfReach
from tests.ports import free_port
from tests.support import images
from tests.support.docker_site import daemon
from tests.support.site import until


class OwnDaemon:
    """dockerd on a port of loopback, reached over TLS only; its bridges are apart from everybody else's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.certificates = folder / "certificates"
        self.options: tuple[str, ...] = ()
        """Of its command line, for the next start."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """How `docker` would be told of it."""
        return {
            "DOCKER_HOST": f"tcp://127.0.0.1:{self.port}",
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(self.certificates),
        }

    def client(self) -> Any:
        """A client of it."""
        return connect({}, {**os.environ, **self.environment})

    def start(self) -> None:
        """Start it, and wait until it answers."""
        root, certificates = self.folder, self.certificates
        log = (root / "dockerd.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [
                    "dockerd", "--data-root", self.data, "--exec-root", root / "exec", "--pidfile", root / "pid",
                    "--host", f"tcp://127.0.0.1:{self.port}", "--tlsverify", "--tlscacert", certificates / "ca.pem",
                    "--tlscert", certificates / "server.pem", "--tlskey", certificates / "server-key.pem",
                    "--bridge", _bridge(), "--iptables=false", "--default-address-pool", f"base={_pool()},size=24",
                    *self.options,
                ],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until(self._answers)

    def stop(self) -> None:
        """End it, and with it every container."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
        self._process = None

    def kill(self) -> None:
        """SIGKILL: it has no time to end anything, and its containerd dies with it."""
        assert self._process is not None
        containerd = int((self.folder / "exec" / "containerd" / "containerd.pid").read_text())
        self._process.kill()
        self._process.wait(60)
        self._process = None
        # Another daemon would wait in vain for one that is about to die.
        until(lambda: not psutil.pid_exists(containerd))

    def fill(self) -> None:
        """Leave nothing free where it keeps its data, which has a file system of its own."""
        assert self.data.is_mount()
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while file.write(bytes(2**16)):
                pass
        assert shutil.disk_usage(self.data).free < 2**16

    def free(self) -> None:
        """Take that back."""
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.data / "ballast"

    def take_images(self) -> None:
        """The router and the model server, copied from the daemon at hand."""
        client = self.client()
        for name in (images.ROUTER, images.SERVER):
            client.images.load(b"".join(daemon().images.get(name).save(named=True)))
        client.close()

    def certify(self) -> None:
        """An authority, the daemon's certificate and the client's."""
        self.certificates.mkdir()
        _openssl(self.certificates, "req", "-x509", *_KEY, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca")
        for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
            _openssl(
                self.certificates, "req", "-x509", *_KEY, "-keyout", f"{name}-key.pem", "-out", f"{name}.pem",
                "-subj", f"/CN={name}", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-addext", extension,
            )  # fmt: skip
        shutil.copy(self.certificates / "client.pem", self.certificates / "cert.pem")
        shutil.copy(self.certificates / "client-key.pem", self.certificates / "key.pem")

    def _answers(self) -> bool:
        try:
            self.client().close()
        except OutOfReach:
            return False
        return True


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def _bridged(action: str) -> None:
    """Let its containers talk to each other, or no more: the daemon at hand forbids what it does not know."""
    rule = ["DOCKER-USER", "-s", _pool(), "-d", _pool(), "-j", "ACCEPT"]
    subprocess.run(["iptables", "--wait", action, *rule], check=action == "-I", capture_output=True)


def _bridge() -> str:
    """Its default bridge; with none it would remove that of the daemon at hand."""
    return f"mlship-{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}"


def _link(*words: str) -> None:
    subprocess.run(["ip", "link", *words], check=False, capture_output=True)


def _pool() -> str:
    """A range for bridges; built of numbers, because it is no address that anybody connects to."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return ".".join(map(str, (10, 200 + worker % 50, 0, 0))) + "/16"


@contextmanager
def own_daemon(*, space: str = "") -> Iterator[OwnDaemon]:
    """A daemon with the images that tests need; nothing of it is left afterwards.

    `space` gives its data a file system of their own, of so many bytes, "1g".
    """
    daemon()
    if os.geteuid() or not (shutil.which("dockerd") and shutil.which("openssl")):
        pytest.skip("only root may start a daemon")
    # Engine 20.10 removes the bridge docker0 when a second daemon is started again.
    if "docker" not in os.environ.get("MLSHIP_REQUIRE", "").split():
        pytest.skip("a second daemon may disturb the one at hand: only where MLSHIP_REQUIRE names docker")
    # Short: the daemon's own sockets are in there.
    folder = Path(tempfile.mkdtemp(prefix="mlship-d-"))
    own = OwnDaemon(folder)
    try:
        _link("add", _bridge(), "type", "bridge")
        _bridged("-I")
        if space:
            own.data.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={space}", "mlship-test", own.data], check=True)
        own.certify()
        own.start()
        own.take_images()
        yield own
    finally:
        own.stop()
        _bridged("-D")
        _link("delete", _bridge())
        # Also where a daemon that was killed has bound it to itself.
        subprocess.run(["umount", "--lazy", own.data], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
