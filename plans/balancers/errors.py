"""The share of errors among a model's last answers, out of an access log: numbers where a balancer has none.

As a `command` of a plan's `metrics`: `python errors.py LOG v1=127.0.0.1:9001 v2=127.0.0.1:9002`. A line of the log is
`http://SERVER STATUS`. Of a model that has not answered yet it prints no number.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

TAIL = 1 << 18
"""Bytes at the end of the log that are read."""
LAST = 500
"""Answers of the model that count."""


def main(log: str, *servers: str) -> None:
    """Print {"value": share} for the model that mlship names in MLSHIP_MODEL."""
    mine = {f"http://{server}" for name, _, server in (word.partition("=") for word in servers) if name == asked()}
    with Path(log).open("rb") as file:
        file.seek(max(0, Path(log).stat().st_size - TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()[1:]
    words = [line.split() for line in lines]
    statuses = [found[1] for found in words if len(found) == 2 and found[0] in mine][-LAST:]
    errors = sum(status.startswith("5") for status in statuses)
    print(json.dumps({"value": errors / len(statuses) if statuses else None}))


def asked() -> str:
    """The model that the numbers are for."""
    return os.environ["MLSHIP_MODEL"]


if __name__ == "__main__":
    main(*sys.argv[1:])
