"""A plan carried out many times in a made-up world, by the code that carries it out in the real one."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from multiprocessing import active_children, get_context, parent_process
from threading import Thread

import msgspec

from mlship.clock import ManualClock
from mlship.drivers.simulated.ledger import Ledger, worth_of
from mlship.drivers.simulated.spec import World
from mlship.drivers.simulated.truth import Truth
from mlship.engine.ephemeral import EphemeralJournal
from mlship.engine.record import Record
from mlship.engine.run import Run
from mlship.errors import MlshipError
from mlship.journal.events import Event, Looked, Recorded, Requested, Settled, Started
from mlship.journal.holder import Holder
from mlship.journal.lease import Lease
from mlship.journal.status import Status
from mlship.journal.summary import (
    Summary,
    bins,
    chance,
    decisions,
    effects,
    endings,
    range_of,
    regrets,
    shares,
)
from mlship.journal.trial import Estimate, Trial
from mlship.metrics.sources import Sources
from mlship.plan.gatebook import signatures
from mlship.plan.model import Plan
from mlship.plan.outcome import Goal
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome, Verdict
from mlship.strategies import compile_plan

BY = "simulation"
NOBODY = Holder(user=BY, host="nowhere", pid=0, machine="", started="")

CHUNK = 10
"""Most rollouts that a process takes at a time: so many may be lost by Ctrl-C in each."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a simulated rollout depends on, besides its number."""

    plan: Plan
    live: str
    world: World
    seed: int = 1


def simulate(setting: Setting, runs: int, *, jobs: int) -> Generator[Trial, None, None]:
    """The rollouts 0 to `runs` - 1, in `jobs` processes, as they end. Each depends on its number and the seed alone."""
    size = max(1, min(CHUNK, runs // (4 * jobs)))
    chunks = [range(start, min(start + size, runs)) for start in range(0, runs, size)]
    if jobs == 1 or len(chunks) == 1:
        for number in range(runs):
            yield rehearse(setting, number)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_be_a_helper) as pool:
        futures = [pool.submit(_rehearsed, setting, chunk) for chunk in chunks]
        try:
            for future in as_completed(futures):
                yield from future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.terminate()
            raise


def _rehearsed(setting: Setting, numbers: Sequence[int]) -> list[Trial]:
    return [rehearse(setting, number) for number in numbers]


def _be_a_helper() -> None:
    """Ctrl-C is for the process that was asked, which ends this one; without it nothing is left to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def rehearse(setting: Setting, number: int) -> Trial:
    """One rollout, to its end."""
    import numpy as np

    from mlship.drivers.simulated.world import SimulatedWorld

    plan, clock, rollout = setting.plan, ManualClock(), f"simulated-{setting.seed}-{number}"
    rng = np.random.default_rng([setting.seed, number])
    world = SimulatedWorld(setting.world, plan, live=setting.live, clock=clock, rng=rng)
    journal = EphemeralJournal(clock)
    lease = Lease(service=plan.service, rollout=rollout, holder=NOBODY, fence=1, since=clock.now())
    compiled = compile_plan(plan, live=setting.live, salt=rollout)
    journal.append(Started(plan={}, base="", compiled=compiled, by=BY), lease=lease)
    signatory = _Signatory(plan, compiled.steps, journal, lease, after=setting.world.signed_after)
    record = Record(journal=journal, lease=lease, show=signatory)
    replicas = {name: model.replicas for name, model in plan.models.items()}
    sources = Sources(answers=world, outcomes=world)
    run = Run(plan=plan, record=record, driver=world, clock=clock, by=BY, replicas=replicas, sources=sources)
    # How it stands after an error is on record: parked, or in need of somebody.
    with suppress(MlshipError):
        run.go()
    return _told(number, record, world.ledger, plan)


class _Signatory:
    """Signs manual gates some time after their step has begun."""

    def __init__(
        self, plan: Plan, steps: Sequence[Step], journal: EphemeralJournal, lease: Lease, *, after: float
    ) -> None:
        manual = signatures(plan.gates)
        self._waiting = {number for number, step in enumerate(steps) if manual.intersection(step.gates)}
        self._journal = journal
        self._lease = lease
        self._after = after
        self._began: dict[int, float] = {}

    def __call__(self, recorded: Recorded) -> None:
        match recorded.event:
            case Settled(step=step):
                self._began.setdefault(step, recorded.at)
            case Looked(step=step) if step in self._waiting and recorded.at >= self._began[step] + self._after:
                self._waiting.discard(step)
                order: Event = Requested(order="approve", by=BY)
                self._journal.append(order, lease=self._lease)
            case _:
                pass


def _told(number: int, record: Record, ledger: Ledger, plan: Plan) -> Trial:
    rollout, events = record.rollout, record.events()
    step = rollout.compiled.steps[rollout.step]
    failed = [verdict for verdict in rollout.verdicts if verdict.outcome is Outcome.FAIL]
    raced = next((each for each in rollout.compiled.steps if each.race), None)
    return Trial(
        number=number,
        status=rollout.status,
        stage=step.stage,
        step=step.label,
        by=_decider(rollout.status, step, rollout.verdicts, settled=rollout.settled_at is not None),
        failed=bool(failed) and rollout.status is not Status.PROMOTED,
        model=rollout.compiled.candidate or "",
        seconds=events[-1].at - rollout.started_at,
        requests=ledger.requests,
        tried=ledger.tried,
        bad=ledger.bad,
        turned_away=ledger.turned_away,
        estimates=_estimates(events, plan),
        weights=dict(raced.routing.weights) if raced else {},
        regret=ledger.regret if raced else None,
    )


def _decider(status: Status, step: Step, verdicts: tuple[Verdict, ...], *, settled: bool) -> str:
    if status is Status.PROMOTED:
        return "every step passed"
    if not settled:
        return "the step could not be carried out"
    failed = next((verdict.gate for verdict in verdicts if verdict.outcome is Outcome.FAIL), None)
    if failed:
        return failed
    holding = (verdict for verdict in verdicts if verdict.outcome is not Outcome.PASS)
    waiting = next((each for each in holding if each.gate in step.gates or each.outcome is Outcome.BLIND), None)
    return f"deadline, {waiting.gate} {_SAYS[waiting.outcome]}" if waiting else "deadline"


_SAYS: Mapping[Outcome, str] = {Outcome.WAIT: "undecided", Outcome.BLIND: "blind"}


def _estimates(events: Sequence[Recorded], plan: Plan) -> Mapping[str, Estimate]:
    goals = {name for name, gate in plan.gates.items() if isinstance(gate, Goal)}
    if not goals:
        return {}
    found: dict[str, Estimate] = {}
    for recorded in events:
        for verdict in recorded.event.verdicts if isinstance(recorded.event, Looked) else ():
            evidence = verdict.evidence
            if verdict.gate in goals and evidence is not None and evidence.estimate is not None:
                found[verdict.gate] = Estimate(
                    measure=evidence.measure, value=evidence.estimate, interval=evidence.interval
                )
    return found


def summarised(setting: Setting, trials: Sequence[Trial], *, asked: int, unseen: tuple[str, ...] = ()) -> Summary:
    """What at least one rollout came to; their order does not matter."""
    plan, world = setting.plan, setting.world
    compiled = compile_plan(plan, live=setting.live)
    truth = Truth(plan, compiled, world)
    candidate = compiled.candidate or ""
    ranked = sorted(trials, key=lambda trial: trial.number)
    challengers = tuple(dict.fromkeys(name for step in compiled.steps for name in step.challengers))
    rivals = challengers or (candidate,)
    harmless = truth.is_any_harmless(rivals)
    wrong = sum(trial.status is Status.PROMOTED and not truth.deserves(trial.model) for trial in ranked)
    return Summary(
        service=plan.service,
        live=setting.live,
        candidates=rivals,
        seed=setting.seed,
        asked=asked,
        runs=len(ranked),
        harmless=harmless,
        endings=endings(ranked),
        false_alarms=chance(sum(map(_is_alarm, ranked)), len(ranked)) if harmless else None,
        false_promotions=chance(wrong, len(ranked)),
        seconds=range_of(trial.seconds for trial in ranked),
        requests=range_of(trial.requests for trial in ranked),
        tried=range_of(trial.tried for trial in ranked),
        bad=range_of(trial.bad for trial in ranked),
        turned_away=range_of(trial.turned_away for trial in ranked),
        decisions=decisions(ranked),
        bins=bins(ranked),
        effects=effects(ranked, _gains(setting, candidate)),
        regret=regrets(ranked),
        weights=shares(ranked),
        unseen=unseen,
    )


def _is_alarm(trial: Trial) -> bool:
    return trial.failed and trial.status in {Status.ROLLED_BACK, Status.ROLLBACK_INCOMPLETE}


def _gains(setting: Setting, candidate: str) -> Mapping[str, float]:
    """Goal → what the candidate truly gains."""
    models, gates = setting.world.models, setting.plan.gates
    return {
        name: worth_of(gate.metric, models[candidate]) - worth_of(gate.metric, models[setting.live])
        for name, gate in gates.items()
        if isinstance(gate, Goal)
    }
