"""The router's files: through a shell while its container runs, in an archive while it does not."""

from __future__ import annotations

import fnmatch
import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
        self._seen: dict[str, str] | None = None
        """What was there when it was last looked at, with what was written since."""
        self._once = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """For the length of the block, which nobody else may write in, everything is read together and once."""
        self._once, self._seen = True, None
        try:
            yield
        finally:
            self._once, self._seen = False, None

    def read(self, name: str) -> str | None:
        """What is in a file; None where there is none."""
        if self._once:
            return self._all().get(name)
        # A dot, so that an empty file is told from none.
        said = self._session.run(f"cat {self._path(name)} 2>/dev/null && printf .; true")
        if said is None:
            return self._stopped().get(name)
        return said[:-1].decode("utf-8", "replace") if said else None

    def texts(self, pattern: str) -> list[str]:
        """What is in all files whose names match."""
        return [text for name, text in self._all().items() if fnmatch.fnmatch(name, pattern)]

    def replace(self, name: str, text: str, *, keep: str = "") -> None:
        """Write a file, by rename; `keep` is a second link to the one before."""
        data, partial, file = text.encode(), self._path(f".{name}"), self._path(name)
        # With a dot, because the shell takes line breaks from the end.
        script = (
            f"t=$(head -c {len(data)}; printf .); {_linked(file, self._path(keep)) if keep else ''}"
            f'printf %s "${{t%.}}" > {partial} && sync {partial} && mv {partial} {file}'
        )
        if self._session.run(script, data) is None:
            self._stopped()[name] = text
        elif self._seen is not None:
            self._seen |= {keep: self._seen[name]} if keep and name in self._seen else {}
            self._seen[name] = text

    def restore(self, copy: str, name: str) -> None:
        """Rename a copy, if it is there."""
        file, kept = self._path(name), self._path(copy)
        self._session.run(f"if [ -e {kept} ]; then mv {kept} {file}; fi")
        if self._seen is not None and copy in self._seen:
            self._seen[name] = self._seen.pop(copy)

    def remove(self, pattern: str) -> None:
        """Remove files. In a stopped container they stay: nothing there names them."""
        gone = fnmatch.filter(self._all(), pattern) if self._once else []
        if gone or not self._once:
            self._session.run(f"cd {self.folder} && rm -f {pattern}")
        if self._seen is not None:
            self._seen = {name: text for name, text in self._seen.items() if name not in gone}

    def deliver(self) -> None:
        """Put into the stopped container what was written since."""
        files = {f"router/{name}": text for name, text in (self._held or {}).items()}
        with asking("copy files into a container"):
            self._client.api.put_archive(self._container, str(FOLDER), archive(files, owner=OWNER, mode=0o600))
        self.forget()

    def forget(self) -> None:
        """What the container has may have changed."""
        self._held = self._seen = None

    def _all(self) -> Mapping[str, str]:
        """Every file."""
        if self._seen is None:
            # Without a command of its own for any of them, each of which would take as long as all this.
            each = '[ -e "$f" ] && { IFS= read -r -d \'\' t < "$f"; printf \'%s\\0%s\\0\' "$f" "$t"; }'
            said = self._session.run(f"cd {self.folder} && for f in *.json; do {each}; done; true")
            if said is None:
                return self._stopped()
            words = said.decode("utf-8", "replace").split("\0")
            seen = dict(zip(words[::2], words[1::2], strict=False))
            if not self._once:
                return seen
            self._seen = seen
        return self._seen

    def _stopped(self) -> dict[str, str]:
        if self._held is None:
            self._held = dict(fetched(self._client, self._container, self.folder))
        return self._held

    def _path(self, name: str) -> str:
        return quote(str(self.folder / name))


def _linked(file: str, kept: str) -> str:
    return f"if [ -e {file} ]; then ln -f {file} {kept}; else rm -f {kept}; fi && "


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
