"""Changes of the endpoint, one after another: noted before, asked for, waited for, confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from mlship.drivers.balancer.ledger import Entry
from mlship.drivers.claim import Claim
from mlship.drivers.ledgerfile import read_ledger, write_ledger
from mlship.drivers.sagemaker.autoscaling import Autoscaling, Scaled, affected
from mlship.drivers.sagemaker.configs import Configs
from mlship.drivers.sagemaker.endpoint import BUSY, VISIBLE_WITHIN, Description, Endpoint, NotDone
from mlship.drivers.sagemaker.ledger import Landing, Ledger, Pending
from mlship.drivers.sagemaker.messages import Absent, Busy, Existing, internal
from mlship.errors import MlshipError, ModelNotReady, OutOfReach, UsageError
from mlship.plan.routing import Routing

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
    landing: Landing | None = None
    """What is so then, where the weights do not tell."""
    within: float = 0.0
    """Most seconds that it may take, where that is longer than usual."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The right to change one endpoint, and how it is done."""

    endpoint: Endpoint
    claim: Claim
    configs: Configs
    scaling: Autoscaling
    recorded: Callable[[], Ledger] = Ledger
    """What a ledger that is not here would say, as far as others know."""
    told: Callable[[str], None] = lambda _: None
    """Called with what went wrong beside the change itself."""

    @property
    def ledger(self) -> Ledger:
        """What was set last."""
        ledger = read_ledger(self.claim.folder, Ledger)
        return self.recorded() if ledger == Ledger() else ledger

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
            pending = self.ledger.pending
            seen = self.endpoint.sound(within=pending.within if pending else 0.0)
            if self.moving(seen) is not None:
                # Asked for by a run that was cut short, and not seen yet: it may still begin.
                self.endpoint.clock.sleep(self.endpoint.poll)
                continue
            self.reconcile(seen)
            self.scale_again(seen)
            try:
                act = needed(seen)
                if act is None:
                    return seen
                self._carry_out(seen, act)
            except (Busy, Existing):
                # Somebody was faster: look again at what is there now.
                self.endpoint.clock.sleep(self.endpoint.poll)
            except NotDone as error:
                self.scale_again(error.found)
                failed += 1
                if not internal(error.reason) or failed == AGAIN:
                    raise
            except (UsageError, ModelNotReady):
                # Refused: autoscaling may have been switched off for it.
                self.scale_again(seen)
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
            self.note(lambda ledger: ledger.landed(pending.config).changed(seen.modified, now))

    def scale_again(self, seen: Description | None) -> None:
        """Switch autoscaling on again for the variants that are there; what cannot be stays noted, and is told."""
        for each in self.ledger.unscaled if seen is not None and seen.status == "InService" else ():
            if seen is None or each.variant not in seen.wanted:
                continue
            try:
                self.scaling.restore(each)
            except MlshipError as error:
                self.told(f"autoscaling of variant {each.variant} is still off: {error.message}")
                continue
            self.note(partial(_without, done=each))

    def moving(self, seen: Description | None) -> Routing | None:
        """The routing that SageMaker may be bringing about by itself, with its shift; None: it is not."""
        pending = self.ledger.pending
        if pending is None or pending.landing is None or seen is None or seen.config == pending.config:
            return None
        unseen = seen.modified == pending.modified and self.endpoint.clock.now() - pending.asked < VISIBLE_WITHIN
        return pending.landing.entry.routing if seen.status in BUSY or unseen else None

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
        self._unscale(seen, act)
        begun = self.endpoint.clock.now()
        modified = seen.modified if seen else 0.0
        pending = Pending(config=act.config, modified=modified, asked=begun, within=act.within, landing=act.landing)
        self.note(lambda ledger: replace(ledger, pending=pending, intent=act.entry or ledger.intent))
        self._ask(act)
        try:
            found = self.endpoint.settled(seen, act.met, within=act.within)
        except NotDone:
            back = self.endpoint.clock.now()
            self.note(lambda ledger: replace(ledger, pending=None, intent=None).changed(begun, back))
            raise
        ended = self.endpoint.clock.now()
        self.note(lambda ledger: replace(ledger.landed(act.config), arn=found.arn).changed(begun, ended))

    def _unscale(self, seen: Description | None, act: Act) -> None:
        """Switch autoscaling off where AWS would refuse the change; noted before, so that it comes back."""
        coming = self.configs.asked.get(act.config)
        if seen is None or coming is None or act.config == seen.config:
            return
        scaled = self.scaling.of(affected(self.configs.read(seen.config), coming))
        if scaled:
            self.note(lambda ledger: replace(ledger, unscaled=(*ledger.unscaled, *scaled)))
            self.scaling.release(scaled)

    def _ask(self, act: Act) -> None:
        try:
            self.patiently(lambda: self._asked(act))
        except (UsageError, ModelNotReady) as error:
            # Refused: nothing is under way. What is there already may be what was asked for, its answer lost.
            if not isinstance(error, Existing):
                self.note(lambda ledger: replace(ledger, pending=None, intent=None))
            raise

    def _asked(self, act: Act) -> None:
        with self.claim.changing():
            self.endpoint.aws.call("sagemaker", act.operation, EndpointName=self.endpoint.name, **act.parameters)


def _without(ledger: Ledger, done: Scaled) -> Ledger:
    return replace(ledger, unscaled=tuple(each for each in ledger.unscaled if each != done))
