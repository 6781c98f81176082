"""What an Envoy is told besides routes: as much of it as the one that runs can take."""

from __future__ import annotations

import json
from collections.abc import Iterable

from mlship.dataplane import shadows
from mlship.dataplane.channel import Resources
from mlship.dataplane.clusters import cluster
from mlship.dataplane.home import Home
from mlship.dataplane.listener import listener, shadow_listener
from mlship.dataplane.upstream import RouterSettings, Upstream
from mlship.errors import RoutingRefused


def listeners(home: Home, settings: RouterSettings) -> Resources:
    """The one for users, and the inner one for copies."""
    made = (listener, shadow_listener) if _copies(home) else (listener,)
    return [make(folder=home.folder, settings=settings) for make in made]


def clusters(home: Home, upstreams: Iterable[Upstream]) -> Resources:
    """The models, and the ways by which they get copies."""
    known = sorted(upstreams, key=lambda found: found.name)
    models = [cluster(upstream, folder=home.folder) for upstream in known]
    return [*models, *map(shadows.way, known)] if _copies(home) else models


def must_copy(home: Home) -> None:
    """Raise RoutingRefused where the router cannot copy requests."""
    if not _copies(home):
        raise RoutingRefused(
            "this router was started by an older mlship and cannot copy requests",
            hint="`mlship down` the service and deploy it again; the routing before is live",
        )


def _copies(home: Home) -> bool:
    """An Envoy that an mlship without mirrors has started has no inner listeners, and goes on as it is."""
    try:
        return "bootstrap_extensions" in json.loads(home.file("bootstrap.json").read_bytes())
    except (OSError, ValueError):
        return False
