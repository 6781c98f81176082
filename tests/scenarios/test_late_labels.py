"""Labels that come after the promotion reopen its verdict."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.engine.record import Record
from mlship.engine.review import failed, is_open, review
from mlship.journal.events import Reviewed
from mlship.journal.holder import this_process
from mlship.journal.status import Status
from mlship.plan.answergates import Direction, Quality
from mlship.plan.labelwatch import LabelWatch
from mlship.plan.model import DriverSpec, Model, Plan
from mlship.plan.routing import WHOLE
from mlship.plan.verdict import Outcome, Verdict
from tests.scenarios.rehearsal import Rehearsal
from tests.scenarios.test_shadow import shadow
from tests.strategies.plans import GATES, blue_green, plan

SURE = Quality(name="sure", metric="accuracy", direction=Direction.NO_WORSE_THAN, margin=0.02)
WEEK = 7 * 86_400.0
WATCHED = LabelWatch(period=WEEK)


def late(accuracy: float, *, watch: LabelWatch | None = WATCHED) -> Plan:
    """Live is right nine times in ten; truths come after two hours, when v2 was long promoted by hand."""
    return plan(
        shadow(mirror={"v2": WHOLE}, gates=("sure", "signed-off"), hold=60.0),
        blue_green(),
        models={
            "v1": Model(name="v1", faults={"accuracy": 0.9}),
            "v2": Model(name="v2", faults={"accuracy": accuracy}),
        },
        gates={**GATES, "sure": SURE},
        driver=DriverSpec(name="memory", settings={"labels": 1.0, "labels-after": 7200.0}),
        watch_labels=watch,
    )


def promoted(folder: Path, asked: Plan) -> Rehearsal:
    rollout = Rehearsal(folder, asked)
    rollout.start(kill_at_look=20)
    rollout.order("promote")
    assert rollout.resume() is Status.PROMOTED
    return rollout


def reviewed(rollout: Rehearsal, *, after: float) -> tuple[Verdict, ...]:
    rollout.clock.sleep(after)
    lease = rollout.journal.leases.take_over("scorer", this_process(), rollout=rollout.rollout)
    record = Record(journal=rollout.journal, lease=lease)
    try:
        assert is_open(record, rollout.plan, rollout.clock.now())
        return review(plan=rollout.plan, record=record, source=rollout.driver(), clock=rollout.clock)
    finally:
        rollout.journal.leases.release(lease)


def test_late_labels_speak_against_the_promotion(tmp_path: Path) -> None:
    """v2 turns out to be right far less often: the review fails it, and the journal holds why."""
    rollout = promoted(tmp_path, late(0.6))
    verdicts = reviewed(rollout, after=7200.0)

    assert failed(verdicts) is not None
    assert [verdict.gate for verdict in verdicts] == ["sure"]
    assert rollout.state.rollout is not None
    assert rollout.state.rollout.reviewed is not None
    assert rollout.state.rollout.status is Status.PROMOTED
    assert rollout.roll_back() is Status.ROLLED_BACK
    assert rollout.weights == {"v1": WHOLE}


def test_late_labels_confirm(tmp_path: Path) -> None:
    """v2 is as good as promised: the gate that waited passes."""
    verdicts = reviewed(promoted(tmp_path, late(0.92)), after=7200.0)

    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS]


def test_before_the_labels_nothing_is_held_against_anybody(tmp_path: Path) -> None:
    """A review that comes early waits."""
    verdicts = reviewed(promoted(tmp_path, late(0.6)), after=10.0)

    assert [verdict.outcome for verdict in verdicts] == [Outcome.WAIT]


def test_reviews_add_up(tmp_path: Path) -> None:
    """A second review sees only what is new, and judges by everything."""
    rollout = promoted(tmp_path, late(0.6))
    first, second, third = (reviewed(rollout, after=after) for after in (10.0, 7200.0, 10.0))
    reviews = [recorded.event for recorded in rollout.events if isinstance(recorded.event, Reviewed)]

    assert [event.look.answers["v2"].total.labelled > 0 for event in reviews] == [False, True, False]
    assert (failed(first), failed(second) is None, failed(third) is None) == (None, False, False)


@pytest.mark.parametrize("watch", [None, LabelWatch(period=60.0)])
def test_nothing_is_watched(tmp_path: Path, watch: LabelWatch | None) -> None:
    """Without `watch-labels`, and after its time, a promotion stays closed."""
    rollout = promoted(tmp_path, late(0.6, watch=watch))
    rollout.clock.sleep(100.0)
    lease = rollout.journal.leases.take_over("scorer", this_process(), rollout=rollout.rollout)
    record = Record(journal=rollout.journal, lease=lease)

    assert not is_open(record, rollout.plan, rollout.clock.now())
    assert is_open(record, replace(rollout.plan, watch_labels=WATCHED), rollout.clock.now())
