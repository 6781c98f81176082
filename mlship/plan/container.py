"""A model as a container: what driver `docker` is told of it beyond what every model has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

PORT = 8000
"""Where a model listens in its container, unless it is said otherwise."""

ALL_GPUS = -1


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """An image that is built from a folder before the rollout begins."""

    context: str
    dockerfile: str = "Dockerfile"
    """Relative to the context."""
    args: Mapping[str, str] = msgspec.field(default_factory=dict)
    target: str = ""


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """What one replica may take at most."""

    cpus: float = 0.0
    """Cores; 0: as many as there are."""
    memory: int = 0
    """Bytes; 0: as many as there are."""
    gpus: int = 0
    """Devices; `ALL_GPUS`: all of them."""


class Container(msgspec.Struct, frozen=True, kw_only=True):
    """A model's container. Values of `secrets` may hold `${env:NAME}`, as those of `env`."""

    image: str = ""
    digest: str = ""
    """What `image` meant when the rollout began: "name@sha256:..." or, of an image without a registry, its id."""
    build: Build | None = None
    port: int = PORT
    workdir: str | None = None
    """A folder in the container; None: the image's own."""
    healthcheck: bool = False
    """The image's HEALTHCHECK says whether a replica can serve, instead of GET on a path."""
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Name → content of /run/secrets/NAME."""
    volumes: tuple[str, ...] = ()
    """As `docker run -v` takes them."""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    user: str = ""
    read_only: bool = False
    resources: Resources = Resources()

    @property
    def reference(self) -> str:
        """What a replica is started from."""
        return self.digest or self.image


def build_container(document: Mapping[str, Any], *, base: Any) -> Container | None:  # noqa: ANN401 - a Path
    """The container of a checked model; None where it is none. `base` is what a build's context starts from."""
    from mlship.plan import units

    if not {"image", "build"} & document.keys():
        return None
    build, resources = document.get("build"), document.get("resources", {})
    given = {key.replace("-", "_"): document[key] for key in _PLAIN if key in document}
    return Container(
        **given,
        volumes=tuple(document.get("volumes", ())),
        build=_build(build, base) if build is not None else None,
        resources=Resources(
            cpus=float(resources.get("cpus", 0.0)),
            memory=units.size(resources["memory"]) if "memory" in resources else 0,
            gpus=ALL_GPUS if resources.get("gpus") == "all" else int(resources.get("gpus", 0)),
        ),
    )


_PLAIN = ("image", "digest", "port", "workdir", "secrets", "labels", "user", "read-only", "healthcheck")


def _build(told: Any, base: Any) -> Build:  # noqa: ANN401 - a text or a mapping
    if isinstance(told, str):
        return Build(context=str(base / told))
    return Build(**{**told, "context": str(base / told["context"])})
