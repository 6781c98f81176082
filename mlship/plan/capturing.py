"""The `capture` part of a checked plan document to values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlship.plan import units
from mlship.plan.model import CaptureSettings, Reference
from mlship.plan.routing import WHOLE


def build_capture(document: Mapping[str, Any], *, base: Path) -> CaptureSettings:
    """What is kept of answers; what the document leaves out keeps its default."""
    readers: Mapping[str, Callable[[Any], Any]] = {
        "sample": lambda text: units.basis_points(text) or WHOLE,
        "limit": units.size,
        "request": bool,
        "headers": lambda names: tuple(name.lower() for name in names),
        "redact": tuple,
        "prediction": str,
        "probability": str,
        "positive": str,
        "label": str,
        "scores": dict,
        "segments": dict,
        "drift": dict,
        "reference": lambda reference: _reference(reference, base),
        "keep": units.seconds,
        "most": units.size,
    }
    return CaptureSettings(**{name: read(document[name]) for name, read in readers.items() if name in document})


def _reference(document: Mapping[str, Any], base: Path) -> Reference:
    return Reference(file=str(base / document["file"]), columns=document.get("columns", {}))
