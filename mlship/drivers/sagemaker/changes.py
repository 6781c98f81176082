"""Changes of the endpoint, one after another: noted before, asked for, waited for, confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from mlship.drivers.balancer.ledger import Entry
from mlship.drivers.claim import Claim
from mlship.drivers.sagemaker.endpoint import VISIBLE_WITHIN, Description, Endpoint, NotDone
from mlship.drivers.sagemaker.ledger import Ledger, Pending, read_ledger, write_ledger
from mlship.drivers.sagemaker.messages import Absent, Busy, Existing, internal
from mlship.errors import ModelNotReady, OutOfReach, UsageError

T = TypeVar("T")

MOST_TRIES = 20
"""Changes that one verb may take, those that somebody else was faster with included."""

AGAIN = 2
"""Tries of an update that fails by what AWS calls its own error; any other failure would only be repeated."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One call that changes the endpoint."""

    operation: str
    parameters: Mapping[str, Any]
    met: Callable[[Description], bool]
    """The endpoint is as asked for."""
    config: str
    """The configuration that it has then."""
    entry: Entry | None = None
    """The routing that it makes live."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The right to change one endpoint, and how it is done."""

    endpoint: Endpoint
    claim: Claim

    @property
    def ledger(self) -> Ledger:
        """What was set last."""
        return read_ledger(self.claim.folder)

    def note(self, change: Callable[[Ledger], Ledger]) -> None:
        """Write into the ledger.

        Raises:
            LeaseLost: another run has taken over.
        """
        with self.claim.changing():
            before = self.ledger
            after = change(before)
            if after != before:
                write_ledger(self.claim.folder, after)

    def make(self, needed: Callable[[Description | None], Act | None]) -> Description | None:
        """Do what is needed, told by a fresh look each time, until nothing is; what the endpoint is like then.

        Raises:
            NotDone: a change has ended otherwise; the endpoint is as before it.
            Broken, OutOfReach, LeaseLost: as `Endpoint.settled`.
        """
        failed = 0
        for _ in range(MOST_TRIES):
            seen = self.endpoint.sound()
            self.reconcile(seen)
            act = needed(seen)
            if act is None:
                return seen
            try:
                self._carry_out(seen, act)
            except (Busy, Existing):
                # Somebody was faster: look again at what is there now.
                self.endpoint.clock.sleep(self.endpoint.poll)
            except NotDone as error:
                failed += 1
                if not internal(error.reason) or failed == AGAIN:
                    raise
        raise OutOfReach(
            f"endpoint {self.endpoint.name} is changed by somebody else again and again",
            hint="see who works on it; the traffic is as they have left it",
        )

    def reconcile(self, seen: Description | None) -> None:
        """Settle what a run that was cut short has left under way."""
        pending = self.ledger.pending
        if pending is not None and seen is not None and seen.config == pending.config:
            now = self.endpoint.clock.now()
            self.note(lambda ledger: _confirmed(ledger, pending.config).changed(seen.modified, now))

    def failed_meanwhile(self, seen: Description) -> None:
        """Tell of an update that has ended while nobody looked, and not as asked for.

        Raises:
            NotDone: there was one.
        """
        pending = self.ledger.pending
        if pending is None or seen.config == pending.config or seen.modified == pending.modified:
            return
        self.note(lambda ledger: replace(ledger, pending=None, intent=None))
        raise NotDone(seen.reason, seen)

    def patiently(self, call: Callable[[], T]) -> T:
        """A call that names what was just made: AWS may not know of it yet."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

        retrying = Retrying(
            sleep=self.endpoint.clock.sleep,
            stop=stop_after_delay(VISIBLE_WITHIN),
            wait=wait_fixed(min(self.endpoint.poll, 5.0)),
            retry=retry_if_exception_type(Absent),
            reraise=True,
        )
        return retrying(call)

    def _carry_out(self, seen: Description | None, act: Act) -> None:
        begun = self.endpoint.clock.now()
        pending = Pending(config=act.config, modified=seen.modified if seen else 0.0)
        self.note(lambda ledger: replace(ledger, pending=pending, intent=act.entry or ledger.intent))
        try:
            self.patiently(lambda: self._asked(act))
        except (UsageError, ModelNotReady) as error:
            # Refused: nothing is under way. What is there already may be what was asked for, its answer lost.
            if not isinstance(error, Existing):
                self.note(lambda ledger: replace(ledger, pending=None, intent=None))
            raise
        try:
            found = self.endpoint.settled(seen, act.met)
        except NotDone:
            self.note(lambda ledger: replace(ledger, pending=None, intent=None))
            raise
        ended = self.endpoint.clock.now()
        self.note(lambda ledger: replace(_confirmed(ledger, act.config), arn=found.arn).changed(begun, ended))

    def _asked(self, act: Act) -> None:
        with self.claim.changing():
            self.endpoint.aws.call("sagemaker", act.operation, EndpointName=self.endpoint.name, **act.parameters)


def _confirmed(ledger: Ledger, config: str) -> Ledger:
    before = ledger.config if ledger.config != config else ledger.before
    return replace(ledger, config=config, before=before, pending=None)
