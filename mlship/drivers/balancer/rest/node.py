"""One balancer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from mlship.clock import Clock
from mlship.drivers.balancer.health import answers
from mlship.drivers.balancer.node import Changed, Server
from mlship.drivers.balancer.rest.context import Known
from mlship.drivers.balancer.rest.reading import Preparation, Probing, ReadBack, Reader, Seen, unproven
from mlship.drivers.balancer.rest.settings import Verify
from mlship.drivers.balancer.rest.writing import Conflict, Writing
from mlship.drivers.balancer.words import said
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError, OutOfReach, RoutingRefused
from mlship.metrics.counters import Tally
from mlship.plan.model import Model
from mlship.plan.units import seconds

ATTEMPTS = 5
"""Times that a change is sent while others change it, too, or answers are lost."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is made of."""

    known: Known
    preparation: Preparation
    writing: Writing
    read_back: ReadBack | None
    probing: Probing | None
    verify: Verify
    clock: Clock

    @property
    def reader(self) -> Reader:
        """The API's word, where it gives one."""
        reader = self.read_back or self.probing
        assert reader is not None, "a plan without both is refused"
        return reader


class RestNode:
    """`Node` over templates. It remembers what it has read: a step forward is a change of that, and of nothing else."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._before: Seen | None = None
        self._last: tuple[float, str | None] | None = None
        self._thorough = False

    @property
    def name(self) -> str:
        """Its address, without user and password."""
        return self._parts.writing.api.name

    @property
    def parts(self) -> Parts:
        """For who examines it."""
        return self._parts

    def forget(self) -> None:
        """The next reading looks anew, and a change without one is made whatever stands there."""
        self._before = self._last = None
        self._thorough = True

    def read(self) -> str | None:
        """What the API says; without that, what answers to users show."""
        now = self._parts.clock.now()
        if self._last is not None and now - self._last[0] < self._parts.reader.lasting:
            # What users are answered is not asked for again so soon; that it is still there can be seen at no cost.
            self._parts.writing.api.reach()
            return self._last[1]
        self._before = self._parts.reader.seen(brief=not self._thorough)
        self._thorough = False
        self._last = (now, self._before.value)
        return self._before.value

    def write(self, value: str | None) -> None:
        """Send it, and look for it: nothing is believed because of a status."""
        before, self._before = self._before, None
        if value is None:
            raise RoutingRefused(f"balancer {self.name} had no split, and cannot be told so", hint="remove it by hand")
        if before is not None and before.value == value:
            return
        answered, shortfall = False, "does not answer"
        for _ in range(ATTEMPTS):
            try:
                answered = self._sent(value, before)
            except Conflict as conflict:
                before, shortfall = self._again(value, before, conflict), "somebody else changes it all the time"
                continue
            shortfall = self._shortfall(value)
            if not shortfall:
                self._last = (self._parts.clock.now(), value)
                return
            if answered:
                break
        if answered:
            raise unproven(shortfall, self.name)
        hint = "see what becomes of requests on the way to it, then try again"
        raise OutOfReach(f"balancer {self.name}: {shortfall}", hint=hint)

    def kept(self) -> None:
        """Whether it keeps its weights is its owner's business."""
        return

    def keep(self, value: str | None) -> None:
        """Nothing can be done for that."""

    def pool(self, model: Model) -> Sequence[Server]:
        """The model's servers, asked by their health path."""
        return [_asked(address, model) for address in model.pool.servers]

    def counts(self) -> tuple[str, Mapping[str, Tally]]:
        """There are none: gates judge by sources of the plan's own."""
        return "", {}

    def troubles(self) -> Iterator[Trouble]:
        """Reach, login, weights, token, header."""
        from mlship.drivers.balancer.rest.doctor import examine

        return examine(self)

    def _sent(self, value: str, before: Seen | None) -> bool:
        parts = self._parts
        captured = parts.preparation.captured()
        token = before.token if before is not None else self._token()
        context = parts.known.of(value, captured, token)
        try:
            return parts.writing.carry_out(context, whole=before is not None)
        except Conflict:
            raise
        except MlshipError as error:
            if before is None or before.value is None or not parts.writing.divisible:
                raise
            raise self._taken_back(before.value, captured, error) from error

    def _taken_back(self, value: str, captured: Mapping[str, str], error: MlshipError) -> MlshipError:
        """The servers that were given their new weight before one failed are given the old one."""
        kind = RoutingRefused if isinstance(error, RoutingRefused) else OutOfReach
        try:
            self._parts.writing.carry_out(self._parts.known.of(value, captured, ""), whole=False)
        except MlshipError:
            hint = "`mlship rollback` sends all of them again, as often as you call it"
            return kind(f"{error.message}; some of its weights are the new ones, some the old", hint=hint)
        return kind(f"{error.message}; what it had taken is taken back", hint=error.hint)

    def _token(self) -> str:
        reading = self._parts.read_back
        return reading.seen().token if reading is not None and reading.template.token else ""

    def _again(self, value: str, before: Seen | None, conflict: Conflict) -> Seen | None:
        """What stands there now, for another try; a step forward is none of what somebody else has made of it."""
        if before is None:
            return None
        now = self._parts.reader.seen()
        # The value itself: a gateway gave up on a request that was carried out, and its second sending came too late.
        if now.value not in {before.value, value}:
            found, last = self._said(now.value), self._said(before.value)
            message = f"somebody else has changed balancer {self.name} meanwhile: it has {found}, and had {last}"
            # Of several requests the first ones were taken: those have to be taken back.
            kind = RoutingRefused if self._parts.writing.divisible else Changed
            raise kind(message, hint="see who; then try again, or `mlship rollback`") from conflict
        return now

    def _shortfall(self, value: str) -> str:
        """Words for what is not so after a while; empty: it is proven."""
        words = self._settled(lambda: self._unread(value)) if self._parts.read_back else ""
        probing = self._parts.probing
        return words or (self._settled(lambda: probing.shortfall(value)) if probing is not None else "")

    def _unread(self, value: str) -> str:
        assert self._parts.read_back is not None
        found = self._parts.read_back.seen().value
        return "" if found == value else f"it says {self._said(found)} instead of {self._said(value)}"

    def _settled(self, look: Callable[[], str]) -> str:
        """What `look` says once it is content, or its time is over; it looks twice at least."""
        clock, verify = self._parts.clock, self._parts.verify
        ends = clock.now() + seconds(verify.within)
        words = look()
        while words:
            clock.sleep(seconds(verify.every))
            words = look()
            if clock.now() > ends:
                break
        return words

    def _said(self, value: str | None) -> str:
        return said(self._parts.known.weights.routing_of(value) if value else None, value)


def _asked(address: str, model: Model) -> Server:
    fine = answers(address, model.health.path, timeout=model.health.timeout)
    return Server(name=address, up=fine, told="" if fine else f"GET {model.health.path} does not answer 2xx")
