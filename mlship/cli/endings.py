"""How a command that follows a rollout ends."""

from __future__ import annotations

from mlship.errors import Exit
from mlship.journal.status import Status

EXITS = {
    Status.RUNNING: Exit.PARKED,
    Status.PARKED: Exit.PARKED,
    Status.ROLLING_BACK: Exit.ROLLBACK_INCOMPLETE,
    Status.ROLLED_BACK: Exit.ROLLED_BACK,
    Status.PROMOTED: Exit.DONE,
    Status.BROUGHT_UP: Exit.DONE,
    Status.TORN_DOWN: Exit.HELD,
    Status.ROLLBACK_INCOMPLETE: Exit.ROLLBACK_INCOMPLETE,
}
"""Of a command, by where the rollout stands at its end."""
