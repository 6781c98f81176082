"""Whole rollouts in milliseconds: the shipped memory driver, a manual clock, the real journal, the real engine."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mlship.clock import Clock, ManualClock
from mlship.drivers.base import Driver, Opening
from mlship.drivers.memory import MemoryDriver
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.engine.rollback import roll_back, target_of, way_back_to
from mlship.engine.run import Run
from mlship.journal.events import Entered, Event, Looked, Recorded, Requested, Started, Taken
from mlship.journal.holder import this_process
from mlship.journal.lease import Lease
from mlship.journal.state import ServiceState
from mlship.journal.status import Status
from mlship.journal.store import Journal
from mlship.metrics.sources import Sources
from mlship.plan.model import Plan
from mlship.strategies import compile_plan


class Killed(BaseException):
    """The process ends here, as by kill -9: nothing of it runs any more."""


def _kill(due: Callable[[Recorded], bool], recorded: Recorded) -> None:
    if due(recorded):
        raise Killed


def _never(recorded: Recorded) -> bool:
    del recorded
    return False


def _after(events: int | None) -> Callable[[Recorded], bool]:
    numbers = itertools.count(1)
    return lambda _: next(numbers) == events


def _at_look(number: int) -> Callable[[Recorded], bool]:
    return lambda recorded: isinstance(recorded.event, Looked) and recorded.event.look.number == number


class Enactment(ABC):
    """One service in a world of its own, worked on by the real engine and journal."""

    def __init__(self, folder: Path, plan: Plan, *, clock: Clock, rollout: str = "r1") -> None:
        self.folder = folder
        self.plan = plan
        self.rollout = rollout
        self.clock = clock
        self.journal = Journal(folder, clock)

    @abstractmethod
    def driver(self, fence: int | None = None) -> Driver:
        """The backend, in the hands of the holder of `fence`."""

    def sources(self, driver: Driver) -> Sources:
        """Where numbers come from beside the driver's counters."""
        del driver
        return Sources()

    def start(self, *, kill_after: int | None = None, kill_at_look: int | None = None, live: str = "v1") -> Status:
        """Deploy; the process dies right after that many events, or that look, is on disk."""
        compiled = compile_plan(self.plan, live=live, salt=self.rollout)
        documents: dict[str, dict[str, object]] = {name: {} for name in self.plan.models}
        started = Started(plan={"models": documents}, base=str(self.folder), compiled=compiled, by="test")
        return self._go(started, kill=_at_look(kill_at_look) if kill_at_look else _after(kill_after))

    def resume(self, *, kill_after: int | None = None) -> Status:
        """Go on in another process."""
        return self._go(Taken(by="test", reason="resume"), kill=_after(kill_after))

    def turn(self) -> Status:
        """`resume --once`."""
        return self._go(Taken(by="test", reason="schedule"), once=True)

    def roll_back(self, to: str | None = None) -> Status:
        """`rollback` from another shell."""
        target = target_of(self.state, to)
        if target is not None:
            journal = Journal(self.folder, self.clock)
            lease = journal.leases.take_over(self.plan.service, this_process(), rollout=self.rollout)
            record = Record(journal=journal, lease=lease)
            record(Taken(by="oncall", reason="rollback"))
            hands = Hands(driver=self.driver(lease.fence), record=record, clock=self.clock)
            replicas = {name: model.replicas for name, model in self.plan.models.items()}
            way_back = way_back_to(target, replicas, seen=hands.observe())
            roll_back(hands=hands, record=record, clock=self.clock, way_back=way_back, reason="pager", by="oncall")
            journal.leases.release(lease)
        return self.status

    def order(self, order: str, *, full: bool = False) -> None:
        """An order from another terminal."""
        event = Requested(order=order, by="ann", full=full)
        self.journal.request(event, service=self.plan.service, rollout=self.rollout)

    @property
    def state(self) -> ServiceState:
        """What the journal says now."""
        return self.journal.state(self.plan.service)

    @property
    def status(self) -> Status:
        """Where the rollout stands."""
        assert self.state.rollout is not None
        return self.state.rollout.status

    @property
    def events(self) -> tuple[Recorded, ...]:
        """Everything recorded so far."""
        return tuple(self.journal.read(self.plan.service))

    @property
    def weights(self) -> dict[str, int]:
        """What the router really does."""
        routing = self.driver().observe().routing
        return dict(routing.weights) if routing else {}

    def path(self) -> list[str]:
        """The labels of the steps that were entered, in order."""
        rollout = self.state.rollout
        assert rollout is not None
        entered = [recorded.event.step for recorded in self.events if isinstance(recorded.event, Entered)]
        return [rollout.compiled.steps[step].label for step in entered]

    def _go(self, opening: Event, *, kill: Callable[[Recorded], bool] = _never, once: bool = False) -> Status:
        journal = Journal(self.folder, self.clock)
        lease = journal.leases.take_over(self.plan.service, this_process(), rollout=self.rollout)
        journal.subscribe(partial(_kill, kill))
        try:
            journal.append(opening, lease=lease)
            return self.run(journal, lease).go(once=once)
        except Killed:
            return self.status
        finally:
            journal.close()

    def run(self, journal: Journal, lease: Lease) -> Run:
        """The engine, wired."""
        record = Record(journal=journal, lease=lease)
        replicas = {name: model.replicas for name, model in self.plan.models.items()}
        driver = self.driver(lease.fence)
        return Run(
            plan=self.plan,
            record=record,
            driver=driver,
            clock=self.clock,
            by="test",
            replicas=replicas,
            sources=self.sources(driver),
        )


class Rehearsal(Enactment):
    """One in milliseconds, on the made-up world."""

    def __init__(self, folder: Path, plan: Plan, *, rollout: str = "r1") -> None:
        super().__init__(folder, plan, clock=ManualClock(), rollout=rollout)

    def driver(self, fence: int | None = None) -> MemoryDriver:
        """The backend, in the hands of the holder of `fence`."""
        opening = Opening(
            service=self.plan.service,
            spec=self.plan.driver,
            models=self.plan.models,
            fence=fence,
            state=self.folder,
            clock=self.clock,
        )
        return MemoryDriver(opening)

    def sources(self, driver: Driver) -> Sources:
        """The driver itself."""
        assert isinstance(driver, MemoryDriver)
        return Sources(answers=driver, outcomes=driver)
