"""An endpoint over time: what is under way, when its next stretch ends, and how it ends.

Documented: the statuses and which follow which; that a rolled-back update is InService with its old configuration;
that nothing but describing and invoking goes on meanwhile. Our reading: that a rollback passes through RollingBack,
the texts of FailureReason, that every alarm is looked at each minute and when it changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from tests.emulators.sagemaker.deployment import Phase
from tests.emulators.sagemaker.fleet import Fleet
from tests.emulators.sagemaker.settings import Outcome, Settings

UNHEALTHY = (
    "The primary container for production variant {} did not pass the ping health check."
    " Please check CloudWatch logs for this endpoint."
)
TRIPPED = (
    "One or more configured alarms transitioned into ALARM state during the update: {}. The update was rolled back."
)
TIMED_OUT = "The update did not complete within the MaximumExecutionTimeoutInSeconds. The update was rolled back."


class Update(msgspec.Struct, kw_only=True):
    """What is under way; `new` is None where no other configuration comes."""

    kind: str
    """create, update, weights, rollback, delete or system."""
    phases: list[Phase]
    new: Fleet | None = None
    policy: dict[str, Any] | None = None
    outcome: Outcome | None = None
    alarms: list[str] = []
    extra: dict[str, int] = {}
    """Instances by type that it needs beside those that serve."""
    began: float
    entered: float
    """When the phase began."""
    looked: float = 0.0
    """When the alarms were last looked at."""
    deadline: float = math.inf
    place: int = 0

    @property
    def phase(self) -> Phase:
        """The stretch that is under way."""
        return self.phases[self.place]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What an endpoint asks the rest of the account."""

    settings: Settings
    breaching: Callable[[list[str], float], list[str]]
    """Which of these alarms are in ALARM at that time."""
    unhealthy: Callable[[Fleet], str | None]
    """The first variant whose model does not answer."""


class Endpoint(msgspec.Struct, kw_only=True):
    """An endpoint as it is now; `settle` brings it up to a time."""

    name: str
    arn: str
    created: float
    modified: float
    status: str
    fleet: Fleet
    """What serves, or is to serve first."""
    update: Update | None = None
    failure: str | None = None
    policy: dict[str, Any] | None = None
    """DeploymentConfig of the last finished update, or of the creation."""
    mixed: Fleet | None = None
    """What else serves after a failed rollback."""
    former: list[dict[str, Any]] = []
    """Answers that the next DescribeEndpoint give although they are no longer so."""
    gone: bool = False

    @property
    def busy(self) -> bool:
        """Whether it refuses to be changed."""
        return self.update is not None

    def instances(self) -> dict[str, int]:
        """Instances by type, those of an update under way too."""
        found = self.fleet.instances()
        for kind, count in (self.update.extra if self.update is not None else {}).items():
            found[kind] = found.get(kind, 0) + count
        return found

    def share(self) -> float:
        """Of the traffic that goes to the fleet that is not yet `fleet`, 0..1."""
        if self.mixed is not None:
            return 0.5
        return self.update.phase.share if self.update is not None and self.update.new is not None else 0.0

    def other(self) -> Fleet | None:
        """The fleet that gets that share."""
        return self.mixed or (self.update.new if self.update is not None else None)

    def begin(self, update: Update, status: str) -> None:
        """From now on it is busy."""
        self.update, self.status, self.modified = update, status, update.began

    def settle(self, now: float, watch: Watch) -> None:
        """Let everything happen that happens until now, in its order."""
        while self.update is not None and (due := self._next(watch.settings)) <= now:
            self._happen(due, watch)
        if self.update is not None and self._tripped(now, watch):
            self.settle(now, watch)

    def _next(self, settings: Settings) -> float:
        assert self.update is not None
        every = settings.seconds(settings.timings.alarm)
        check = max(self.update.looked, self.update.began) + every if self.update.alarms else math.inf
        return min(self._end(settings), check, self.update.deadline)

    def _end(self, settings: Settings) -> float:
        assert self.update is not None
        if self._struck() and self.update.outcome is not None and self.update.outcome.kind == "stuck":
            return math.inf
        return self.update.entered + settings.seconds(self.update.phase.seconds)

    def _struck(self) -> bool:
        """Whether the scripted outcome happens at the end of this phase."""
        update = self.update
        if update is None or update.outcome is None:
            return False
        statuses = [phase.status for phase in update.phases]
        wanted = update.outcome.after
        return update.place == (statuses.index(wanted) if wanted in statuses else 0)

    def _happen(self, due: float, watch: Watch) -> None:
        assert self.update is not None
        self.update.looked = due
        if self._tripped(due, watch):
            return
        if due >= self.update.deadline:
            self._roll_back(due, TIMED_OUT, watch.settings)
        elif due >= self._end(watch.settings):
            self._leave(due, watch)

    def _tripped(self, now: float, watch: Watch) -> bool:
        assert self.update is not None
        if self.update.kind != "update" or not self.update.alarms:
            return False
        breaching = watch.breaching(self.update.alarms, now)
        if breaching:
            self._roll_back(now, TRIPPED.format(breaching), watch.settings)
        return bool(breaching)

    def _leave(self, now: float, watch: Watch) -> None:
        assert self.update is not None
        if self._struck():
            self._strike(now, watch.settings)
            return
        if self.update.phase.status == "Creating" and self.update.new is not None:
            unhealthy = watch.unhealthy(self.update.new)
            if unhealthy is not None:
                self._fail(now, UNHEALTHY.format(unhealthy), watch.settings)
                return
        self.update.place += 1
        self.update.entered = self.modified = now
        if self.update.place == len(self.update.phases):
            self._finish(now)

    def _fail(self, now: float, reason: str | None, settings: Settings) -> None:
        assert self.update is not None
        if self.update.kind == "create":
            self._end_as("Failed", now, reason)
        else:
            self._roll_back(now, reason, settings)

    def _strike(self, now: float, settings: Settings) -> None:
        assert self.update is not None
        outcome = self.update.outcome
        assert outcome is not None
        match outcome.kind:
            case "failed":
                self._end_as("Failed", now, outcome.reason)
            case "rollback-failed":
                self.mixed = self.update.new
                self._end_as("UpdateRollbackFailed", now, outcome.reason)
            case _:
                self._fail(now, outcome.reason, settings)

    def _roll_back(self, now: float, reason: str | None, settings: Settings) -> None:
        for variant in (*self.fleet.variants, *self.fleet.shadows):
            variant.wanted_weight, variant.wanted_count = variant.weight, variant.count
        self.failure = reason
        back = Phase(status="Updating", seconds=settings.timings.rollback, share=0.0)
        self.begin(Update(kind="rollback", phases=[back], began=now, entered=now), "RollingBack")

    def _end_as(self, status: str, now: float, reason: str | None) -> None:
        self.update, self.status, self.failure, self.modified = None, status, reason, now

    def _finish(self, now: float) -> None:
        update = self.update
        assert update is not None
        if update.kind == "delete":
            self.update, self.gone = None, True
            return
        if update.new is not None:
            self.fleet, self.policy = update.new, update.policy
            self.mixed = None
        self.fleet.arrive()
        self._end_as("InService", now, self.failure if update.kind in {"rollback", "system"} else None)
