"""Users of a router, in a process of their own: ask until stdin is closed, then print when v2 answered last.

Each pauses for a while of its own between two requests. Users who do not would wait for the same slow answers and end
up asking in step, and what is under way at a given moment would be all of them or none.

The time is that of the machine's monotonic clock, which all its processes share.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time

USERS = 24

PAUSE = 0.05
"""The longest pause, in seconds: as long as the models of these benchmarks take for an answer."""


class Crowd:
    """Users who ask one after the other's answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stop = threading.Event()
        self.last = 0.0

    def ask(self) -> None:
        """Until told to stop."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        while not self._stop.wait(random.uniform(0, PAUSE)):
            try:
                connection.request("GET", "/predict")
                response = connection.getresponse()
                body = response.read()
            except (http.client.HTTPException, OSError):
                connection.close()  # a reload of some balancers ends connections that stay open
                continue
            # Traefik does not tell: there the model's own word counts.
            if (response.getheader("x-mlship-variant") or json.loads(body)["model"]) == "v2":
                self.last = time.monotonic()

    def run(self) -> None:
        """Ask until stdin is closed."""
        users = [threading.Thread(target=self.ask) for _ in range(USERS)]
        for user in users:
            user.start()
        sys.stdin.read()
        self._stop.set()
        for user in users:
            user.join()


if __name__ == "__main__":
    crowd = Crowd(int(sys.argv[1]))
    crowd.run()
    print(crowd.last)
