"""Docker contexts, as `docker context` keeps them.

One that is missing is refused: what is meant for one daemon must not end up on another.

The library's own reading is not used: it takes the local daemon where a context does not exist, or where its folder has
no `config.json`, and before 7.2 always.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlship.errors import UsageError

DEFAULT = "default"


def endpoint(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """What a client is made with: `base_url` and `tls`, of DOCKER_HOST, else DOCKER_CONTEXT, else the current context.

    Raises:
        UsageError: there is no such context, or it cannot be read.
    """
    from docker.utils import kwargs_from_env

    if environment.get("DOCKER_HOST"):
        return dict(kwargs_from_env(environment=environment))
    folder = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = environment.get("DOCKER_CONTEXT") or _current(folder)
    return {} if name == DEFAULT else _read(folder / "contexts", name)


def _current(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text("utf-8")).get("currentContext") or DEFAULT)
    except (OSError, ValueError, AttributeError):
        return DEFAULT


def _read(contexts: Path, name: str) -> Mapping[str, Any]:
    known = hashlib.sha256(name.encode()).hexdigest()
    try:
        told = json.loads((contexts / "meta" / known / "meta.json").read_text("utf-8"))["Endpoints"]["docker"]
        host, unchecked = str(told["Host"]), bool(told.get("SkipTLSVerify"))
    except FileNotFoundError as error:
        raise UsageError(f"there is no Docker context named {name!r}", hint="docker context ls shows them") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"the Docker context {name!r} cannot be read: {error!r}", hint=f"docker context inspect {name}"
        ) from error
    tls = _tls(contexts / "tls" / known / "docker", unchecked=unchecked)
    return {"base_url": host, **({"tls": tls} if tls else {})}


def _tls(folder: Path, *, unchecked: bool) -> Any:  # noqa: ANN401 - a value of the library's own
    from docker.tls import TLSConfig

    there = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key") if (folder / f"{name}.pem").exists()}
    if not there and not unchecked:
        return None
    pair = (there["cert"], there["key"]) if {"cert", "key"} <= there.keys() else None
    return TLSConfig(client_cert=pair, ca_cert=there.get("ca"), verify=not unchecked)
