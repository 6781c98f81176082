"""The ledger of an endpoint that another machine of the team has worked with: the journal is shared, files are not."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mlship.drivers.balancer.ledger import Entry
from mlship.drivers.base import Opening
from mlship.drivers.sagemaker.configs import Configs
from mlship.drivers.sagemaker.glance import Glance
from mlship.drivers.sagemaker.layout import Layout, layout_of
from mlship.drivers.sagemaker.ledger import Ledger
from mlship.drivers.sagemaker.models import Models
from mlship.plan.routing import Routing


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What journal and endpoint tell of it."""

    opening: Opening
    glance: Glance
    models: Models
    configs: Configs

    def ledger(self) -> Ledger:
        """As the other machine has it, but for what only that one knows; empty where the journal knows nothing."""
        asked, intended = self.opening.asked, self.opening.intended
        seen = self.glance.look() if asked else None
        if asked is None or seen is None:
            return Ledger()
        layout = layout_of(self.configs.read(seen.config), weights=seen.weights, counts=seen.wanted)
        made = {name: self.models.name_of(model) for name, model in self.opening.models.items()}
        slots = {model: slot.name for model, told in made.items() if (slot := layout.holding(told))}
        return Ledger(
            set=_entry(asked, layout, slots),
            intent=_entry(intended, layout, slots) if intended else None,
            taken={model: made[model] for model in slots},
            config=seen.config,
            arn=seen.arn,
        )


def _entry(routing: Routing, layout: Layout, slots: Mapping[str, str]) -> Entry | None:
    if not routing.models <= slots.keys():
        return None
    shares = {slots[model]: share for model, share in routing.asked.items()}
    copies = {slots[mirror.model]: mirror.share for mirror in routing.mirrors}
    return Entry(routing=routing.reached, value=layout.weighing(shares, copies).split)
