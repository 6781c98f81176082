"""The line that says what is under way or waited for, where it depends on more than the rollout."""

import pytest
from msgspec.structs import replace

from mlship.journal.events import Looked, Recorded, TornDown
from mlship.journal.fold import fold
from mlship.metrics.look import Look
from mlship.plan.verdict import Outcome, Verdict
from mlship.views.dashboard import draw
from mlship.views.paper import Paper
from mlship.views.show import show
from mlship.views.status import status
from tests.views.scenes import BAD, GOOD, followed, later, printed, until

WIDE = Paper(width=140)
STOPPED = later(GOOD, TornDown(by="ada"))


@pytest.mark.parametrize(
    ("outcomes", "late"),
    [
        ({"no-more-errors": Outcome.PASS, "not-slower": Outcome.WAIT}, "parks"),
        ({"no-more-errors": Outcome.WAIT, "not-slower": Outcome.WAIT}, "rolls back"),
        ({"no-more-errors": Outcome.PASS}, "parks"),
        ({"not-slower": Outcome.WAIT}, "rolls back"),
    ],
)
def test_the_line_foretells_what_the_run_decides(outcomes: dict[str, Outcome], late: str) -> None:
    """Where nothing but a signature is missing the rollout parks, whatever the plan says of the deadline."""
    look = Look(number=99, start=0.0, end=5.0, weights={}, tallies=None)
    verdicts = tuple(Verdict(gate=gate, outcome=outcome, reason="") for gate, outcome in outcomes.items())
    state, feed = followed(later(until(GOOD, 55.0), Looked(step=2, look=look, verdicts=verdicts)))
    feed, now = replace(feed, manual=frozenset({"not-slower"})), GOOD[0].at + 57
    assert f"; {late} in 59m" in draw(state, feed, now, WIDE)[2].plain
    assert state.rollout is not None
    signed = replace(state, rollout=replace(state.rollout, approved_step=2))
    assert "; rolls back in 59m" in draw(signed, feed, now, WIDE)[2].plain


@pytest.mark.parametrize(
    ("events", "left"),
    [
        (until(GOOD, 55.0), "left waiting for no-more-errors, not-slower"),
        (until(GOOD, 34.0), "cut short in bringing 1 of v2 to ready"),
        (GOOD[:2], "left where it stands"),
    ],
)
def test_a_rollout_that_nobody_is_at_work_on_counts_nothing_down(events: tuple[Recorded, ...], left: str) -> None:
    """After a crash status does not say that something runs or will happen, alone and in the table of all services."""
    state, now, alone = fold("fraud-scorer", events), GOOD[0].at + 600, {"fraud-scorer"}
    shown = printed(lambda paper: status([state], now, paper, unattended=alone), WIDE).splitlines()
    assert "unattended" in shown[0]
    assert "running" not in shown[0]
    assert shown[2].strip() == f"nobody is at work, {left}; goes on with: mlship resume fraud-scorer"
    states = [state, fold("other", events)]
    rows = printed(lambda paper: status(states, now, paper, unattended=alone), WIDE).splitlines()
    assert ["unattended" in row for row in rows[1:]] == [True, False]


@pytest.mark.parametrize("events", [BAD, GOOD])
def test_after_down_nobody_is_said_to_serve(events: tuple[Recorded, ...]) -> None:
    """Whatever became of the rollout before: its page ends where the service does."""
    told = later(events, TornDown(by="ada"))
    shown = printed(lambda paper: show(told, told[-1].at, paper), WIDE).splitlines()
    assert shown[2].strip() == "everything was stopped by mlship down"


@pytest.mark.parametrize(
    ("before", "traffic"), [(GOOD, "v2 100 %"), (BAD, "v1 100 %"), ((), "no routing yet"), (STOPPED, "no routing yet")]
)
def test_until_a_rollout_has_routed_the_one_before_serves(before: tuple[Recorded, ...], traffic: str) -> None:
    """A candidate that takes long to start changes nothing for users, and status says so."""
    after = before[-1].seq if before else 0
    next_ = (replace(each, seq=each.seq + after, rollout="next") for each in GOOD[:3])
    states = [fold("fraud-scorer", (*before, *next_)), fold("new", ())]
    alone = printed(lambda paper: status(states[:1], GOOD[-1].at, paper), WIDE)
    assert f"traffic: {traffic}\n" in alone
    every = printed(lambda paper: status(states, GOOD[-1].at, paper), WIDE)
    assert (traffic in every) is (traffic != "no routing yet")
