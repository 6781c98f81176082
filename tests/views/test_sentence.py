from typing import get_args

import pytest
from msgspec.structs import replace

from mlship.journal.events import (
    BroughtUp,
    Chosen,
    Done,
    Entered,
    Event,
    Failed,
    Flagged,
    Intended,
    Looked,
    Parked,
    Passed,
    Progressed,
    Promoted,
    Reallocated,
    Reopened,
    Repaired,
    Requested,
    Reviewed,
    RollbackBegun,
    RollbackFailed,
    RolledBack,
    Settled,
    Started,
    Taken,
    TornDown,
)
from mlship.metrics.counters import Tally
from mlship.metrics.look import Look
from mlship.plan.routing import all_to
from mlship.plan.rule import Rule, header_is
from mlship.plan.shift import Shift, ShiftKind
from mlship.plan.verdict import Outcome, Verdict
from mlship.strategies import compile_plan
from mlship.views.sentence import sentence
from tests.strategies.plans import plan
from tests.views.story import compiled

STEPS = compiled().steps
ALONE = compile_plan(plan(models={"v1": plan().models["v1"]}, candidate=None), live="v1")
LOOK = Look(
    number=4, start=0.0, end=5.0, weights={"v1": 10000}, tallies={"v2": Tally(requests=1, errors=1), "v1": Tally()}
)
DARK = Look(number=5, start=0.0, end=5.0, weights={"v1": 10000}, tallies=None, trouble="the router started anew")
VERDICT = Verdict(gate="no-more-errors", outcome=Outcome.WAIT, reason="more requests are needed")

SHIFT = Shift(kind=ShiftKind.CANARY, share=1000, parts=2, interval=600.0, bake=600.0, limit=4800.0)

SAID: list[tuple[Event, str]] = [
    (
        Started(plan={}, base="/", compiled=compiled(), by="ada"),
        "rollout started by ada: v2 is to replace v1, in 6 steps",
    ),
    (
        Started(plan={}, base="/", compiled=ALONE, by="ada"),
        "rollout started by ada: v1 is to be brought up, in 1 step",
    ),
    (Taken(by="bob", reason="resume"), "bob took the service over: resume"),
    (Entered(step=1), "step 2 of 6, canary 5 %, begins"),
    (Intended(verb="ensure", model="v2", replicas=2), "bringing 2 of v2 to ready"),
    (Intended(verb="route", routing=all_to("v1")), "routing v1 100 %"),
    (Intended(verb="route"), "routing"),
    (Intended(verb="retire", model="v1"), "draining and stopping v1"),
    (Intended(verb="polish", model="v1"), "polish v1"),
    (
        Intended(verb="route", routing=replace(all_to("v2"), shift=SHIFT)),
        "routing v2 100 %, 10 % for 10m 00s, then all",
    ),
    (Progressed(verb="route", what="10 % on the new fleet"), "10 % on the new fleet"),
    (Done(verb="ensure", model="v2", seconds=1.5), "v2 is ready (1.5s)"),
    (Done(verb="route", seconds=0.04), "routing confirmed (40ms)"),
    (Done(verb="retire", model="v1", seconds=3.0), "v1 is stopped (3s)"),
    (Done(verb="polish", seconds=3.0), "polish done (3s)"),
    (Failed(verb="ensure", model="v2", message="exit 1,\nsee the log"), "ensure v2 failed: exit 1, see the log"),
    (Failed(verb="route", message="refused"), "route failed: refused"),
    (Settled(step=0), "step 1 of 6, v1 serves, in place"),
    (Settled(step=4), "step 5 of 6, 100 %, in place, waits for at least 30s"),
    (Settled(step=99), "step 100, in place"),
    (
        Looked(step=1, look=LOOK, verdicts=(VERDICT,)),
        "look 4: v1 0 requests, 0 errors; v2 1 request, 1 error | no-more-errors wait",
    ),
    (Looked(step=1, look=DARK), "look 5: could not measure: the router started anew"),
    (Passed(step=1, reason="every gate passes"), "step 2 of 6, canary 5 %, passed: every gate passes"),
    (
        Chosen(step=1, model="v2", reason="the only one that passed", compiled=compiled()),
        "step 2 of 6, canary 5 %, v2 goes on: the only one that passed",
    ),
    (
        Reviewed(step=1, look=LOOK, verdicts=(VERDICT,)),
        "late labels: no-more-errors wait: more requests are needed",
    ),
    (
        Flagged(step=1, revision=1, rules=(header_is("x-beta", "yes", "v2"), Rule(model="v2", share=500)), by="ada"),
        "ada changed the rules: x-beta: yes to v2, 5 % of users to v2",
    ),
    (
        Flagged(step=1, revision=2, rules=(), by="ada", reason="it errs"),
        "ada changed the rules: nobody gets the candidate: it errs",
    ),
    (
        Reallocated(step=1, revision=1, segments=(), propensities={"v1": 0.125, "v2": 0.875}, reason="v3 failed"),
        "new weights: v1 12.5 %, v2 87.5 %: v3 failed",
    ),
    (Repaired(what="the router had died"), "repaired: the router had died"),
    (Requested(order="pause", by="bob", reason="lunch"), "bob ordered: pause: lunch"),
    (Requested(order="promote", by="bob", full=True), "bob ordered: promote past every gate that has not failed"),
    (Parked(reason="paused by bob"), "parked, the traffic stays where it is: paused by bob"),
    (RollbackBegun(to="v1", reason="it errs", by="ada"), "rolling back to v1, by ada: it errs"),
    (RolledBack(to="v1", seconds=0.2), "rolled back: v1 serves everything after 200ms"),
    (RollbackFailed(to="v1", message="no"), "ROLLBACK INCOMPLETE, v1 does not serve everything: no"),
    (Reopened(downtime=2.5), "the service answers again after a downtime of 2.5s"),
    (Promoted(model="v2", previous="v1"), "v2 is live, v1 is the way back"),
    (BroughtUp(model="v1"), "v1 is live"),
    (TornDown(by="ada"), "everything stopped by ada"),
]


@pytest.mark.parametrize(("event", "said"), SAID)
def test_each_event_is_one_sentence(event: Event, said: str) -> None:
    """An event reads as one line of plain words."""
    assert said == sentence(event, STEPS)


def test_no_event_is_left_without_words() -> None:
    """Every type of event has a sentence above."""
    assert {type(event) for event, _ in SAID} == set(get_args(Event))


def test_a_step_in_place_says_what_it_waits_for() -> None:
    """Hold time, requests and gates are named before the wait for them begins."""
    waits = "at least 30s and 100 requests and gates no-more-errors, not-slower"
    assert sentence(Settled(step=1), STEPS) == f"step 2 of 6, canary 5 %, in place, waits for {waits}"
