"""A bounded, steady stream of requests to a router on loopback: `python -m mlship.demo.traffic 127.0.0.1:8080`.

Request number n is due at start + n / rate, whether or not those before it have been answered (an open loop, as far as
the number of connections allows). It waits until somebody listens, and stops by itself.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from mlship.clock import Clock, SystemClock
from mlship.demo.asking import Answer, ask, loopback
from mlship.demo.training import labelled_bodies
from mlship.errors import Exit, MlshipError, UsageError

USER_HEADER = "x-user-id"
FEEDBACK = "/_mlship/feedback"
RATE = 200.0
USERS = 100_000
MAX_SECONDS = 600.0
MAX_REQUESTS = 1_000_000
_LONGEST_NAP = 0.1
"""Seconds: how late a sender may notice that it shall stop."""
_LATE = 1.0
"""Seconds after which a request that is due is left out: a stall must not end in a burst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send, how fast, and when to stop."""

    address: str
    """Host and port on loopback, "127.0.0.1:8080"."""
    bodies: tuple[bytes, ...]
    truths: tuple[int, ...] = ()
    """What is right for each of `bodies`; needed for labels."""
    labels: float = 0.0
    """Share of the answered requests whose truth is told to the router, 0..1."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    """Model → share of its users who do what is hoped for, which is told to the router as `reward`, 0..1."""
    path: str = "/v2/models/digits/infer"
    rate: float = RATE
    """Requests per second."""
    users: int = USERS
    """Size of the population that `x-user-id` is drawn from. With a few hundred users, a share of 5 % of them is not a
    share of 5 % of the requests."""
    connections: int = 16
    max_seconds: float = MAX_SECONDS
    max_requests: int = MAX_REQUESTS
    timeout: float = 10.0
    """Seconds that one answer may take."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Requests so far: `ok` got an answer below 400, `failed` another one or none."""

    ok: int = 0
    failed: int = 0
    told: int = 0
    """Truths and rewards that the router has taken."""
    untold: int = 0
    """Those that it has not taken. They are no failed requests."""

    @property
    def sent(self) -> int:
        """All requests that have ended."""
        return self.ok + self.failed


class Traffic:
    """Sends a load from threads of this process, from `start` (or `with`) to `stop` or to the load's own end.

    Raises:
        UsageError: the address is not on loopback, or there is not one truth for each body to be told.
    """

    def __init__(self, load: Load, *, clock: Clock) -> None:
        self._host, self._port = loopback(load.address)
        self._load = load
        if load.labels and len(load.truths) != len(load.bodies):
            raise UsageError(f"{len(load.truths)} truths for {len(load.bodies)} bodies: labels need one for each")
        self._clock = clock
        self._tickets = itertools.count()
        self._tally = {True: 0, False: 0}
        self._truths = {True: 0, False: 0}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Send from now on, or as soon as somebody listens and is ready."""
        self._thread.start()

    def stop(self) -> Sent:
        """Send nothing more, wait for the answers under way, and return the count."""
        self._stopping.set()
        return self.finish()

    def finish(self) -> Sent:
        """Wait for the load's own end, and return the count."""
        if self._thread.ident is not None:
            # A join that Ctrl-C interrupts takes the thread for ended (Python 3.11), and one without a timeout may not
            # hear of a signal that another thread was given.
            while not self._ended.wait(_LONGEST_NAP):
                pass
        return self.sent

    @property
    def sent(self) -> Sent:
        """The count so far."""
        with self._lock:
            requests, truths = self._tally, self._truths
            return Sent(ok=requests[True], failed=requests[False], told=truths[True], untold=truths[False])

    def _run(self) -> None:
        try:
            self._send_the_load()
        finally:
            self._ended.set()

    def _send_the_load(self) -> None:
        end = self._clock.now() + self._load.max_seconds
        if not self._listened_to(end):
            return
        start = self._clock.now()
        senders = [threading.Thread(target=self._send_all, args=(start, end)) for _ in range(self._load.connections)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

    def _listened_to(self, end: float) -> bool:
        connection = self._connection()
        while not self._over(end):
            if ask(connection, "GET", "/v2/health/ready").status == http.client.OK:
                connection.close()
                return True
            self._clock.sleep(_LONGEST_NAP)
        return False

    def _send_all(self, start: float, end: float) -> None:
        connection = self._connection()
        while (ticket := next(self._tickets)) < self._load.max_requests:
            due = start + ticket / self._load.rate
            self._wait_until(min(due, end))
            if self._over(end):
                break
            if self._clock.now() - due < _LATE:
                self._send(connection, ticket)
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, ticket: int) -> None:
        # Drawn from the ticket, so that a run sends the same users and bodies whichever thread sends them.
        draw = random.Random(f"{self._load.seed}:{ticket}")  # noqa: S311 - a population, not a secret
        user = f"user-{draw.randrange(self._load.users)}"
        headers = {"content-type": "application/json", USER_HEADER: user}
        place = draw.randrange(len(self._load.bodies))
        answer = ask(connection, "POST", self._load.path, self._load.bodies[place], headers)
        answered = 200 <= answer.status < 400
        with self._lock:
            self._tally[answered] += 1
        if answered and draw.random() < self._load.labels:
            self._tell(connection, answer, "label", self._load.truths[place])
        if answered and self._pleased(user, answer.model):
            self._tell(connection, answer, "reward", 1)

    def _pleased(self, user: str, model: str) -> bool:
        """A user is the same every time: whom a model pleases, a better one does, too."""
        mood = random.Random(f"{self._load.seed}:{user}").random()  # noqa: S311 - as above
        return mood < self._load.rewards.get(model, 0.0)

    def _tell(self, connection: http.client.HTTPConnection, answer: Answer, name: str, value: int) -> None:
        body = json.dumps({"request_id": answer.request, "name": name, "value": value}).encode()
        taken = ask(connection, "POST", FEEDBACK, body, {"content-type": "application/json"})
        with self._lock:
            self._truths[taken.status == http.client.NO_CONTENT] += 1

    def _wait_until(self, moment: float) -> None:
        while not self._stopping.is_set() and (left := moment - self._clock.now()) > 0:
            self._clock.sleep(min(left, _LONGEST_NAP))

    def _over(self, end: float) -> bool:
        return self._stopping.is_set() or self._clock.now() >= end

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=self._load.timeout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mlship.demo.traffic", description=__doc__)
    parser.add_argument("address", help='the router, "127.0.0.1:8080"')
    parser.add_argument("--rate", type=float, default=RATE, help="requests per second (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=MAX_SECONDS, help="stop after this (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=MAX_REQUESTS, help="stop after this many")
    parser.add_argument("--labels", type=float, default=0.0, help="share of the answers whose truth is told, 0..1")
    parser.add_argument("--rewards", default="", help="share of each model's users who are pleased: v1=10%%,v2=15%%")
    parser.add_argument("--users", type=int, default=USERS, help="size of the population (default: %(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Send until the load ends or Ctrl-C; returns the exit code: 0 where every request got its answer."""
    options = _parser().parse_args(arguments)
    try:
        load = _load(options)
        traffic = Traffic(load, clock=SystemClock())
    except MlshipError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return error.exit_code
    sent = _until_the_end(traffic)
    told = load.labels or load.rewards
    truths = f"; {sent.told} truths and rewards told, {sent.untold} not taken" if told else ""
    sys.stdout.write(f"{sent.sent} requests, {sent.failed} failed{truths}\n")
    return Exit.UNEXPECTED if sent.failed else Exit.DONE


def _load(options: argparse.Namespace) -> Load:
    if options.rate <= 0 or options.users <= 0:
        raise UsageError("--rate and --users must be more than zero")
    if not 0 <= options.labels <= 1:
        raise UsageError("--labels must be from 0 to 1")
    bodies, truths = zip(*labelled_bodies(), strict=True)
    return Load(
        address=options.address,
        bodies=bodies,
        truths=truths,
        labels=options.labels,
        rewards=_rewards(options.rewards),
        rate=options.rate,
        users=options.users,
        max_seconds=options.seconds,
        max_requests=options.requests,
    )


def _rewards(text: str) -> Mapping[str, float]:
    """`v1=10%,v2=15%` by model."""
    written = [part.partition("=") for part in text.split(",") if part]
    try:
        rewards = {model: float(share.removesuffix("%")) / 100 for model, _, share in written}
    except ValueError:
        rewards = {"": 2.0}
    if any(not model or not 0 <= share <= 1 for model, share in rewards.items()):
        raise UsageError(f"--rewards {text}: expected shares by model", hint="write it as v1=10%,v2=15%")
    return rewards


def _until_the_end(traffic: Traffic) -> Sent:
    # Ctrl-C may come while it starts.
    try:
        with traffic:
            return traffic.finish()
    except KeyboardInterrupt:
        return traffic.stop()


if __name__ == "__main__":
    sys.exit(main())
