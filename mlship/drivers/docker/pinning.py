"""Models pinned: each is known by what its tag or its folder means at the moment when the rollout begins."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlship.drivers.docker.image import build, pin, provide
from mlship.drivers.docker.names import Names
from mlship.plan.container import build_container

if TYPE_CHECKING:
    from docker import DockerClient

Document = Mapping[str, Any]


def pinned(
    client: DockerClient, names: Names, model: str, document: Document, *, known: Document, fetch: bool, base: Path
) -> Document:
    """A model's document with its digest; without one where it is not there and is not to be fetched."""
    container = build_container(document, base=base)
    if container is None or container.digest:
        return document
    if container.build is not None:
        tag = f"{names.network}.{model}:latest"
        digest = build(client, container.build, tag=tag, say=_say) if fetch else pin(client, tag)
    else:
        same = known.get("image") == container.image
        digest = pin(client, container.image) or (str(known.get("digest", "")) if same else "")
        if not digest and fetch:
            digest = provide(client, container.image, _say)
    return {**document, "digest": digest} if digest else document


def _say(line: str) -> None:
    # Beside what the command itself prints, which may be read by programs.
    sys.stderr.write(f"{line}\n")
