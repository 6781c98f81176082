"""The five verbs over one SageMaker endpoint, by the weights of its variants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from mlship.drivers.abilities import SAGEMAKER
from mlship.drivers.base import Observed, ObservedModel, Opening
from mlship.drivers.claim import Claim
from mlship.drivers.ledgerfile import forget
from mlship.drivers.sagemaker.acts import Acts
from mlship.drivers.sagemaker.autoscaling import Autoscaling
from mlship.drivers.sagemaker.aws import aws_of
from mlship.drivers.sagemaker.captures import EVERY, S3Captures
from mlship.drivers.sagemaker.changes import Changes
from mlship.drivers.sagemaker.collect import Collector
from mlship.drivers.sagemaker.configs import Configs
from mlship.drivers.sagemaker.counters import Counting, Series
from mlship.drivers.sagemaker.endpoint import SERVING, Broken, Description, Endpoint, NotDone
from mlship.drivers.sagemaker.events import Role
from mlship.drivers.sagemaker.follow import Follower
from mlship.drivers.sagemaker.glance import Glance
from mlship.drivers.sagemaker.layout import Slot
from mlship.drivers.sagemaker.models import Models
from mlship.drivers.sagemaker.reading import coming, meant
from mlship.drivers.sagemaker.recorded import Recorded
from mlship.drivers.sagemaker.settings import settings_of
from mlship.drivers.sagemaker.shift import in_alarm, turned_back
from mlship.drivers.trouble import Trouble
from mlship.errors import ModelNotReady, OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import Counters
from mlship.plan.model import Model
from mlship.plan.routing import Routing
from mlship.plan.step import Step


class SagemakerDriver:
    """`Driver` over SageMaker."""

    capabilities = SAGEMAKER

    def __init__(self, opening: Opening) -> None:
        settings = settings_of(opening.spec.settings, service=opening.service)
        folder = opening.state / "sagemaker" / opening.service
        self._opening = opening
        self._settings = settings
        self._aws = aws_of(region=settings.region, profile=settings.profile, attempts=settings.attempts)
        self._follower = Follower()
        self._claim = Claim(service=opening.service, folder=folder, fence=opening.fence, clock=opening.clock)
        self._endpoint = Endpoint(
            aws=self._aws,
            name=settings.endpoint,
            clock=opening.clock,
            poll=settings.poll,
            within=settings.update_within,
            check=self._claim.check,
            watch=self._follower,
        )
        self._glance = Glance(endpoint=self._endpoint, clock=opening.clock, fresh=settings.poll)
        self._models = Models(aws=self._aws, service=opening.service, settings=settings)
        self._configs = Configs(
            aws=self._aws,
            service=opening.service,
            settings=settings,
            folder=folder / "configs",
            writes=opening.fence is not None,
        )
        self._changes = Changes(
            endpoint=self._endpoint,
            claim=self._claim,
            configs=self._configs,
            scaling=Autoscaling(aws=self._aws, endpoint=settings.endpoint),
            recorded=Recorded(opening=opening, glance=self._glance, models=self._models, configs=self._configs).ledger,
            told=self._follower.say,
        )
        self._acts = Acts(
            opening=opening, settings=settings, models=self._models, configs=self._configs, changes=self._changes
        )
        self._numbers(folder)
        if opening.fence is not None:
            self._claim.take()

    def _numbers(self, folder: Path) -> None:
        settings, clock = self._settings, self._opening.clock
        self._counting = Counting(
            aws=self._aws,
            endpoint=settings.endpoint,
            file=folder / "counters.json",
            clock=clock,
            lag=settings.metrics_lag,
        )
        self._captures = S3Captures(
            store=self._aws,
            destination=settings.capture,
            endpoint=settings.endpoint,
            folder=folder / "captures",
            clock=clock,
            every=min(EVERY, settings.capture_lag),
        )

    def observe(self) -> Observed:
        """The endpoint's variants, their instances, and the split that it really has."""
        ledger, address = self._changes.ledger, f"sagemaker:{self._settings.endpoint}"
        if ledger.new:
            return Observed(address=address)
        self._acts.must_be_here()
        seen = self._glance.look()
        if seen is not None:
            ledger = ledger.landed(seen.config)
        if seen is None:
            closed = ledger.set is not None and ledger.set.routing.closed
            return Observed(routing=ledger.set.routing if ledger.set else None, router=closed, address=address)
        layout, next_one = self._acts.layout(seen), coming(self._configs, seen)
        shift = self._changes.moving(seen)
        held = {**ledger.taken, **(ledger.coming if shift else {})}
        return Observed(
            routing=shift or meant(self._configs, ledger, seen),
            models={name: _seen(layout.holding(made), next_one.holding(made), seen) for name, made in held.items()},
            router=ledger.set is not None and seen.status in SERVING,
            address=address,
        )

    def expect(self, routing: Routing, *, insist: bool) -> None:
        """The routing that the next verbs lead to: a model that is to get copies starts as the shadow variant."""
        self._acts.expected, self._acts.insisting = routing, insist
        self._glance.forget()
        if self._changes.ledger.unscaled:
            # A run that was cut short may have left it off, and the acts that follow may find nothing to do.
            with suppress(OutOfReach):
                self._changes.scale_again(self._endpoint.find())

    def tell(self, whom: Callable[[str], None]) -> None:
        """Of a shift, which SageMaker carries out by itself, every stretch is told as it begins."""
        self._follower.whom = whom

    def ensure(self, model: str, replicas: int) -> None:
        """A variant of the model on so many instances; without users until a routing gives it some."""
        if not replicas:
            self.retire(model)
            return
        spec, before = self._spec(model), self._changes.ledger
        self._claim.check()
        try:
            needed = partial(self._acts.to_have, model=spec, replicas=replicas)
            self._making(lambda: self._changes.make(needed))
        except (NotDone, UsageError, ModelNotReady) as error:
            unborn = self._acts.unborn
            if model not in before.taken and (unborn or not isinstance(error, Broken)):
                self._changes.note(lambda ledger: self._acts.lacking(ledger, model))
            if isinstance(error, UsageError) or (isinstance(error, ModelNotReady) and not unborn):
                raise
            self._acts.clear_away()
            raise ModelNotReady(
                f"{model} did not start on endpoint {self._endpoint.name}, which is as before: {_said(error)}",
                hint="its log: CloudWatch, /aws/sagemaker/Endpoints/" + self._endpoint.name,
            ) from error
        self._changes.note(lambda ledger: self._acts.holding(ledger, spec))

    def route(self, routing: Routing) -> None:
        """All or nothing: one update, read back; refused where somebody else has changed the endpoint."""
        self._route(routing, insist=False)

    def insist(self, routing: Routing) -> None:
        """The same whatever somebody else has set, and whatever was under way: that is waited for.

        Raises:
            RoutingRefused: AWS did not do it.
            OutOfReach: AWS does not answer, or does not end.
        """
        self._route(routing, insist=True)

    def measure(self) -> Counters:
        """The variants' numbers out of CloudWatch, whole final minutes only."""
        seen = self._glance.look()
        if seen is None or seen.status not in SERVING:
            state = f"is {seen.status}" if seen else "is not there"
            raise OutOfReach(f"endpoint {self._endpoint.name} {state}", hint="`mlship doctor` says what is there")
        series = {role.model: Series(variant=name) for name, role in self._roles(seen).items()}
        changes = [(each.begun, each.ended) for each in self._changes.ledger.changes]
        return self._counting.read(series, changes, born=seen.created)

    @property
    def late(self) -> float:
        """Seconds after an answer in which AWS may still bring its line."""
        return self._settings.capture_lag

    def captures(self) -> Path:
        """The folder here with the lines that data capture has left in S3."""
        return self._captures.folder

    def rotate(self) -> None:
        """Bring what is new of them; needs no fencing number."""
        seen, ledger = self._glance.look(), self._changes.ledger
        if not self._settings.capture or seen is None:
            return
        wanted = ledger.set.routing.capture if ledger.set else None
        since = ledger.changes[-1].ended if ledger.changes else 0.0
        self._captures.fetch(self._roles(seen), since=since, bodies=wanted is not None and wanted.request)

    def retire(self, model: str) -> None:
        """Take the model's variant out of the endpoint; its SageMaker Model stays as long as it is a way back."""
        self._claim.check()
        made = self._changes.ledger.taken.get(model)
        if made is None:
            return
        try:
            needed = partial(self._acts.to_lack, model=model, made=made)
            self._making(lambda: self._changes.make(needed))
        except NotDone as error:
            raise OutOfReach(f"{model} could not be taken away: {error.said}", hint="try again") from error
        self._changes.note(lambda ledger: self._acts.lacking(ledger, model))
        self._collector.tidy(self._changes.ledger, models=self._opening.models.values())

    def troubles(self, *, fence: int, held: bool) -> Iterator[Trouble]:
        """What of the account and the endpoint stands in the way of the next change."""
        from mlship.drivers.sagemaker.doctor import examine

        del fence, held
        return examine(self._endpoint, self._settings, self._changes.ledger, self._changes.scaling)

    def shortages(self, steps: Sequence[Step]) -> Iterator[str]:
        """What the account's quotas do not allow of these steps."""
        from mlship.drivers.sagemaker.quotas import shortages

        return shortages(self._aws, steps, self._opening.models, instance_type=self._settings.instance_type)

    def shutdown(self) -> None:
        """Delete the endpoint that mlship has made, and all of its own; one that was there before goes on as it is."""
        self._claim.check()
        ledger = self._changes.ledger
        if ledger.made:
            self._making(self._acts.delete)
        with self._claim.changing():
            forget(self._claim.folder)
        if ledger.made:
            self._collector.tidy(replace(ledger, config="", before=""), models=())

    @property
    def _collector(self) -> Collector:
        return Collector(aws=self._aws, service=self._opening.service, models=self._models, configs=self._configs)

    def _route(self, routing: Routing, *, insist: bool) -> None:
        self._acts.insisting = self._acts.insisting or insist
        try:
            change = self._acts.close if routing.closed else self._acts.route
            self._making(lambda: change(routing), follow=bool(routing.shift))
        except NotDone as error:
            if routing.shift:
                raise turned_back(self._endpoint.name, error, in_alarm(self._aws, routing.shift.alarms)) from error
            raise RoutingRefused(
                f"endpoint {self._endpoint.name} was rolled back to what it had before: {error.said}",
                hint="the routing before is live; see CloudWatch, /aws/sagemaker/Endpoints/" + self._endpoint.name,
            ) from error
        finally:
            self._acts.expected, self._acts.insisting = None, False

    def _making(self, change: Callable[[], object], *, follow: bool = False) -> None:
        self._claim.check()
        self._acts.must_be_here()
        pending = self._changes.ledger.pending
        try:
            with self._follower.following(wanted=follow or (pending is not None and pending.landing is not None)):
                change()
        finally:
            self._glance.forget()

    def _roles(self, seen: Description) -> Mapping[str, Role]:
        """Variant → mlship's model, and whether users see its answers."""
        names = {made: name for name, made in self._changes.ledger.taken.items()}
        slots = self._acts.layout(seen).slots
        return {slot.name: Role(model=names[slot.model], shadow=slot.shadow) for slot in slots if slot.model in names}

    def _spec(self, model: str) -> Model:
        if model not in self._opening.models:
            known = ", ".join(sorted(self._opening.models)) or "none"
            raise UsageError(f"the plan has no model named {model!r}", hint=f"its models: {known}")
        return self._opening.models[model]


def _said(error: NotDone | ModelNotReady) -> str:
    return error.said if isinstance(error, NotDone) else error.message


def _seen(slot: Slot | None, coming: Slot | None, seen: Description) -> ObservedModel:
    """Instances of a variant; one that an update is bringing runs already, and serves nobody yet."""
    if slot is None:
        return ObservedModel(running=(coming.count or 1) if coming else 0)
    there = 1 if slot.count is None else seen.counts.get(slot.name, 0)
    return ObservedModel(running=there, ready=there if seen.status in SERVING else 0)
