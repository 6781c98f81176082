"""A plan and a made-up world, made ready to be simulated, carried out and shown."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from msgspec.structs import replace

from mlship.cli import wiring
from mlship.clock import SystemClock
from mlship.drivers.simulated.reading import Cast, read_world
from mlship.drivers.simulated.truth import is_told_by
from mlship.engine.simulate import Setting, simulate, summarised
from mlship.errors import UsageError
from mlship.plan import units
from mlship.plan.model import Plan
from mlship.strategies import candidate_of

if TYPE_CHECKING:
    from mlship.journal.trial import Trial

DURATION = r"(?=[0-9])([0-9]+(\.[0-9]+)?h)?([0-9]+(\.[0-9]+)?m)?([0-9]+(\.[0-9]+)?s)?([0-9]+ms)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is simulated, and the gates that no made-up world has numbers for."""

    setting: Setting
    unseen: tuple[str, ...]


def looking(plan: Plan, every: str | None) -> Plan:
    """The plan, with a look so often.

    Raises:
        UsageError: `every` is no duration above 0.
    """
    import re

    if every is None:
        return plan
    if not re.fullmatch(DURATION, every) or units.seconds(every) <= 0:
        raise UsageError(f"--look-every {every}: expected a duration such as 30s", hint="it must be above 0")
    return replace(plan, look_every=units.seconds(every))


def staged(plan: Plan, file: Path | None, *, seed: int) -> Stage:
    """The plan in the world of `file`, without the gates that no world has numbers for.

    Raises:
        PlanError: the world has faults.
        UsageError: it is not known what is live, or nothing is to replace it.
    """
    live = plan.live or wiring.open_journal(SystemClock()).state(plan.service).live
    if live is None or live not in plan.models:
        raise UsageError(f"nothing is known to be live for {plan.service}", hint="add `live: MODEL` to the plan")
    candidate = candidate_of(plan, live)
    if candidate is None:
        raise UsageError(f"{plan.service}: nothing is to replace {live}", hint="add a second model to the plan")
    cast = Cast(models=tuple(plan.models), live=live, candidate=candidate, traffic=plan.traffic)
    unseen = tuple(name for name, gate in plan.gates.items() if not is_told_by(gate))
    setting = Setting(plan=_without(plan, unseen), live=live, world=read_world(file, cast), seed=seed)
    return Stage(setting=setting, unseen=unseen)


def _without(plan: Plan, unseen: Collection[str]) -> Plan:
    stages = tuple(replace(stage, gates=_left(stage.gates, unseen)) for stage in plan.stages)
    gates = {name: gate for name, gate in plan.gates.items() if name not in unseen}
    return replace(plan, gates=gates, guards=_left(plan.guards, unseen) or (), stages=stages)


def _left(names: tuple[str, ...] | None, unseen: Collection[str]) -> tuple[str, ...] | None:
    return None if names is None else tuple(name for name in names if name not in unseen)


def carried_out(setting: Setting, runs: int, jobs: int) -> Sequence[Trial]:
    """All rollouts, or those that had ended when somebody pressed Ctrl-C. `jobs` 0: one per processor."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    trials: list[Trial] = []
    try:
        with closing(simulate(setting, runs, jobs=jobs or processors())) as stream:
            for trial in _followed(stream, runs):
                trials.append(trial)  # noqa: PERF402 - what was simulated before Ctrl-C is kept
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
    return trials


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _followed(trials: Iterator[Trial], runs: int) -> Iterator[Trial]:
    """The same, with a bar for a person at a terminal."""
    if not sys.stderr.isatty():
        yield from trials
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("simulating", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(trials, total=runs)


def show(stage: Stage, trials: Sequence[Trial], *, asked: int, as_json: bool) -> None:
    """Print what the rollouts came to; nothing where there are none."""
    if not trials:
        return
    summary = summarised(stage.setting, trials, asked=asked, unseen=stage.unseen)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(summary)).decode())
        return
    from mlship.views.page import emit
    from mlship.views.simulation import simulation

    emit(lambda paper: simulation(summary, paper), sys.stdout)
