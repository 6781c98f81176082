"""What is said where an endpoint is not as mlship has left it."""

from __future__ import annotations

from mlship.drivers.sagemaker.layout import Layout
from mlship.errors import RoutingRefused, UsageError


def changed(endpoint: str, found: str, last: str, *, service: str) -> RoutingRefused:
    """Somebody else has changed it."""
    return RoutingRefused(
        f"somebody else has changed endpoint {endpoint}: it has {found}, mlship has set {last}",
        hint=f"`mlship rollback {service}` goes back whatever it has, "
        f"`mlship doctor {service} --repair` sets it as recorded",
    )


def first(endpoint: str, found: str, wanted: str) -> RoutingRefused:
    """The first routing would change what is there."""
    return RoutingRefused(
        f"endpoint {endpoint} has {found or 'no weights'}, and the first routing would be {wanted}",
        hint="name the model in `live` that it serves now; nothing was changed",
    )


def foreign(endpoint: str, layout: Layout, model: str) -> UsageError:
    """It is there, and does not hold what the plan calls live."""
    holds = ", ".join(f"{slot.model} (variant {slot.name})" for slot in layout.slots)
    return UsageError(
        f"endpoint {endpoint} is there already and serves {holds}, not {model}",
        hint="name that one in the live model's `sagemaker-model`, or another `endpoint`; nothing was changed",
    )
