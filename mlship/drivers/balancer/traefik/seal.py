"""The first line of the file that mlship writes: whose it is, and a sum by which an edit of the rest is seen."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_FIRST = "# Written by mlship for the service {service}, anew at each change."
_SUM = " Edits are seen, and stop the next step: {sum}"


def sealed(document: dict[str, Any], service: str) -> str:
    """The file of a document."""
    return f"{_first(document, service)}\n{json.dumps(document, indent=1)}\n"


def is_edited(text: str, service: str) -> bool:
    """Somebody else has written it, or a part of it; the same in another layout is no edit."""
    first, _, body = text.partition("\n")
    try:
        document = json.loads(body)
    except ValueError:
        return True
    if first.rstrip() == _FIRST.format(service=service):
        # From before there was a sum: mlship never says `sticky`.
        return '"sticky": ' in json.dumps(document)
    return first.rstrip() != _first(document, service)


def _first(document: dict[str, Any], service: str) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:12]
    return _FIRST.format(service=service) + _SUM.format(sum=digest)
