"""A real sshd on loopback, for this user only, and an `ssh` that knows it: nobody's own keys are touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path

from tests import engines
from tests.engines import need
from tests.ports import free_port
from tests.support.site import until


@contextmanager
def sshd() -> Iterator[tuple[str, dict[str, str]]]:
    """("ssh://user@127.0.0.1:port", environment with the `ssh` that may log in there)."""
    need("sshd")
    need("root")
    Path("/run/sshd").mkdir(exist_ok=True)
    folder, port = Path(tempfile.mkdtemp(prefix="mlship-ssh-")), free_port()
    for name in ("host", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "sshd.conf").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/id.pub\n"
        "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
    )
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    (folder / "config").write_text(f"IdentityFile {folder}/id\nUserKnownHostsFile {folder}/known\n")
    wrapper = folder / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
    wrapper.chmod(0o755)
    # By its whole path: it starts itself anew for each connection.
    server = subprocess.Popen([str(engines.sshd()), "-D", "-f", folder / "sshd.conf", "-E", folder / "log"])
    try:
        log = folder / "log"
        until(lambda: log.exists() and "Server listening" in log.read_text())
        yield f"ssh://{getuser()}@127.0.0.1:{port}", {"PATH": f"{folder}:{os.environ['PATH']}"}
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
