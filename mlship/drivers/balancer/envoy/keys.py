"""The runtime keys of a service, and what their values say.

    mlship.SERVICE.split.CLUSTER    weight of a cluster: a whole number
    mlship.SERVICE.aside.CLUSTER    fraction of the requests with the preview header that the cluster gets
    mlship.SERVICE.mirror.CLUSTER   fraction of the requests that it gets a copy of
    mlship.SERVICE.closed           fraction that is answered 503

A fraction is written with its denominator: Envoy takes a bare number for percent, and takes anything else for 200 OK
and nothing at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlship.plan.routing import WHOLE

SPLIT, ASIDE, MIRROR, CLOSED = "split", "aside", "mirror", "closed"

Words = str | int
"""What a key comes to, of 10 000; as it stands where it means nothing that mlship would write."""

_PARTS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}


def prefix(service: str) -> str:
    """What all keys of a service begin with."""
    return f"mlship.{service}."


def fraction(share: int) -> str:
    """Basis points, as Envoy reads them without a doubt."""
    return json.dumps({"numerator": share, "denominator": "TEN_THOUSAND"}, separators=(",", ":"))


def told(key: str, text: str) -> Words:
    """What the text of a key comes to."""
    if key.startswith(f"{SPLIT}."):
        return int(text) if text.isdecimal() else text
    if text.isdecimal():
        return min(int(text) * 100, WHOLE)
    try:
        return share(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError):
        return text


def share(value: Mapping[str, Any]) -> int:
    """Basis points of a fraction that a configuration or the runtime holds.

    Raises:
        KeyError: it has a denominator that there is not.
    """
    return min(int(value.get("numerator", 0)) * WHOLE // _PARTS[str(value.get("denominator", "HUNDRED"))], WHOLE)


def encoded(words: Mapping[str, Words]) -> str:
    """The value of a routing: key → what it comes to, without those that come to nothing."""
    return json.dumps({key: words[key] for key in sorted(words) if words[key] != 0}, separators=(",", ":"))


def decoded(value: str) -> dict[str, Words] | None:
    """The keys of a value; None: it is none."""
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
