"""Which act comes next, from what the endpoint has now to what a verb asks for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec.structs import replace

from mlship.drivers.balancer.ledger import Entry
from mlship.drivers.base import Opening
from mlship.drivers.sagemaker import names
from mlship.drivers.sagemaker.changes import Act, Changes
from mlship.drivers.sagemaker.configs import Configs
from mlship.drivers.sagemaker.endpoint import Description
from mlship.drivers.sagemaker.guardrails import Guardrails
from mlship.drivers.sagemaker.layout import Layout, Slot, captured, layout_of, spec_of
from mlship.drivers.sagemaker.ledger import Ledger
from mlship.drivers.sagemaker.messages import Absent, Busy
from mlship.drivers.sagemaker.models import Models, same
from mlship.drivers.sagemaker.requests import created, sized, updated, weighed
from mlship.drivers.sagemaker.said import changed, first, foreign
from mlship.drivers.sagemaker.settings import Settings
from mlship.errors import RoutingRefused, UsageError
from mlship.plan.model import Model
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.rule import drawn_alone
from mlship.plan.sagemaker.course import NO_HEADERS, PICKS, picks


class Acts:
    """The next act of each verb."""

    def __init__(
        self, *, opening: Opening, settings: Settings, models: Models, configs: Configs, changes: Changes
    ) -> None:
        self._opening = opening
        self._settings = settings
        self._models = models
        self._configs = configs
        self._changes = changes
        self._guardrails = Guardrails(
            opening=opening, settings=settings, models=models, configs=configs, changes=changes
        )
        self.expected: Routing | None = None
        """The routing that the verbs now lead to; None: nobody has said."""
        self.insisting = False
        """What somebody else has set is no reason to stop."""

    def layout(self, seen: Description) -> Layout:
        """What the endpoint really has."""
        return layout_of(self._configs.read(seen.config), weights=seen.weights, counts=seen.wanted)

    def to_have(self, seen: Description | None, model: Model, replicas: int) -> Act | None:
        """Towards a variant of the model on so many instances."""
        if seen is None:
            return self._created({model.name: replicas}, {model.name: WHOLE}, routing=None)
        layout, shadow = self.layout(seen), self._copies(model.name)
        slot = layout.holding(self._models.name_of(model))
        if slot is not None and slot.shadow == bool(shadow):
            return self._sized(slot, model, replicas, seen)
        self._must_be_ours(seen, layout, wanted=layout.split, starts=model.name)
        target, entry = self._with(layout, slot, model, replicas), None
        if shadow and self.expected is not None:
            # Copies, and what is kept of them, come with the variant: one update instead of two.
            target = replace(target, rest=self._rest(target, self.expected))
            entry = Entry(routing=self.expected, value=target.split)
        # Noted before: what is under way when a run is cut short can be found, and taken away again.
        self._changes.note(lambda ledger: ledger if model.name in ledger.taken else self.holding(ledger, model))
        return updated(self._provided(target), entry=entry)

    def to_lack(self, seen: Description | None, model: str, made: str) -> Act | None:
        """Towards no variant of the model."""
        if seen is None:
            return None
        layout = self.layout(seen)
        slot = layout.holding(made)
        if slot is None:
            return None
        if layout.shares.get(slot.name):
            raise UsageError(f"{model} still gets traffic", hint="route it away first; nothing was changed")
        self._must_be_ours(seen, layout, wanted=layout.split)
        return updated(self._provided(layout.lacking([slot.name])))

    def route(self, routing: Routing) -> None:
        """Make it live; a rule can only be that callers pick a variant by its name.

        Raises:
            NotDone: AWS has rolled it back.
            RoutingRefused: somebody else has changed the endpoint, or a model has no variant.
        """
        if drawn_alone(routing.rules) is None and not all(map(picks, routing.rules)):
            raise RoutingRefused(f"{NO_HEADERS}: no rule but one that picks a variant can be followed", hint=PICKS)
        seen = self._changes.make(lambda now: self._towards(routing, now))
        assert seen is not None
        entry = Entry(routing=routing.reached, value=self.layout(seen).split)
        self._changes.note(lambda ledger: self._set(ledger, entry, seen))

    def close(self, routing: Routing) -> None:
        """Delete the endpoint: what is announced as a downtime."""
        entry = Entry(routing=routing, value="")
        self._changes.note(lambda ledger: replace(ledger, intent=entry))
        self.delete()
        self._changes.note(lambda ledger: replace(ledger, set=entry, intent=None))

    def delete(self) -> None:
        """Delete the endpoint, once it takes that; it is gone afterwards."""
        endpoint = self._changes.endpoint
        while (endpoint.idle()) is not None:
            try:
                with self._changes.claim.changing():
                    endpoint.aws.call("sagemaker", "delete_endpoint", EndpointName=endpoint.name)
                endpoint.gone()
            except Absent:
                break
            except Busy:
                endpoint.clock.sleep(endpoint.poll)
        self._changes.note(lambda ledger: replace(ledger, taken={}, config="", pending=None))

    def holding(self, ledger: Ledger, model: Model) -> Ledger:
        """The ledger with the model among those that have a variant."""
        return replace(ledger, taken={**ledger.taken, model.name: self._models.name_of(model)})

    @staticmethod
    def lacking(ledger: Ledger, model: str) -> Ledger:
        """The ledger without it."""
        return replace(ledger, taken={name: made for name, made in ledger.taken.items() if name != model})

    @property
    def unborn(self) -> bool:
        """mlship has made the endpoint, and it has never served."""
        ledger = self._changes.ledger
        return ledger.made and not ledger.config

    def clear_away(self) -> None:
        """Delete an endpoint that never served: nothing else leads out of `Failed`."""
        if self.unborn:
            self.delete()

    def must_be_here(self) -> None:
        """The calls go where the endpoint is known to be.

        Raises:
            UsageError: they go to another region.
        """
        arn = self._changes.ledger.arn
        region = arn.split(":")[3] if arn else ""
        if region and region != self._configs.aws.region:
            raise UsageError(
                f"endpoint {self._settings.endpoint} is in {region}, and the calls go to {self._configs.aws.region}",
                hint=f"say `region: {region}` in the plan's driver, or set AWS_REGION",
            )

    def _is_drifted(self, seen: Description) -> bool:
        """The split is as asked for, on a configuration that somebody else has set."""
        ledger = self._changes.ledger
        return not self.insisting and bool(ledger.config) and ledger.config != seen.config

    def _towards(self, routing: Routing, seen: Description | None) -> Act | None:
        if seen is None:
            counts = {
                name: self._opening.models[name].replicas for name in routing.models if name in self._opening.models
            }
            return self._created(counts, routing.asked, routing=routing)
        layout = self.layout(seen)
        if routing.shift:
            ours = partial(self._must_be_ours, seen, layout, wanted=layout.split)
            return self._guardrails.towards(routing, layout, ours)
        target = self._target(layout, routing)
        entry = Entry(routing=routing, value=target.split)
        if target.alike(layout) and target.split == layout.split and not self._is_drifted(seen):
            return None
        self._must_be_ours(seen, layout, wanted=target.split)
        if not target.alike(layout):
            return updated(self._provided(target), entry=entry)
        return weighed(target, config=seen.config, entry=entry) if target.split != layout.split else None

    def _target(self, layout: Layout, routing: Routing) -> Layout:
        for name in sorted(routing.models - self._slots(layout).keys()) if self.insisting else ():
            # What was just seen to be there may have been on its way out.
            layout = self._with(layout, None, self._opening.models[name], self._opening.models[name].replicas)
        slots = self._slots(layout)
        missing = sorted(routing.models - slots.keys())
        if missing:
            hint = "the routing before is still live; bring the model up first"
            raise RoutingRefused(
                f"endpoint {self._settings.endpoint} has no variant of {', '.join(missing)}", hint=hint
            )
        copies = {slots[mirror.model]: mirror.share for mirror in routing.mirrors}
        shares = {slots[name]: share for name, share in routing.asked.items()}
        if self.insisting:
            layout = layout.lacking(
                slot.name for slot in layout.slots if slot.shadow and slot.name not in {*copies, *shares}
            )
        return replace(layout.weighing(shares, copies), rest=self._rest(layout, routing))

    def _slots(self, layout: Layout) -> Mapping[str, str]:
        """mlship's model → its variant."""
        made = {name: self._models.name_of(model) for name, model in self._opening.models.items()}
        held = {**made, **self._changes.ledger.taken}
        return {name: slot.name for name, told in held.items() if (slot := layout.holding(told))}

    def _rest(self, layout: Layout, routing: Routing) -> Mapping[str, object]:
        kept = captured(routing.capture, to=self._settings.capture)
        there = layout.rest.get("DataCaptureConfig")
        others = {key: value for key, value in layout.rest.items() if key != "DataCaptureConfig"}
        if kept and there is not None and same(kept["DataCaptureConfig"], there):
            return layout.rest
        ours = there is not None and there.get("DestinationS3Uri") == self._settings.capture
        return {**others, **kept} if kept or ours else layout.rest

    def _with(self, layout: Layout, slot: Slot | None, model: Model, replicas: int) -> Layout:
        """The layout with a variant of the model, at no weight but copies; one of an older definition gives way."""
        ledger, shadow = self._changes.ledger, self._copies(model.name)
        made = self._changes.patiently(lambda: self._models.provide(model))
        before = slot or layout.holding(ledger.taken.get(model.name, ""))
        name = before.name if before else names.slot(model.name, {each.name for each in layout.slots})
        spec = spec_of(model, instance_type=self._settings.instance_type)
        count = None if "ServerlessConfig" in spec else replicas
        added = layout.having(Slot(name=name, model=made, count=count, spec=spec))
        copies = {slot.name: share for slot in added.slots if (share := layout.mirrored.get(slot.name)) is not None}
        target = added.weighing(layout.shares, {name: shadow} if shadow else copies)
        if any(slot.shadow for slot in target.slots) and len(target.slots) > 2:
            others = ", ".join(slot.name for slot in target.slots if slot.name != name)
            hint = "SageMaker copies from one variant to one other: let the others go first (`keep-old` keeps them)"
            raise UsageError(
                f"{model.name} cannot get copies: endpoint {self._settings.endpoint} has {others}", hint=hint
            )
        return target

    def _copies(self, model: str) -> int:
        """Basis points of the requests that the model is to get copies of."""
        mirrors = self.expected.mirrors if self.expected else ()
        return next((mirror.share for mirror in mirrors if mirror.model == model), 0)

    def _created(self, counts: Mapping[str, int], shares: Mapping[str, int], *, routing: Routing | None) -> Act:
        key = self._settings.kms_key
        layout = Layout(rest={"KmsKeyId": key} if key else {})
        for name, count in counts.items():
            layout = self._with(layout, None, self._opening.models[name], count)
        slots = {name: layout.holding(self._models.name_of(self._opening.models[name])) for name in counts}
        weights = {slot.name: shares[name] for name, slot in slots.items() if slot and name in shares}
        layout = layout.weighing(weights, {})
        config = self._provided(layout)
        self._changes.note(lambda ledger: replace(ledger, made=True, config=""))
        entry = Entry(routing=routing, value=layout.split) if routing else None
        return created(config, tags=names.tags(self._opening.service, self._settings.tags), entry=entry)

    def _provided(self, layout: Layout) -> str:
        return self._changes.patiently(lambda: self._configs.provide(layout))

    def _sized(self, slot: Slot, model: Model, replicas: int, seen: Description) -> Act | None:
        """Instances that autoscaling, or a person, has added to what the plan says are never taken from the users."""
        there, ledger = seen.wanted.get(slot.name, replicas), self._changes.ledger
        fewer = replicas < model.replicas or (ledger.set is None and not ledger.new)
        if slot.shadow or slot.count is None or there == replicas or (there > replicas and not fewer):
            return None
        return sized(slot, replicas, config=seen.config)

    def _must_be_ours(self, seen: Description, layout: Layout, *, wanted: str, starts: str = "") -> None:
        """Nobody else has changed the endpoint, and nothing has failed on it while nobody looked.

        `wanted`: the split that is asked for; `starts`: the model that is to get a variant.
        """
        if self.insisting:
            return
        ledger, name = self._changes.ledger, self._settings.endpoint
        self._changes.failed_meanwhile(seen)
        if ledger.new and starts:
            raise foreign(name, layout, starts)
        if ledger.set is None and not ledger.made and wanted != layout.split:
            raise first(name, layout.split, wanted)
        if not ledger.new and ledger.config and ledger.config != seen.config:
            raise changed(name, f"configuration {seen.config}", ledger.config, service=self._opening.service)
        if (
            ledger.set is not None
            and not ledger.set.routing.closed
            and ledger.explains(layout.split, seen.config) is None
        ):
            raise changed(name, layout.split, ledger.set.value, service=self._opening.service)

    def _set(self, ledger: Ledger, entry: Entry, seen: Description) -> Ledger:
        layout, models = self.layout(seen), self._opening.models
        named = {name: self._models.name_of(models[name]) for name in entry.routing.models if name in models}
        there = {name: made for name, made in named.items() if layout.holding(made)}
        return replace(
            ledger,
            set=entry,
            intent=None,
            pending=None,
            config=seen.config,
            arn=seen.arn,
            taken={**ledger.taken, **there},
        )
