"""Users of a balancer, and what became of their requests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

USERS = Path(__file__).with_name("users.py")


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a good answer."""

    asked: float
    """When, by the clock."""
    why: str
    """The answer's status, or what the connection said."""


@dataclass(kw_only=True)
class Load:
    """Users at a steady rate for as long as the context lasts; afterwards what they met."""

    port: int
    rate: float = 300.0
    """Requests per second."""
    connections: int = 16
    fresh: bool = False
    """A connection for each request, instead of ones that stay open."""
    answered: Counter[str] = field(default_factory=Counter)
    """Model → answers with status 200."""
    last: dict[str, float] = field(default_factory=dict)
    """Model → when its last answer was there, by the clock."""
    failed: list[Failure] = field(default_factory=list)

    def __enter__(self) -> Self:
        words = [str(word) for word in (self.port, self.rate, self.connections)]
        self._users = subprocess.Popen(
            [sys.executable, "-S", str(USERS), *words, *(["fresh"] if self.fresh else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._users.stdout
        assert self._users.stdout.readline() == "asking\n"
        return self

    def __exit__(self, *_: object) -> None:
        told = json.loads(self._users.communicate()[0])
        self.answered.update(told["answered"])
        self.last.update(told["last"])
        self.failed += [Failure(*each) for each in told["failed"]]
