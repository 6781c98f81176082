"""Feature flags, whole rollouts: what is judged, and rules that change while the stage runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mlship.journal.events import Flagged, Looked, Requested, Settled
from mlship.journal.holder import this_process
from mlship.journal.status import Status
from mlship.plan.model import DriverSpec, FeatureFlag, Plan
from mlship.plan.rule import Condition, Part, Rule, header_is
from mlship.plan.verdict import Outcome
from tests.scenarios.rehearsal import Rehearsal
from tests.strategies.plans import canary, plan

BETA = Rule(model="candidate", when=(Condition(part=Part.HEADER, name="x-beta", values=("yes",)),))
TENTH = Rule(model="candidate", share=1000)
NEW = (header_is("x-tier", "free", "v1"), header_is("x-beta", "yes", "v2"), Rule(model="v2", share=2000))


def flagged(*rules: Rule, matching: float = 0.02, faults: dict[str, Any] | None = None, **changes: Any) -> Plan:
    """A plan with a flag and a canary after it; `matching` of the requests meet the rules."""
    standard: dict[str, Any] = {"name": "flag", "gates": ("error-ceiling",), "rules": rules, "hold": 30.0}
    asked = plan(FeatureFlag(**standard | changes), canary(5000), faults=faults or {})
    return replace(asked, driver=DriverSpec(name="memory", settings={"rate": 100, "matching": matching}))


def change(rollout: Rehearsal, *rules: Rule, revision: int = 1, step: int = 1) -> None:
    """What `mlship flag` writes."""
    event = Flagged(step=step, revision=revision, rules=rules, by="ann")
    rollout.journal.request(event, service=rollout.plan.service, rollout=rollout.rollout)


def test_a_flag_passes_on_its_own_requests(tmp_path: Path) -> None:
    """The gates see what the rules bring, and the next stage begins without them."""
    rollout = Rehearsal(tmp_path, flagged(BETA))

    assert rollout.start() is Status.PROMOTED
    assert rollout.path() == ["v1 serves", "by rules", "50 %", "100 %", "retire v1"]


def test_a_candidate_that_fails_those_who_asked_for_it_goes(tmp_path: Path) -> None:
    """Errors of few requests are errors; afterwards no rule is left."""
    rollout = Rehearsal(tmp_path, flagged(BETA, faults={"error-rate": 0.4}))

    assert rollout.start() is Status.ROLLED_BACK
    routing = rollout.driver().observe().routing
    assert routing is not None
    assert (dict(routing.weights), routing.rules) == ({"v1": 10_000}, ())


def test_nobody_who_matches_is_no_trouble(tmp_path: Path) -> None:
    """The stage waits for requests; no gate is blind, and the deadline decides."""
    rollout = Rehearsal(tmp_path, flagged(BETA, matching=0.0, at_most=300.0))

    assert rollout.start() is Status.ROLLED_BACK
    outcomes = {v.outcome for r in rollout.events if isinstance(r.event, Looked) for v in r.event.verdicts}
    assert outcomes == {Outcome.WAIT}


def test_a_lone_percentage_is_compared(tmp_path: Path) -> None:
    """Chance chose the users: a comparison catches what a ceiling lets through."""
    asked = flagged(TENTH, faults={"error-rate": 0.05}, gates=("no-more-errors",), hold=3000.0)
    rollout = Rehearsal(tmp_path, asked)

    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.path() == ["v1 serves", "by rules"]
    gates = {v.gate for r in rollout.events if isinstance(r.event, Looked) for v in r.event.verdicts}
    assert {"no-more-errors", "sample-ratio"} <= gates


def test_changed_rules_are_routed_and_the_hold_begins_again(tmp_path: Path) -> None:
    """The run takes them up at its next turn: one more routing, one more beginning of the step."""
    rollout = Rehearsal(tmp_path, flagged(BETA, hold=100.0))
    rollout.start(kill_at_look=3)
    change(rollout, *NEW)

    assert rollout.turn() is Status.RUNNING
    routing = rollout.driver().observe().routing
    assert routing is not None
    assert routing.rules == NEW
    settled = [r.at for r in rollout.events if isinstance(r.event, Settled) and r.event.step == 1]
    assert len(settled) == 2

    assert rollout.resume() is Status.PROMOTED
    ended = next(r.at for r in rollout.events if isinstance(r.event, Settled) and r.event.step == 2)
    assert ended - settled[1] >= 100.0


def test_of_two_changes_of_the_same_rules_the_first_holds(tmp_path: Path) -> None:
    """The second was made without knowing of the first; so was one for a step that is over."""
    rollout = Rehearsal(tmp_path, flagged(BETA))
    rollout.start(kill_at_look=2)
    change(rollout, NEW[0])
    change(rollout, NEW[1])
    change(rollout, NEW[2], revision=2, step=2)

    assert rollout.state.rollout is not None
    assert rollout.state.rollout.compiled.steps[1].routing.rules == (NEW[0],)
    assert rollout.state.rollout.revision == 1


def test_a_parked_rollout_takes_new_rules_with_it(tmp_path: Path) -> None:
    """They are routed when it goes on."""
    rollout = Rehearsal(tmp_path, flagged(BETA, matching=0.0, at_most=60.0, at_deadline="park"))
    assert rollout.start() is Status.PARKED
    change(rollout, *NEW)
    assert rollout.status is Status.PARKED

    rollout.turn()

    routing = rollout.driver().observe().routing
    assert routing is not None
    assert routing.rules == NEW


def test_a_rollback_ends_changed_rules(tmp_path: Path) -> None:
    """Whatever was changed meanwhile, the way back has no rules, and later changes are void."""
    rollout = Rehearsal(tmp_path, flagged(BETA))
    rollout.start(kill_at_look=2)
    change(rollout, *NEW)
    rollout.journal.request(Requested(order="abort", by="ann"), service=rollout.plan.service, rollout=rollout.rollout)

    assert rollout.resume() is Status.ROLLED_BACK
    change(rollout, *NEW, revision=2)
    routing = rollout.driver().observe().routing
    assert routing is not None
    assert routing.rules == ()
    assert rollout.status is Status.ROLLED_BACK


def test_a_crash_while_rules_change_is_settled(tmp_path: Path) -> None:
    """Killed after any event that follows the change, the next process carries the change out."""
    for events in range(1, 8):
        rollout = Rehearsal(tmp_path / str(events), flagged(BETA, hold=60.0))
        rollout.start(kill_at_look=2)
        change(rollout, *NEW)
        rollout.resume(kill_after=events)

        assert rollout.resume() is Status.PROMOTED
        settled = [r for r in rollout.events if isinstance(r.event, Settled) and r.event.step == 1]
        assert len(settled) >= 2


def test_rules_changed_while_older_ones_are_routed_are_routed_too(tmp_path: Path) -> None:
    """What is in place is told by the number of its change: a newer one is still to be carried out."""
    rollout = Rehearsal(tmp_path, flagged(BETA, hold=100.0))
    rollout.start(kill_at_look=3)
    change(rollout, *NEW)
    # The routing of the first change is intended, and the second one comes before the step is settled.
    rollout.resume(kill_after=3)
    change(rollout, NEW[0], revision=2)
    stale = Settled(step=1, revision=1)
    lease = rollout.journal.leases.take_over(rollout.plan.service, this_process(), rollout=rollout.rollout)
    rollout.journal.append(stale, lease=lease)

    rollout.turn()

    routing = rollout.driver().observe().routing
    assert routing is not None
    assert routing.rules == (NEW[0],)
