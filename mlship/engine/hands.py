"""Acts on the world: intent before, outcome after, and nothing done that is already so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from mlship.clock import Clock
from mlship.drivers.announced import Announced
from mlship.drivers.base import Driver, Observed, ObservedModel
from mlship.drivers.insisting import Insisting
from mlship.drivers.telling import Telling
from mlship.engine.record import Record
from mlship.errors import JournalUnavailable, LeaseLost, MlshipError, ModelNotReady, OutOfReach, RoutingRefused
from mlship.journal.events import Done, Failed, Intended, Progressed, Reopened
from mlship.plan.routing import Routing
from mlship.plan.step import Step

T = TypeVar("T")

ATTEMPTS = 3
"""Tries of an act whose backend is out of reach."""

PAUSE = 2.0
"""Seconds between two tries."""

FINAL = (ModelNotReady, RoutingRefused, JournalUnavailable)
"""Failures that another try would only repeat."""


class Hands:
    """A driver whose acts are journalled."""

    def __init__(self, *, driver: Driver, record: Record, clock: Clock) -> None:
        self._driver = driver
        self._record = record
        self._clock = clock
        if isinstance(driver, Telling):
            driver.tell(self._note)

    def carry_out(self, step: Step) -> None:
        """Make the world what the step says, in the step's order, from whatever it is now.

        Raises:
            ModelNotReady: a model did not come up; the routing is unchanged.
            RoutingRefused: the router refused; the routing is unchanged.
            OutOfReach: the backend does not answer.
        """
        self.announce(step.routing)
        seen = self.observe()
        running = {model for model, there in seen.models.items() if there.running}
        # A shift starts the new fleet itself.
        self.scale({} if step.routing.shift else step.ready, seen)
        self.route(step.routing, seen)
        self.scale({model: replicas for model, replicas in step.keep.items() if model in running}, seen)

    def announce(self, routing: Routing, *, insist: bool = False) -> None:
        """Tell a driver that wants to know it which routing the next acts lead to."""
        if isinstance(self._driver, Announced):
            self._driver.expect(routing, insist=insist)

    def _note(self, what: str) -> None:
        pending = self._record.rollout.pending
        if pending is not None:
            self._record(Progressed(verb=pending.verb, what=what))

    def observe(self) -> Observed:
        """What is really there."""
        return self._patiently(self._driver.observe)

    def scale(self, wanted: Mapping[str, int], seen: Observed) -> None:
        """Bring each model to so many replicas, unless they were just seen."""
        moving = seen.routing is not None and bool(seen.routing.shift)
        for model, replicas in wanted.items():
            there = seen.models.get(model, ObservedModel())
            # What another rollout has left running under the name may have another definition: numbers do not tell.
            # What the backend is moving by itself may be gone by the time that it is done.
            known = not moving and (not replicas or model in self._record.rollout.ensured)
            if known and there.ready == there.running == replicas:
                continue
            if replicas:
                self._act("ensure", partial(self._driver.ensure, model, replicas), model=model, replicas=replicas)
            else:
                self._act("retire", partial(self._driver.retire, model), model=model)

    def route(self, routing: Routing, seen: Observed, *, insist: bool = False) -> None:
        """Make the routing live, unless it was just seen to be; the end of an announced downtime is told.

        With `insist` what somebody else has set in the meantime is no reason to stop. It may be what is wanted, as
        where a balancer forgot a split with a restart: then it is set all the same, to be known as ours from there on.
        """
        call = self._driver.route
        if insist and isinstance(self._driver, Insisting):
            call = self._driver.insist
        elif seen.routing == routing.reached and seen.router:
            return
        self._act("route", partial(call, routing), routing=routing)
        if seen.routing is not None and seen.routing.closed and not routing.closed:
            self._record(Reopened(downtime=self._clock.now() - self._closed_at()))

    def _closed_at(self) -> float:
        """When the door was closed: the intent is the earliest moment at which users may have noticed."""
        closed = [
            recorded.at
            for recorded in self._record.events()
            if isinstance(recorded.event, Intended)
            and recorded.event.routing is not None
            and recorded.event.routing.closed
        ]
        return closed[-1] if closed else self._clock.now()

    def _act(
        self,
        verb: str,
        call: Callable[[], None],
        *,
        model: str | None = None,
        replicas: int | None = None,
        routing: Routing | None = None,
    ) -> None:
        self._record(Intended(verb=verb, model=model, replicas=replicas, routing=routing))
        began = self._clock.now()
        try:
            self._patiently(call)
        except LeaseLost:
            raise
        except MlshipError as error:
            log = error.log if isinstance(error, ModelNotReady) else ()
            self._record(Failed(verb=verb, model=model, message=error.message, log=log))
            raise
        self._record(Done(verb=verb, model=model, seconds=self._clock.now() - began))

    def _patiently(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except FINAL:
            raise
        except OutOfReach:
            return self._again(call)

    def _again(self, call: Callable[[], T]) -> T:
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            retry_unless_exception_type,
            stop_after_attempt,
            wait_fixed,
        )

        self._clock.sleep(PAUSE)
        retrying = Retrying(
            sleep=self._clock.sleep,
            stop=stop_after_attempt(ATTEMPTS - 1),
            wait=wait_fixed(PAUSE),
            retry=retry_if_exception_type(OutOfReach) & retry_unless_exception_type(FINAL),
            reraise=True,
        )
        return retrying(call)
