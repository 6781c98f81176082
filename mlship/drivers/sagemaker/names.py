"""How everything of a service is called in the account. A name holds a hash of what it stands for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

MOST = 63
"""Characters of a name."""

SERVICE = "mlship:service"
"""The tag of all that mlship has made."""


def hashed(content: Mapping[str, Any]) -> str:
    """Ten characters that stand for the content, whatever the order of its keys."""
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:10]


def worded(text: str) -> str:
    """The text with what AWS's names may hold: letters, digits and inner hyphens."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", text).strip("-") or "x"


def named(*parts: str, content: Mapping[str, Any]) -> str:
    """The parts, as far as they fit, and the content's hash."""
    ending = f"-{hashed(content)}"
    return worded("-".join(parts))[: MOST - len(ending)].strip("-") + ending


def slot(model: str, taken: Collection[str]) -> str:
    """The name of a new variant for the model."""
    plain = worded(model)[:MOST].strip("-")
    if plain not in taken:
        return plain
    numbered = (f"{plain[: MOST - 4].strip('-')}-{number}" for number in range(2, 99))
    return next(name for name in numbered if name not in taken)


def tags(service: str, own: Mapping[str, str]) -> list[dict[str, str]]:
    """Those of everything that is made for a service."""
    return [{"Key": key, "Value": value} for key, value in {**own, SERVICE: service}.items()]
