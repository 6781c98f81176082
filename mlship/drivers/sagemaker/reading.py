"""Which routing an endpoint has, read back from its weights and from what was set last."""

from __future__ import annotations

from mlship.drivers.sagemaker.configs import Configs
from mlship.drivers.sagemaker.endpoint import MIXED, MOVING, Description
from mlship.drivers.sagemaker.layout import Layout, layout_of
from mlship.drivers.sagemaker.ledger import Ledger
from mlship.plan.routing import WHOLE, Routing


def coming(configs: Configs, seen: Description) -> Layout:
    """What an update is bringing; empty: none is under way."""
    return layout_of(configs.read(seen.pending), weights={}, counts={}) if seen.pending else Layout()


def meant(configs: Configs, ledger: Ledger, seen: Description) -> Routing | None:
    """The routing that the endpoint has: as it was set, where that explains it, else as far as weights tell.

    None: there never was one, or a change of ours is under way, whose end is still to be waited for, or a rollback of
    AWS's has failed, which leaves old and new side by side whatever the weights say.
    """
    moving = seen.status in MOVING
    if ledger.set is None or seen.status == MIXED or (moving and (ledger.pending or ledger.intent)):
        return None
    # Somebody else's change is told as soon as it is under way; autoscaling's changes neither.
    weights, config = (seen.asked, seen.pending or seen.config) if moving else (seen.weights, seen.config)
    layout = layout_of(configs.read(config), weights=weights, counts=seen.wanted)
    entry = ledger.explains(layout.split, config)
    if entry is not None:
        return entry.routing
    if ledger.set.routing.closed and ledger.config == config:
        return ledger.set.routing
    return read(ledger, layout)


def read(ledger: Ledger, layout: Layout) -> Routing | None:
    """The routing that weights alone tell; None: there are none."""
    known = {made: name for name, made in ledger.taken.items()}
    models = {slot.name: known.get(slot.model, slot.model) for slot in layout.slots}
    shares = {name: share for name, share in layout.shares.items() if share}
    if not shares:
        return None
    most = max(shares, key=lambda name: shares[name])
    shares[most] += WHOLE - sum(shares.values())
    return Routing(segments=tuple((models[name], share) for name, share in shares.items()))
