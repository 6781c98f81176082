"""The route by which applications tell what came of an answer."""

from __future__ import annotations

from typing import Any

from mlship.dataplane.capture import enabled, literal, lua_filter, script
from mlship.dataplane.spool import Spool

PATH = "/_mlship/feedback"
FILTER = "mlship.feedback"

LARGEST = 64 * 1024
"""Bytes of one report; a larger one is refused with 413."""


def feedback_filter(spool: Spool) -> dict[str, Any]:
    """The filter, off until a route switches it on."""
    values = {
        '"@FILE@"': literal(str(spool.feedback)),
        "@MOST@": str(spool.bound(spool.feedback)),
        "@LARGEST@": str(LARGEST),
    }
    return lua_filter(FILTER, script("feedback.lua", values))


def feedback_route() -> dict[str, Any]:
    """The filter answers; what the route says itself is for the case that it cannot."""
    return {
        "name": "feedback",
        "match": {"path": PATH},
        "direct_response": {"status": 503, "body": {"inline_string": '{"error": "the outcome was not kept"}\n'}},
        "typed_per_filter_config": {FILTER: enabled()},
        "request_body_buffer_limit": 2 * LARGEST,
    }
