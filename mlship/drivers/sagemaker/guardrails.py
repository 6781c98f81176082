"""The next act towards a routing that SageMaker is to bring about by itself."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from mlship.drivers.balancer.ledger import Entry
from mlship.drivers.base import Opening
from mlship.drivers.sagemaker.changes import Act, Changes
from mlship.drivers.sagemaker.configs import Configs
from mlship.drivers.sagemaker.layout import Layout
from mlship.drivers.sagemaker.ledger import Landing
from mlship.drivers.sagemaker.models import Models
from mlship.drivers.sagemaker.requests import updated
from mlship.drivers.sagemaker.settings import Settings
from mlship.drivers.sagemaker.shift import in_the_way, must_be_quiet, shifted, succeeding
from mlship.errors import RoutingRefused
from mlship.plan.routing import Routing


class Guardrails(msgspec.Struct, frozen=True, kw_only=True):
    """Puts a model into the one variant that an endpoint has."""

    opening: Opening
    settings: Settings
    models: Models
    configs: Configs
    changes: Changes

    def towards(self, routing: Routing, layout: Layout, must_be_ours: Callable[[], None]) -> Act | None:
        """What has no users goes first: one variant stays, and its fleet is replaced.

        Raises:
            RoutingRefused: the traffic is divided.
        """
        (name,) = routing.weights
        model, shift = self.opening.models[name], routing.shift
        assert shift
        if [slot.model for slot in layout.slots] == [self.models.name_of(model)]:
            return None
        must_be_ours()
        if gone := in_the_way(layout):
            return updated(self._provided(layout.lacking(gone)))
        if len(layout.slots) > 1:
            message = f"SageMaker moves the traffic of one variant, and it is divided: {layout.split}"
            raise RoutingRefused(message, hint="route everything to one model first")
        must_be_quiet(self.models.aws, shift.alarms)
        slot, made = layout.slots[0], self.changes.patiently(lambda: self.models.provide(model))
        new = succeeding(slot, model, made, instance_type=self.settings.instance_type)
        target = layout.having(new)
        landing = Landing(entry=Entry(routing=routing, value=target.split), taken={name: made})
        return shifted(self._provided(target), shift, landing=landing, counted=new.count != slot.count)

    def _provided(self, layout: Layout) -> str:
        return self.changes.patiently(lambda: self.configs.provide(layout))
