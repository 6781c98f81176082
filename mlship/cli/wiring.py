"""The only module that builds objects: every other one is handed what it needs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlship.errors import OutOfReach, UsageError

if TYPE_CHECKING:
    from mlship.clock import Clock
    from mlship.drivers.base import Driver
    from mlship.journal.events import Recorded
    from mlship.journal.state import RolloutState, ServiceState
    from mlship.journal.store import Journal
    from mlship.plan.model import CaptureSettings, Model, Plan
    from mlship.predictions.store import Predictions


def state_folder() -> Path:
    """Where mlship keeps what must outlive a command: `MLSHIP_STATE`, else the user's state folder.

    Where the journals are in S3, it is what this machine keeps beside them: copies of them, drivers' notes, answers.
    """
    named = os.environ.get("MLSHIP_STATE", "")
    if named and "://" not in named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_state_path

    if not named:
        return user_state_path("mlship")
    from mlship.journal.shared.place import parse

    return user_state_path("mlship") / "shared" / parse(named).folder


def in_the_way(folder: Path) -> Path | None:
    """What stands where `folder`, or one that it lies in, should be, and is no folder."""
    there = next(each for each in (folder, *folder.parents) if os.path.exists(each))  # noqa: PTH110 - never raises
    return None if there.is_dir() else there


def private_folder(*parts: str) -> Path:
    """A folder of the state folder, made if it is missing; nobody else may look into it.

    Raises:
        OutOfReach: it cannot be made.
    """
    from mlship.dataplane.files import writing
    from mlship.private import make_private

    folder = state_folder().joinpath(*parts)
    with writing(folder):
        make_private(folder)
    return folder


def open_journal(clock: Clock) -> Journal:
    """The journal in the state folder, or in S3 where `MLSHIP_STATE` names a bucket.

    Raises:
        UsageError: what `MLSHIP_STATE` names can be neither.
    """
    from mlship.journal.store import Journal

    named = os.environ.get("MLSHIP_STATE", "")
    if "://" not in named:
        # Nothing would be found there: a wrong path must not read as an empty record.
        if file := in_the_way(state_folder()):
            raise UsageError(f"{file} is no folder", hint="set MLSHIP_STATE to the folder that keeps the record")
        return Journal(state_folder(), clock)
    from mlship.journal.shared.archive import SharedArchive
    from mlship.journal.shared.place import parse

    return Journal(SharedArchive(parse(named), state_folder() / "copies", clock), clock)


def place() -> str:
    """Where the record is, for messages: each user and machine has one, and a variable may be unset."""
    named = os.environ.get("MLSHIP_STATE", "")
    return named if "://" in named else str(state_folder())


def nothing_found() -> str:
    """Why there may be no service."""
    return f"nothing has been deployed from {place()}; set MLSHIP_STATE to look elsewhere"


def read_plan(file: Path, variables: Iterable[str] = ()) -> Plan:
    """The checked plan in `file`.

    Raises:
        PlanError: with every fault of the file.
        UsageError: a variable is not of the form name=value.
    """
    from mlship.drivers.registry import known
    from mlship.plan.load import load

    return load(file, drivers=known(), variables=pairs(variables), env=os.environ)


def pairs(variables: Iterable[str]) -> Mapping[str, str]:
    """`name=value` texts as a mapping."""
    split = [text.partition("=") for text in variables]
    for name, equals, _ in split:
        if not equals or not name:
            raise UsageError(f"--var {name}: expected name=value")
    return {name: value for name, _, value in split}


def running_plan(rollout: RolloutState) -> Plan:
    """The plan of a rollout, as it was written."""
    from mlship.plan.load import revive

    return revive(rollout.plan, base=Path(rollout.base))


def signatures(rollout: RolloutState | None) -> frozenset[str]:
    """Gates of a rollout that somebody has to sign; none of a plan that this version cannot read."""
    from mlship.errors import MlshipError
    from mlship.plan.gatebook import signatures as of

    try:
        return of(running_plan(rollout).gates) if rollout is not None else frozenset()
    except MlshipError:
        return frozenset()


def recorded_plan(events: Sequence[Recorded]) -> Plan:
    """The plan of the rollout whose events these are, as it was written."""
    from mlship.journal.events import Started
    from mlship.plan.load import revive

    started = next(recorded.event for recorded in events if isinstance(recorded.event, Started))
    return revive(started.plan, base=Path(started.base))


def open_fleet(state: ServiceState, *, fence: int | None, clock: Clock) -> tuple[Driver, Mapping[str, Model]]:
    """The driver of the latest rollout, with every model that the service has had: any of them can be brought back."""
    from msgspec.structs import replace

    from mlship.plan.load import revive_model

    assert state.rollout is not None
    models = {
        name: revive_model(name, document, base=Path(state.bases[name])) for name, document in state.models.items()
    }
    plan = replace(running_plan(state.rollout), models=models)
    return open_driver(plan, fence=fence, clock=clock, state=state), models


def open_driver(
    plan: Plan, *, fence: int | None, clock: Clock, state: ServiceState | None = None, base: Path | None = None
) -> Driver:
    """The driver of the plan's service; `fence` None opens it for looking only."""
    from mlship.drivers.base import Opening
    from mlship.drivers.registry import find

    rollout = state.rollout if state else None
    opening = Opening(
        service=plan.service,
        spec=plan.driver,
        models=plan.models,
        fence=fence,
        state=state_folder(),
        clock=clock,
        rollout=rollout.rollout if rollout else "",
        asked=rollout.asked if rollout and state and not state.down else None,
        intended=rollout.pending.routing if rollout and rollout.pending else None,
        remember=remembered(state) if state else {},
        base=base or Path(),
    )
    return find(plan.driver.name)(opening)


def remembered(state: ServiceState) -> Mapping[str, Any]:
    """What a backend may keep of a service for those who have no journal of it."""
    rollout = state.rollout
    if rollout is None:
        return {}
    return {
        "plan": rollout.plan,
        "base": rollout.base,
        "models": state.models,
        "live": rollout.compiled.live,
        "rollout": rollout.rollout,
    }


def pinned(plan: Plan, state: ServiceState, *, base: Path, provide: bool, clock: Clock) -> Plan:
    """The plan with each model known by what its name means now, where the driver's names may come to mean another.

    Raises:
        UsageError: something that a model is made of does not exist.
        OutOfReach: the backend does not answer.
    """
    from mlship.drivers.registry import find
    from mlship.drivers.remembered import Pinning
    from mlship.plan.load import revive

    if not hasattr(find(plan.driver.name), "pinned"):
        return plan
    try:
        driver = open_driver(plan, fence=None, clock=clock, base=base)
        assert isinstance(driver, Pinning)
        models = driver.pinned(plan.document["models"], known=state.models, provide=provide)
    except OutOfReach:
        if provide:
            raise
        return plan
    return revive({**plan.document, "models": models}, base=base)


def open_predictions(
    service: str, capture: CaptureSettings, clock: Clock, *, covariate: str | None = None, late: float = 0.0
) -> Predictions:
    """The answers that are kept for `service`; `covariate` is read of each request, too, and `late` is in seconds.

    Raises:
        UsageError: an expression of `capture` cannot be used.
    """
    from mlship.predictions.store import Predictions

    return Predictions(private_folder("predictions", service), capture, clock, covariate=covariate, late=late)


def state_of(journal: Journal, service: str) -> ServiceState:
    """The state of `service`.

    Raises:
        UsageError: the journal knows no such service.
    """
    state = journal.state(service)
    if state.rollout is None:
        raise UsageError(f"there is no service named {service!r}", hint=_known(journal))
    return state


def only_service(journal: Journal, service: str | None) -> str:
    """`service`, or the only one there is.

    Raises:
        UsageError: none was named, and there is not exactly one.
    """
    if service is not None:
        return service
    services = journal.services()
    if len(services) == 1:
        return services[0]
    raise UsageError("name the service", hint=_known(journal))


def _known(journal: Journal) -> str:
    services = journal.services()
    return f"services in {place()}: {', '.join(services)}" if services else nothing_found()


def myself() -> str:
    """Who acts, for the record: user@host."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def public(state: ServiceState) -> Mapping[str, Any]:
    """A service's state as JSON for other programs: what `status --json` prints."""
    import msgspec

    rollout = state.rollout
    assert rollout is not None
    shown = ("rollout", "status", "step", "started_at", "ended_at", "reason", "downtime", "paused", "verdicts", "asked")
    details = {name: msgspec.to_builtins(getattr(rollout, name)) for name in shown}
    return {
        "service": state.service,
        "live": state.live,
        "previous": state.previous,
        "candidate": rollout.compiled.candidate,
        "down": state.down,
        "steps": len(rollout.compiled.steps),
        **details,
    }


def abandoned(journal: Journal, state: ServiceState) -> bool:
    """A rollout is under way, and no process is."""
    from mlship.journal.status import Status

    running = state.rollout is not None and state.rollout.status is Status.RUNNING
    return running and not state.down and journal.leases.current(state.service) is None
