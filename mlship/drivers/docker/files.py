"""The router's files: through a shell while its container runs, in an archive while it does not."""

from __future__ import annotations

import fnmatch
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from mlship.drivers.docker.daemon import asking
from mlship.drivers.docker.launch import archive
from mlship.drivers.docker.settings import FOLDER
from mlship.drivers.docker.shell import Session

if TYPE_CHECKING:
    from docker import DockerClient

OWNER = 65534
"""Whom the router runs as, in its container: nobody."""


class ContainerFiles:
    """`Files` of a router in a container."""

    folder: Path = FOLDER / "router"

    def __init__(self, client: DockerClient, container: str, session: Session) -> None:
        self._client = client
        self._container = container
        self._session = session
        self._held: dict[str, str] | None = None
        """What the stopped container has, with what is to be put there before it starts."""

    def read(self, name: str) -> str | None:
        """What is in a file; None where there is none."""
        # A dot, so that an empty file is told from none.
        said = self._session.run(f"cat {self._path(name)} 2>/dev/null && printf .; true")
        if said is None:
            return self._stopped().get(name)
        return said[:-1].decode("utf-8", "replace") if said else None

    def texts(self, pattern: str) -> list[str]:
        """What is in all files whose names match."""
        each = f"for f in {pattern}; do cat \"$f\" && printf '\\0'; done"
        said = self._session.run(f"cd {self.folder} && {{ {each}; }} 2>/dev/null; true")
        if said is None:
            return [text for name, text in self._stopped().items() if fnmatch.fnmatch(name, pattern)]
        return [text for text in said.decode("utf-8", "replace").split("\0") if text]

    def replace(self, name: str, text: str) -> None:
        """Write a file, by rename."""
        data, partial = text.encode(), self._path(f".{name}")
        script = f"head -c {len(data)} > {partial} && sync {partial} && mv {partial} {self._path(name)}"
        if self._session.run(script, data) is None:
            self._stopped()[name] = text

    def keep(self, name: str, copy: str) -> None:
        """A second link to a file."""
        file, kept = self._path(name), self._path(copy)
        self._session.run(f"rm -f {kept}; if [ -e {file} ]; then ln {file} {kept}; fi")

    def restore(self, copy: str, name: str) -> None:
        """Rename a copy, if it is there."""
        file, kept = self._path(name), self._path(copy)
        self._session.run(f"if [ -e {kept} ]; then mv {kept} {file}; fi")

    def remove(self, pattern: str) -> None:
        """Remove files. In a stopped container they stay: nothing there names them."""
        self._session.run(f"cd {self.folder} && rm -f {pattern}")

    def deliver(self) -> None:
        """Put into the stopped container what was written since."""
        files = {f"router/{name}": text for name, text in (self._held or {}).items()}
        with asking("copy files into a container"):
            self._client.api.put_archive(self._container, str(FOLDER), archive(files, owner=OWNER, mode=0o600))
        self.forget()

    def forget(self) -> None:
        """What the stopped container has may have changed."""
        self._held = None

    def _stopped(self) -> dict[str, str]:
        if self._held is None:
            self._held = dict(fetched(self._client, self._container, self.folder))
        return self._held

    def _path(self, name: str) -> str:
        return quote(str(self.folder / name))


def fetched(client: DockerClient, container: str, folder: Path) -> Mapping[str, str]:
    """The files of a folder in a container, running or not; none where there is no such container."""
    from docker.errors import NotFound

    with asking("copy files out of a container"):
        try:
            pieces, _ = client.api.get_archive(container, str(folder))
        except NotFound:
            return {}
        data = b"".join(pieces)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                found[Path(member.name).name] = content.read().decode("utf-8", "replace")
    return found
