"""Every error that a user can meet, with its exit code.

    MlshipError                 1   unexpected failure
    ├── UsageError              2   bad flag, unknown service: nothing was touched; 6 where a rollout is parked by it
    │   └── PlanError           2   the plan has faults: nothing was touched
    ├── ServiceHeld             5   another run holds the service
    │   └── LeaseLost           5   another run took the service over while this one was at work
    ├── OutOfReach              6   backend or metric source cannot be reached; traffic is where it was
    │   ├── JournalUnavailable  6   the record cannot be read or written
    │   ├── ModelNotReady       6   a model did not pass its health check in time
    │   └── RoutingRefused      6   the router did not take the routing; the one before is live
    └── RollbackIncomplete      7   the traffic could not be brought back: a human is needed now

The command line catches `MlshipError` once, prints `message` and `hint`, and exits with `exit_code`.
Vendor exceptions are mapped to this tree where they are met, never further up.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a process of mlship promises by its exit code."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    ROLLED_BACK = 3
    PARKED = 4
    HELD = 5
    OUT_OF_REACH = 6
    ROLLBACK_INCOMPLETE = 7
    INTERRUPTED = 130


class MlshipError(Exception):
    """What went wrong (`message`) and what to do about it (`hint`)."""

    exit_code: Exit = Exit.UNEXPECTED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MlshipError):
    """The command cannot be carried out as given; nothing was touched."""

    exit_code = Exit.USAGE


class ServiceHeld(MlshipError):
    """Another run holds the service."""

    exit_code = Exit.HELD


class LeaseLost(ServiceHeld):
    """This run no longer holds the service: another one took it over."""


class OutOfReach(MlshipError):
    """A backend or a source of numbers does not answer; traffic is where it was."""

    exit_code = Exit.OUT_OF_REACH


class JournalUnavailable(OutOfReach):
    """The journal cannot be read or written: disk full, read-only, locked or corrupted."""


class ModelNotReady(OutOfReach):
    """A model did not pass its health check in time. `log` holds the last lines that it wrote."""

    def __init__(self, message: str, *, hint: str = "", log: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.log = log


class RoutingRefused(OutOfReach):
    """The router did not take a routing; the one before is still live."""


class RollbackIncomplete(MlshipError):
    """The traffic could not be brought back to the model that it should be on."""

    exit_code = Exit.ROLLBACK_INCOMPLETE
