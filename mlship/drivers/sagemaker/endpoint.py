"""The endpoint and its states. `InService` alone says nothing: a failed update ends there, too.

Waiting is our own: AWS's waiters end after an hour, and take a rolled back update for a success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from mlship.clock import Clock
from mlship.drivers.sagemaker.aws import Aws
from mlship.drivers.sagemaker.messages import Absent
from mlship.errors import ModelNotReady, OutOfReach, RoutingRefused
from mlship.metrics.amazon import NoAccess

BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
"""States in which no change is taken."""

MOVING = frozenset({"Creating", "Updating", "RollingBack"})
"""States in which what it has is not what it will have."""

MIXED = "UpdateRollbackFailed"
"""Instances of the old and of the new configuration serve side by side."""

SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack", MIXED})

VISIBLE_WITHIN = 90.0
"""Seconds in which a change that was asked for may not be seen yet: AWS's reads are late."""

BLIND_WITHIN = 300.0
"""Seconds that a wait goes on without an answer."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What AWS says of an endpoint; times in seconds since the epoch."""

    status: str
    config: str
    arn: str
    created: float
    modified: float
    reason: str = ""
    """Why the last change failed; AWS may leave it empty."""
    weights: Mapping[str, float] = msgspec.field(default_factory=dict)
    """By variant, as they are now; shadows too."""
    asked: Mapping[str, float] = msgspec.field(default_factory=dict)
    """By variant, as they are to be."""
    counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Instances by variant, as they are now."""
    wanted: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Instances by variant, as they are to be."""
    pending: str = ""
    """The configuration that it is moving to."""
    phase: str = ""
    """Of that move, as AWS calls it: the status of the first variant."""


class NotDone(Exception):
    """A change has ended, and not as it was asked for; `reason` is AWS's, and may be empty."""

    def __init__(self, reason: str, found: Description | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.found = found

    @property
    def said(self) -> str:
        """The reason in words."""
        return f"AWS says: {self.reason}" if self.reason else "AWS gives no reason"


class Stuck(RoutingRefused):
    """A change does not end, or is not seen to begin: waiting for it once more would take as long again."""


class Broken(ModelNotReady):
    """The endpoint is in a state from which it does not come back by itself."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint, by its name."""

    aws: Aws
    name: str
    clock: Clock
    poll: float
    """Seconds between two looks while something is under way."""
    within: float
    """Most seconds that a change may take."""
    check: Callable[[], None]
    """Called before every look of a wait; raises where it must end."""
    watch: Callable[[Description], None] = lambda _: None
    """Called with all that a wait sees."""

    def find(self) -> Description | None:
        """What AWS says of it now; None: it is not there.

        Raises:
            OutOfReach: AWS does not answer.
        """
        try:
            return described(self.aws.call("sagemaker", "describe_endpoint", EndpointName=self.name))
        except Absent:
            return None

    def idle(self, *, within: float = 0.0) -> Description | None:
        """Wait until it takes a change: AWS's own maintenance, and changes of others, are waited for.

        `within`: seconds, where it may take longer than changes usually do.

        Raises:
            Stuck: it is busy for too long.
            LeaseLost: another run took over meanwhile.
        """
        return self._until(
            lambda seen: seen is None or seen.status not in BUSY, what="another change of it", within=within
        )

    def sound(self, *, within: float = 0.0) -> Description | None:
        """As `idle`, where it is in a state that changes can start from.

        Raises:
            Broken: it is not, and does not come back by itself.
        """
        seen = self.idle(within=within)
        if seen is not None and seen.status != "InService":
            raise broken(self.name, seen)
        return seen

    def settled(
        self, before: Description | None, met: Callable[[Description], bool], *, within: float = 0.0
    ) -> Description:
        """Wait for a change that was asked for: seen to start, ended, and `met`.

        Raises:
            NotDone: it ended otherwise; the endpoint is as it was before.
            Broken: it ended in a state from which the endpoint does not come back by itself.
            Stuck: it does not end, or was never seen to start.
        """
        asked = self.clock.now()

        def over(seen: Description | None) -> bool:
            if seen is None:
                return self._late(asked)
            if seen.status in BUSY:
                return False
            return met(seen) or started(before, seen) or self._late(asked)

        seen = self._until(over, what="the change", within=within)
        if seen is not None and seen.status == "InService" and met(seen):
            return seen
        if seen is None or not started(before, seen):
            hint = "nothing was changed; try again, or look at it: aws sagemaker describe-endpoint"
            raise Stuck(f"endpoint {self.name} was not seen to change within {VISIBLE_WITHIN:g} s", hint=hint)
        if seen.status != "InService":
            raise broken(self.name, seen)
        raise NotDone(seen.reason, seen)

    def gone(self) -> None:
        """Wait until nothing of that name is there.

        Raises:
            Stuck: it does not go.
        """
        self._until(lambda seen: seen is None, what="its deletion")

    def _late(self, asked: float) -> bool:
        return self.clock.now() - asked > VISIBLE_WITHIN

    def _until(
        self, over: Callable[[Description | None], bool], *, what: str, within: float = 0.0
    ) -> Description | None:
        begun = answered = self.clock.now()
        most = max(self.within, within)
        while True:
            self.check()
            try:
                seen = self.find()
                answered = self.clock.now()
                if seen is not None:
                    self.watch(seen)
                if over(seen):
                    return seen
            except NoAccess:
                raise
            except OutOfReach:
                # What is under way goes on without us: one look without an answer is none.
                if self.clock.now() - answered > BLIND_WITHIN:
                    raise
            if self.clock.now() - begun > most:
                raise Stuck(
                    f"endpoint {self.name} has been waiting for {what} for {most:g} s",
                    hint="AWS goes on by itself: `mlship resume` waits on, `update-within` says for how long",
                )
            self.clock.sleep(self.poll)


def started(before: Description | None, now: Description) -> bool:
    """A change asked for at `before` is under way, or has ended: right after it AWS may still tell the old state."""
    if before is None:
        return True
    return (
        now.status != "InService" or bool(now.pending) or now.modified != before.modified or now.config != before.config
    )


def broken(name: str, seen: Description) -> Broken:
    """What to raise for a state that changes cannot start from, with the way out of it."""
    said = f": {seen.reason}" if seen.reason else ", and AWS gives no reason"
    ways = {
        "Failed": f"only its deletion is left: `aws sagemaker delete-endpoint --endpoint-name {name}`, then "
        "`mlship rollback` makes it anew with the live model",
        MIXED: f"old and new instances serve side by side: once its cause is gone, `aws sagemaker "
        f"update-endpoint --endpoint-name {name} --endpoint-config-name {seen.config}`, then `mlship rollback`",
    }
    hint = ways.get(
        seen.status, f"see `aws sagemaker describe-endpoint --endpoint-name {name}`, then `mlship rollback`"
    )
    return Broken(f"endpoint {name} is {seen.status}{said}", hint=hint)


def described(told: Mapping[str, Any]) -> Description:
    """The description in an answer of AWS."""
    variants = [*told.get("ProductionVariants", ()), *told.get("ShadowProductionVariants", ())]
    pending = told.get("PendingDeploymentSummary", {})
    return Description(
        status=told["EndpointStatus"],
        # Absent while an endpoint is made with a configuration that was deleted.
        config=told.get("EndpointConfigName", ""),
        arn=told["EndpointArn"],
        created=told["CreationTime"].timestamp(),
        modified=told["LastModifiedTime"].timestamp(),
        reason=" ".join(told.get("FailureReason", "").split()),
        weights=_numbers(variants, "CurrentWeight"),
        asked=_numbers(variants, "DesiredWeight"),
        counts=_numbers(variants, "CurrentInstanceCount"),
        wanted=_numbers(variants, "DesiredInstanceCount"),
        pending=pending.get("EndpointConfigName", ""),
        phase=_phase(pending.get("ProductionVariants", ())),
    )


def _phase(variants: Sequence[Mapping[str, Any]]) -> str:
    told = [status["Status"] for variant in variants for status in variant.get("VariantStatus", ())]
    return str(told[0]) if told else ""


def _numbers(variants: list[Mapping[str, Any]], key: str) -> dict[str, Any]:
    return {told["VariantName"]: told[key] for told in variants if key in told}
