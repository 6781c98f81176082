"""What Envoy reads once, when it starts: its admin socket, the files to watch, and the latency buckets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlship.dataplane.upstream import RouterSettings

LISTENERS = "lds.json"
CLUSTERS = "cds.json"
ROUTES = "rds.json"
SHADOWS = "rds-shadow.json"

INTERNAL = "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener"
"""Listeners inside Envoy; one that was started without them has no mirrors."""

ADMIN_PATHS = (
    "/ready", "/server_info", "/stats", "/stats/prometheus", "/clusters", "/healthcheck/fail", "/drain_listeners",
    "/quitquitquit", "/reopen_logs",
)  # fmt: skip
"""All that the admin socket answers; everything else is 403."""

LONGEST_PATTERN = 1_000_000
"""Instructions of a compiled pattern: none, so that RE2's own limit of memory holds, by which plans are checked."""


def watched(file: Path) -> dict[str, Any]:
    """A source of configuration: a file that is replaced by rename."""
    return {"resource_api_version": "V3", "path_config_source": {"path": str(file)}}


def bootstrap(*, folder: Path, admin: dict[str, object], settings: RouterSettings) -> dict[str, Any]:
    """The static part of Envoy's configuration."""
    microseconds = [round(edge * 1e6) for edge in settings.edges]
    return {
        "node": {"id": "mlship", "cluster": "mlship"},
        "admin": {
            "address": admin,
            "allow_paths": [{"exact": path} for path in ADMIN_PATHS]
            + [{"prefix": f"{path}?"} for path in ("/stats", "/stats/prometheus", "/clusters", "/drain_listeners")],
        },
        "dynamic_resources": {
            "lds_config": watched(folder / LISTENERS),
            "cds_config": watched(folder / CLUSTERS),
        },
        "bootstrap_extensions": [{"name": "envoy.bootstrap.internal_listener", "typed_config": {"@type": INTERNAL}}],
        # Histograms merge every 5 s otherwise, and a look would miss the latest requests.
        "stats_flush_on_admin": True,
        "stats_config": {
            "histogram_bucket_settings": [{"match": {"prefix": "mlship"}, "buckets": microseconds}],
        },
        "layered_runtime": {
            "layers": [
                {
                    "name": "limits",
                    "static_layer": {
                        "re2.max_program_size.error_level": LONGEST_PATTERN,
                        "re2.max_program_size.warn_level": LONGEST_PATTERN,
                    },
                }
            ]
        },
    }
