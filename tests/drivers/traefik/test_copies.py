"""Copies for challengers, mirrored by a real Traefik."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.plan.routing import Mirror, Routing, all_to

pytestmark = pytest.mark.traefik


def copied(share: int = 10_000, model: str = "v2") -> Routing:
    """Everything to v1, and such a share of it copied."""
    return replace(all_to("v1"), mirrors=(Mirror(model=model, share=share),))
