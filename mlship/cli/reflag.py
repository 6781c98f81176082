"""Rules of a running feature flag: read, changed, checked as in a plan, journalled, and seen to be live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from mlship.cli import flagging, orders, wiring
from mlship.clock import SystemClock
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.errors import ServiceHeld, UsageError
from mlship.journal.events import Flagged
from mlship.journal.holder import this_process
from mlship.journal.lease import Heartbeat
from mlship.journal.state import RolloutState
from mlship.journal.status import Status
from mlship.journal.store import Journal
from mlship.plan.model import FeatureFlag
from mlship.plan.rule import Rule
from mlship.plan.rulebook import cast, written
from mlship.plan.rulewords import said
from mlship.strategies.feature_flag import STRATEGY

ATTEMPTS = 5
"""Tries where somebody else changes the rules at the same time."""

PATIENCE = 15.0
"""Seconds in which the run at work is expected to route by new rules."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for."""

    action: str
    words: tuple[str, ...] = ()
    percentage: str | None = None
    rule: int | None = None
    at: int | None = None

    def applied(self, rules: flagging.Rules) -> flagging.Rules:
        """The rules as they shall be."""
        match self.action:
            case "add":
                return flagging.added(rules, self.words, at=self.at)
            case "remove":
                return flagging.removed(rules, self.words)
            case "set":
                return flagging.reset(rules, self.percentage, number=self.rule)
            case "users":
                return flagging.with_users(rules, _read(self.words), number=self.rule)
            case _:
                return rules


def _read(words: tuple[str, ...]) -> list[str]:
    """The words with users one by one, those of files too."""
    from mlship.plan.fault import Place
    from mlship.plan.userlist import MARK, read_users

    def complain(place: Place, message: str, hint: str) -> None:
        where = f"{place.source}:{place.line}: " if place.source else ""
        raise UsageError(f"{where}{message}", hint=hint)

    read: list[str] = []
    for word in words:
        is_file = word.startswith(MARK)
        read += read_users(word, base=Path.cwd(), at=Place(""), complain=complain) if is_file else word.split(",")
    return read


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The rules, and what became of the change."""

    service: str
    stage: str
    revision: int
    """Changes so far in this rollout."""
    changed: bool
    live: bool
    """The router follows these rules."""
    rules: tuple[dict[str, Any], ...]
    """As a plan would write them."""

    def text(self, *, as_json: bool) -> str:
        """For people, or one line of JSON."""
        if as_json:
            return msgspec.json.encode(self).decode()
        lines = [f"{number}. {said(rule)}" for number, rule in enumerate(self.rules, start=1)]
        waits = "" if self.live else f"; not routed yet: `mlship status {self.service}` tells more"
        head = f"{self.service}: {'rules changed' if self.changed else 'rules'} of {self.stage}{waits}"
        return "\n".join([head, *(lines or ["nobody gets the candidate"])])


def reflag(service: str | None, change: Change, *, reason: str) -> Shown:
    """Change the rules of the running stage; where a run is at work it takes them up, else this process routes.

    Raises:
        UsageError: no feature flag runs, or the change is wrong; nothing was changed.
        PlanError: the rules would have faults; nothing was changed.
    """
    name, rollout = _running(service)
    for _ in range(ATTEMPTS):
        before = _documents(rollout)
        after = change.applied(before)
        rules = _checked(rollout, after) if after != before else _rules(rollout)
        if rules == _rules(rollout):
            return _shown(name, rollout, changed=False)
        event = Flagged(
            step=rollout.step, revision=rollout.revision + 1, rules=rules, by=wiring.myself(), reason=reason
        )
        _hand_in(name, rollout, event)
        name, rollout = _running(name)
        if rollout.revision >= event.revision and _rules(rollout) == rules:
            return _shown(name, _settled(name, rollout), changed=True)
    raise UsageError(f"{name}: others keep changing the rules", hint="run it again")


def _running(service: str | None) -> tuple[str, RolloutState]:
    name, rollout = orders.active(service)
    orders.refuse_incomplete(name, rollout)
    step = rollout.current
    usable = rollout.status in {Status.RUNNING, Status.PARKED} and not rollout.passed
    if step is None or step.strategy != STRATEGY or not usable:
        at = f"{name} is in step {rollout.step + 1}, {step.stage}" if step else name
        hint = f"`mlship show {name}` lists the steps; one whose strategy is {STRATEGY} must be at work"
        raise UsageError(f"{at}: no feature flag runs", hint=f"nothing was changed; {hint}")
    return name, rollout


def _rules(rollout: RolloutState) -> tuple[Rule, ...]:
    step = rollout.current
    assert step is not None
    return step.routing.rules


def _documents(rollout: RolloutState) -> flagging.Rules:
    return [written(rule, live=rollout.compiled.live) for rule in _rules(rollout)]


def _checked(rollout: RolloutState, rules: flagging.Rules) -> tuple[Rule, ...]:
    """The rules about models, once the plan with them has passed every check that a plan has to."""
    from mlship.drivers.registry import known
    from mlship.plan.recheck import recheck

    step = rollout.current
    assert step is not None
    leads = any("never" not in rule for rule in rules)
    # Rules may be taken away until nobody gets the candidate; a plan that begins like that is a mistake.
    tried = rules if leads else [*rules, {"percentage": "0.01%"}]
    stages = [
        {**stage, "rules": tried} if stage.get("name", stage["strategy"]) == step.stage else stage
        for stage in rollout.plan["stages"]
    ]
    plan = recheck({**rollout.plan, "stages": stages}, source="rules", drivers=known(), base=Path.cwd())
    (stage,) = (stage for stage in plan.stages if stage.name == step.stage)
    assert isinstance(stage, FeatureFlag)
    candidate = rollout.compiled.candidate
    assert candidate is not None
    return cast(stage.rules[: len(rules)], live=rollout.compiled.live, candidate=candidate)


def _hand_in(service: str, rollout: RolloutState, event: Flagged) -> None:
    clock = SystemClock()
    journal = wiring.open_journal(clock)
    if journal.leases.current(service) is None and _carried_out(journal, service, rollout, event, clock):
        return
    journal.request(event, service=service, rollout=rollout.rollout)


def _carried_out(journal: Journal, service: str, rollout: RolloutState, event: Flagged, clock: SystemClock) -> bool:
    """Nobody is at work: route by the new rules here, under the lease. False: somebody came to work meanwhile."""
    try:
        lease = journal.leases.acquire(service, this_process(), rollout=rollout.rollout)
    except ServiceHeld:
        return False
    try:
        with Heartbeat(journal.leases, lease, wake=clock.wake):
            record = Record(journal=journal, lease=lease)
            record(event)
            step = record.rollout.current
            if record.rollout.revision == event.revision and step is not None:
                driver, _ = wiring.open_fleet(record.state, fence=lease.fence, clock=clock)
                Hands(driver=driver, record=record, clock=clock).carry_out(step)
        return True
    finally:
        journal.leases.release(lease)


def _settled(service: str, rollout: RolloutState) -> RolloutState:
    """The rollout once the rules are routed, or when patience ends."""
    clock = SystemClock()
    journal = wiring.open_journal(clock)
    until = clock.now() + PATIENCE
    while not _is_live(rollout) and clock.now() < until:
        clock.sleep(0.1)
        latest = journal.state(service).rollout
        if latest is None or latest.rollout != rollout.rollout or latest.revision != rollout.revision:
            break
        rollout = latest
    return rollout


def _is_live(rollout: RolloutState) -> bool:
    return rollout.asked is not None and rollout.asked.rules == _rules(rollout)


def _shown(service: str, rollout: RolloutState, *, changed: bool) -> Shown:
    step = rollout.current
    return Shown(
        service=service,
        stage=step.stage if step else "",
        revision=rollout.revision,
        changed=changed,
        live=_is_live(rollout),
        rules=tuple(_documents(rollout)),
    )
