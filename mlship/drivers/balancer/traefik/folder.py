"""The other files in the folder that Traefik watches: it takes none of them, mlship's included, while one is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

READ = (".yml", ".yaml", ".toml")
"""Ends of the names of files that Traefik's provider reads."""


def changed_between(first: float, last: float, *, beside: Path) -> Sequence[str]:
    """Names of the files that were changed between two moments, in seconds since the epoch."""
    return sorted(name for when, name in _others(beside) if first < when < last)


def changed_last(*, beside: Path) -> str | None:
    """The name of the file that was changed last; None where there is no other one."""
    return max(_others(beside), default=(0.0, None))[1]


def _others(beside: Path) -> Iterator[tuple[float, str]]:
    try:
        for path in beside.parent.rglob("*"):
            if path.suffix in READ and path != beside:
                yield path.stat().st_mtime, str(path.relative_to(beside.parent))
    except OSError:
        return  # a hint less
