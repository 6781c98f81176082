"""What mlship has set last: what the endpoint has is compared with it, and a change by somebody else is seen."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from mlship.drivers.balancer.ledger import Entry
from mlship.drivers.sagemaker.autoscaling import Scaled

MOST_CHANGES = 200


class Landing(msgspec.Struct, frozen=True, kw_only=True):
    """What is so once a change has ended well that puts another model into a variant: its weights do not tell."""

    entry: Entry
    """Its routing has the shift that leads there."""
    taken: dict[str, str]
    """As in the ledger."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was asked for, and whose end nobody has seen yet."""

    config: str
    """The configuration that the endpoint is to have then."""
    modified: float
    """The endpoint's last change before it, in seconds since the epoch."""
    asked: float = 0.0
    """When it was asked for, in seconds since the epoch."""
    within: float = 0.0
    """Most seconds that it may take; 0: as long as any."""
    landing: Landing | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which the endpoint's traffic moved; its numbers belong to neither side."""

    begun: float
    ended: float


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, for one service. No secret is ever in there."""

    set: Entry | None = None
    """The routing that was confirmed last."""
    intent: Entry | None = None
    """What was being set when a run was cut short."""
    taken: dict[str, str] = {}
    """mlship's models that have a variant → their SageMaker Models."""
    config: str = ""
    """The configuration that was confirmed last."""
    pending: Pending | None = None
    before: str = ""
    """The configuration before that one."""
    arn: str = ""
    """The endpoint's, with its account and region."""
    made: bool = False
    """mlship has made the endpoint, and may delete it."""
    unscaled: tuple[Scaled, ...] = ()
    """Autoscaling that was switched off for a change; it comes back with the variant."""
    changes: tuple[Change, ...] = ()
    """The latest ones, oldest first."""

    @property
    def new(self) -> bool:
        """mlship has never worked with the endpoint."""
        return self.set is None and not self.taken

    def explains(self, split: str, config: str) -> Entry | None:
        """What mlship meant by what was found; None: it is not mlship's."""
        if config not in {self.config, self.pending.config if self.pending else self.config}:
            return None
        return next((entry for entry in (self.set, self.intent) if entry and entry.value == split), None)

    @property
    def coming(self) -> dict[str, str]:
        """Models that a change under way is to bring, as in `taken`."""
        return self.pending.landing.taken if self.pending and self.pending.landing else {}

    def landed(self, config: str) -> Ledger:
        """As it is when the endpoint has come to this configuration."""
        pending = self.pending
        if pending is None or pending.config != config:
            return self
        before = self.config if self.config != config else self.before
        there = replace(self, config=config, before=before, pending=None)
        if pending.landing is None:
            return there
        entry = replace(pending.landing.entry, routing=pending.landing.entry.routing.reached)
        return replace(there, set=entry, intent=None, taken=pending.landing.taken)

    def changed(self, begun: float, ended: float) -> Ledger:
        """With one more change."""
        return replace(self, changes=(*self.changes, Change(begun=begun, ended=ended))[-MOST_CHANGES:])
