"""Users of a server on loopback, in a process of their own: they ask until stdin is closed, then tell what they met.

    python -S users.py PORT RATE CONNECTIONS [fresh]

Request number n is due at start + n / RATE, as long as a connection is free. As browsers do, they look whether an idle
connection was closed before they use it again, and what then fails is told and not asked anew: one thread, so that
nothing comes between the look and the request. With `fresh` each request has a connection of its own.

The first line of stdout says that they are there; the last one is JSON, see `tell`.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import socket
import sys
import time
from collections import Counter, deque

REQUEST = b"GET /predict HTTP/1.1\r\nhost: users\r\n\r\n"
PATIENCE = 10.0
"""Seconds that an answer may take."""
LATE = 0.01
"""Seconds after which a request that is due is left out: a stall must not end in a burst."""
FIRST = 10
"""Requests, answered or not, until stdout says that they are there."""


class User:
    """One connection, and the request that is under way on it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.socket: socket.socket | None = None
        self.asked = 0.0
        self.received = b""

    def ask(self) -> None:
        """Send a request, over the connection of before where it is still open."""
        self.asked, self.received = time.time(), b""
        if self.socket is not None and self._ended():
            self.close()
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.settimeout(0)
        self.socket.sendall(REQUEST)

    def _ended(self) -> bool:
        assert self.socket
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def read(self) -> bool:
        """Take what has come; whether the answer is whole.

        Raises:
            OSError: The connection has ended before that.
        """
        assert self.socket
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError(errno.ENOTCONN, "closed without an answer")
        self.received += piece
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return False
        if b"transfer-encoding: chunked" in head.lower():
            return body.endswith(b"0\r\n\r\n")
        return len(body) >= int(self.header("content-length") or 0)

    def header(self, name: str) -> str:
        """Of the answer; empty where it has none."""
        head = self.received.partition(b"\r\n\r\n")[0].decode("latin-1")
        fields = (line.partition(":") for line in head.split("\r\n")[1:])
        return next((value.strip() for key, _, value in fields if key.lower() == name), "")

    @property
    def status(self) -> int:
        return int(self.received.split(b" ", 2)[1])

    def close(self) -> None:
        """Let go of the connection."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Crowd:
    """All of them."""

    def __init__(self, port: int, rate: float, connections: int, *, fresh: bool) -> None:
        self._rate, self._fresh = rate, fresh
        self._idle = deque(User(port) for _ in range(connections))
        self._busy: set[User] = set()
        self._selector = selectors.DefaultSelector()
        self.answered: Counter[str] = Counter()
        self.last: dict[str, float] = {}
        self.failed: list[tuple[float, str]] = []

    def run(self) -> None:
        """Ask until stdin is closed; then wait for what is under way."""
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)
        start, sent, told = time.time(), 0, False
        while self._attend(start + sent / self._rate - time.time()):
            now = time.time()
            if now - (start + sent / self._rate) > LATE:
                start = now - sent / self._rate
            while self._idle and start + sent / self._rate <= now:
                self._send(self._idle.popleft())
                sent += 1
            if not told and sum(self.answered.values()) + len(self.failed) >= FIRST:
                told = True
                sys.stdout.write("asking\n")
                sys.stdout.flush()
        until = time.time() + PATIENCE
        while self._busy and time.time() < until:
            self._attend(0.1)

    def _attend(self, seconds: float) -> bool:
        """Take the answers of so long a time; False once stdin is closed."""
        goes_on = True
        for key, _ in self._selector.select(max(seconds, 0.0 if self._idle else 0.001)):
            if key.data is None:
                goes_on = bool(os.read(sys.stdin.fileno(), 1))
            else:
                self._take(key.data)
        self._give_up()
        return goes_on

    def _send(self, user: User) -> None:
        try:
            user.ask()
        except OSError as error:
            self._fail(user, error)
            return
        self._busy.add(user)
        self._selector.register(user.socket, selectors.EVENT_READ, user)  # type: ignore[arg-type]

    def _take(self, user: User) -> None:
        try:
            if not user.read():
                return
        except OSError as error:
            self._rest(user)
            self._fail(user, error)
            return
        self._rest(user)
        if user.status != 200:
            self.failed.append((user.asked, str(user.status)))
        else:
            model = user.header("x-mlship-variant")
            self.answered[model] += 1
            self.last[model] = time.time()
        if self._fresh or user.header("connection").lower() == "close":
            user.close()
        self._idle.append(user)

    def _rest(self, user: User) -> None:
        self._busy.discard(user)
        self._selector.unregister(user.socket)  # type: ignore[arg-type]

    def _fail(self, user: User, error: OSError) -> None:
        user.close()
        self.failed.append((user.asked, error.strerror or type(error).__name__))
        self._idle.append(user)

    def _give_up(self) -> None:
        late = time.time() - PATIENCE
        for user in [each for each in self._busy if each.asked < late]:
            self._rest(user)
            self._fail(user, TimeoutError(errno.ETIMEDOUT, "no answer"))

    def tell(self) -> str:
        """What became of their requests; times are seconds since the epoch."""
        return json.dumps({"answered": self.answered, "last": self.last, "failed": self.failed})


if __name__ == "__main__":
    crowd = Crowd(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), fresh="fresh" in sys.argv[4:])
    crowd.run()
    sys.stdout.write(crowd.tell())
