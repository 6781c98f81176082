"""What an Envoy is told besides routes: as much of it as the one that runs can take."""

from __future__ import annotations

import json
from collections.abc import Iterable

from mlship.dataplane import shadows
from mlship.dataplane.channel import Resources
from mlship.dataplane.clusters import cluster
from mlship.dataplane.listener import listener, shadow_listener
from mlship.dataplane.place import Files
from mlship.dataplane.upstream import RouterSettings, Upstream
from mlship.errors import RoutingRefused


def listeners(files: Files, settings: RouterSettings) -> Resources:
    """The one for users, and the inner one for copies."""
    made = (listener, shadow_listener) if _copies(files) else (listener,)
    return [make(folder=files.folder, settings=settings) for make in made]


def clusters(files: Files, upstreams: Iterable[Upstream]) -> Resources:
    """The models, and the ways by which they get copies."""
    known = sorted(upstreams, key=lambda found: found.name)
    models = [cluster(upstream, folder=files.folder) for upstream in known]
    return [*models, *map(shadows.way, known)] if _copies(files) else models


def must_copy(files: Files) -> None:
    """Raise RoutingRefused where the router cannot copy requests."""
    if not _copies(files):
        raise RoutingRefused(
            "this router was started by an older mlship and cannot copy requests",
            hint="`mlship down` the service and deploy it again; the routing before is live",
        )


def _copies(files: Files) -> bool:
    """An Envoy that an mlship without mirrors has started has no inner listeners, and goes on as it is."""
    try:
        return "bootstrap_extensions" in json.loads(files.read("bootstrap.json") or "{}")
    except ValueError:
        return False
