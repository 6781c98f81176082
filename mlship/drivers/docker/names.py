"""How everything of a service is called on a daemon, and the labels by which it is found again."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

SERVICE = "mlship.service"
ROLE = "mlship.role"
MODEL = "mlship.model"
ROLLOUT = "mlship.rollout"
NUMBER = "mlship.number"
"""Of a replica among those of its model; of a fence."""
ADDRESS = "mlship.address"
"""Fixed address of a container in the service's network."""
LISTEN = "mlship.listen"
"""Where the router's port is published."""
REPLICA = "mlship.replica"
"""What a replica was started from, as JSON."""
CLAIMED = "mlship.claimed-by"
"""The state folder whose journal gave out a fence."""


class Role(StrEnum):
    """What a thing on the daemon is there for."""

    ROUTER = "router"
    MODEL = "model"
    PROBE = "probe"
    """A container without a purpose of its own: health is asked from it while the router does not run."""
    NETWORK = "network"
    FENCE = "fence"


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The names and labels of one service."""

    service: str
    rollout: str = ""

    @property
    def network(self) -> str:
        """The service's own network."""
        return f"mlship.{self.service}"

    @property
    def router(self) -> str:
        """The router's container."""
        return f"mlship.{self.service}.router"

    @property
    def mine(self) -> str:
        """The filter for everything of the service."""
        return f"{SERVICE}={self.service}"

    def fence(self, number: int) -> str:
        """The volume that stands for a fencing number."""
        return f"mlship.{self.service}.fence.{number}"

    def replica(self, model: str, number: int) -> str:
        """A replica that serves."""
        return f"mlship.{self.service}.{model}.{number}"

    def labels(self, role: Role, **more: str) -> dict[str, str]:
        """The labels of a thing."""
        rollout = {ROLLOUT: self.rollout} if self.rollout else {}
        named = {f"mlship.{name.replace('_', '-')}": value for name, value in more.items()}
        return {SERVICE: self.service, ROLE: role.value, **rollout, **named}

    def filters(self, role: Role) -> Mapping[str, list[str]]:
        """What lists the service's things of one role."""
        return {"label": [self.mine, f"{ROLE}={role.value}"]}
