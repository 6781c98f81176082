"""Users of a balancer, and what became of their requests.

As browsers do, they look whether the balancer has closed an idle connection before they use it again.
"""

from __future__ import annotations

import http.client
import select
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from tests.support.site import CLOCK, until


@dataclass(kw_only=True)
class Load:
    """Users over connections that stay open, at a bounded rate, for as long as the context lasts."""

    port: int
    users: int = 8
    pause: float = 0.02
    """Seconds between two requests of a user: 8 users are at most 400 requests per second."""
    fresh: bool = False
    """A connection for each request, instead of ones that stay open."""
    answered: Counter[str] = field(default_factory=Counter)
    last: dict[str, float] = field(default_factory=dict)
    """Model → when its last answer began, by the clock."""
    failed: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(self.users)]
        for thread in self._threads:
            thread.start()
        until(lambda: sum(self.answered.values()) > self.users)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self._stop.wait(self.pause):
            try:
                if self.fresh or _ended(connection):
                    connection.close()
                connection.request("GET", "/predict")
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
                continue
            if response.status != 200:
                self.failed.append(str(response.status))
            model = response.headers["x-mlship-variant"]
            self.answered[model] += 1
            self.last[model] = CLOCK.now()
        connection.close()


def _ended(connection: http.client.HTTPConnection) -> bool:
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])
