"""Where a rollout stands, in a word."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"
    PARKED = "parked"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    PROMOTED = "promoted"
    BROUGHT_UP = "brought up"
    ROLLBACK_INCOMPLETE = "rollback incomplete"
    TORN_DOWN = "torn down"

    @property
    def over(self) -> bool:
        """The rollout has ended; only a new one, or a rollback, can follow."""
        return self in {Status.ROLLED_BACK, Status.PROMOTED, Status.BROUGHT_UP, Status.TORN_DOWN}
