"""Answers that are kept: the filter that holds them, the log that writes them, the routes that switch it on.

A request is drawn by a hash of its id before its route is looked for, so that all requests that are not kept pass
the filter by. Copies for challengers carry the live side's draw with them: both sides of a pair are kept, or none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from mlship.dataplane.assignment import COOKIE, REQUEST_ID
from mlship.dataplane.names import TYPE
from mlship.dataplane.spool import Spool
from mlship.plan.routing import WHOLE, Capture

FILTER = "mlship.capture"
SEED = 0x6D6C
"""Of the draw: another one than the shares', which hash "salt:unit"."""

_LUA = f"{TYPE}.extensions.filters.http.lua.v3"
_BOTH = "both"

Routes = list[dict[str, Any]]


def capture_filter(spool: Spool) -> dict[str, Any]:
    """The filter, off until a route switches it on: for the answer, or for answer and request."""
    values = {
        '"@SPOOL@"': literal(str(spool.predictions)),
        '"@KEY@"': literal(str(spool.key)),
        "@MOST@": str(spool.bound(spool.predictions)),
        "@COOKIE@": COOKIE,
    }
    answer = script("capture.lua", values)
    both = {_BOTH: {"inline_string": answer + script("request.lua", values)}}
    return lua_filter(FILTER, answer, source_codes=both)


def script(file: str, values: dict[str, str]) -> str:
    """A script of this package with its values filled in."""
    source = files("mlship.dataplane").joinpath(file).read_text(encoding="utf-8")
    for place, value in values.items():
        source = source.replace(place, value)
    return source


def lua_filter(name: str, source: str, **more: object) -> dict[str, Any]:
    """A script as a filter that is off until a route switches it on."""
    config = {"@type": f"{_LUA}.Lua", "default_source_code": {"inline_string": source}, **more}
    return {"name": name, "disabled": True, "typed_config": config}


def literal(text: str) -> str:
    """A Lua string."""
    return f"[==[{text}]==]" if "]==]" not in text else json.dumps(text, ensure_ascii=False)


def predictions_log(spool: Spool, role: str) -> dict[str, Any]:
    """One JSON line per kept answer."""
    config = {
        "@type": f"{TYPE}.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(spool.predictions),
        "log_format": {"json_format": _line(role)},
    }
    return {"name": "envoy.access_loggers.file", "filter": told("response"), "typed_config": config}


def told(key: str) -> dict[str, Any]:
    """Requests of which the filter has told `key`."""
    matcher = {"filter": FILTER, "path": [{"key": key}], "value": {"present_match": True}}
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": False}}


def _line(role: str) -> dict[str, str]:
    return {
        "id": f"%REQ({REQUEST_ID})%",
        "at": "%START_TIME(%s.%6f)%",
        "role": role,
        "model": "%UPSTREAM_CLUSTER%",
        "status": "%RESPONSE_CODE%",
        "us": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
        "flags": "%RESPONSE_FLAGS%",
        "response_bytes": "%BYTES_SENT%",
        "encoding": "%RESP(content-encoding)%",
        "type": "%RESP(content-type)%",
        **{key: f"%DYNAMIC_METADATA({FILTER}:{key})%" for key in _TOLD},
    }


_TOLD = ("response", "cut", "unit", "headers", "request", "request_bytes")
"""What the scripts tell the log."""


def sampled(routes: Callable[[Capture | None], Routes], capture: Capture | None) -> dict[str, Any]:
    """A virtual host's routes, made by `routes` for those requests that are kept and for those that are not."""
    if capture is None or capture.sample <= 0:
        return {"routes": routes(None)}
    if capture.sample >= WHOLE:
        return {"routes": routes(capture)}
    return {"matcher": _drawn(capture.sample, routes(capture), routes(None))}


def _drawn(sample: int, inside: Routes, outside: Routes) -> dict[str, Any]:
    """The share `sample` of the request ids takes the routes `inside`."""
    by_id = {
        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "header_name": REQUEST_ID,
    }
    # Envoy's matcher holds from `threshold` upwards.
    hashing = {
        "@type": f"{TYPE}.extensions.matching.input_matchers.consistent_hashing.v3.ConsistentHashing",
        "threshold": WHOLE - sample,
        "modulo": WHOLE,
        "seed": SEED,
    }
    predicate = {
        "single_predicate": {
            "input": {"name": "request-id", "typed_config": by_id},
            "custom_match": {"name": "consistent_hashing", "typed_config": hashing},
        }
    }
    return {
        "matcher_list": {"matchers": [{"predicate": predicate, "on_match": _list_of(inside)}]},
        "on_no_match": _list_of(outside),
    }


def _list_of(routes: Routes) -> dict[str, Any]:
    config = {"@type": f"{TYPE}.config.route.v3.RouteList", "routes": routes}
    return {"action": {"name": "routes", "typed_config": config}}


def switched_on(routes: Routes, capture: Capture, *, assign_by: str | None) -> Routes:
    """The routes, those that lead to a model with their answers kept."""
    more = _switch(capture, assign_by)
    return [{**route, **more} if "route" in route else route for route in routes]


def _switch(capture: Capture, assign_by: str | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if capture.request:
        wanted["request"] = True
    if capture.headers:
        wanted["headers"] = [name.lower() for name in capture.headers]
    if assign_by:
        wanted["assign_by"] = assign_by.lower()
    which = {"@type": f"{_LUA}.LuaPerRoute", "name": _BOTH} if wanted else {}
    return {
        "typed_per_filter_config": {FILTER: enabled(which)},
        "metadata": {"filter_metadata": {FILTER: {"limit": capture.limit, **wanted}}},
    }


def enabled(config: dict[str, Any] | None = None) -> dict[str, Any]:
    """A filter switched on for one route."""
    return {"@type": f"{TYPE}.config.route.v3.FilterConfig", "config": config or {}}
