from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mlship.journal.events import (
    BroughtUp,
    Done,
    Entered,
    Event,
    Failed,
    Intended,
    Looked,
    Parked,
    Passed,
    Promoted,
    Recorded,
    Reopened,
    Requested,
    RollbackBegun,
    RollbackFailed,
    RolledBack,
    Settled,
    Taken,
    TornDown,
)
from mlship.journal.fold import apply, fold
from mlship.journal.state import RolloutState, ServiceState
from mlship.journal.status import Status
from mlship.plan.routing import all_to
from tests.journal.made import T0, examples, likely_events, look, promoted_rollout, recorded, started

BEGUN = RollbackBegun(to="v1", reason="errors", by="mlship")


def ordered(order: str, *, full: bool = False) -> Requested:
    return Requested(order=order, by="ana", full=full)


def after(*events: Event) -> ServiceState:
    return fold("fraud", recorded(started(), *events))


def rollout_after(*events: Event) -> RolloutState:
    rollout = after(*events).rollout
    assert rollout is not None
    return rollout


def test_a_service_without_events_is_empty() -> None:
    """No events, no state: nothing is live and nothing is known."""
    assert fold("fraud", []) == ServiceState(service="fraud")


def test_a_rollout_begins_running_with_the_old_model_live() -> None:
    """From the start on, the model that a rollback returns to is the live one."""
    state, rollout = after(), rollout_after()

    assert (state.live, state.previous, state.down, state.seq) == ("v1", None, False, 1)
    assert (rollout.status, rollout.step, rollout.started_at, rollout.by) == (Status.RUNNING, 0, T0 + 1, "ana@ci")
    assert rollout.current == rollout.compiled.steps[0]


def test_a_step_forgets_the_one_before() -> None:
    """A new step begins unsettled and not passed."""
    rollout = rollout_after(Entered(step=0), Settled(step=0), Passed(step=0, reason="held"), Entered(step=1))

    assert (rollout.step, rollout.entered_at, rollout.settled_at, rollout.passed) == (1, T0 + 5, None, False)


def test_settled_and_passed_count_for_their_own_step_only() -> None:
    """A late word on another step never settles or passes the one at work."""
    rollout = rollout_after(Entered(step=1), Settled(step=0), Passed(step=0, reason="late"))

    assert (rollout.settled_at, rollout.passed) == (None, False)
    assert rollout_after(Entered(step=1), Settled(step=1)).settled_at == T0 + 3


def test_a_routing_counts_once_it_is_confirmed() -> None:
    """What was intended is pending; once done it is what was asked; once failed it never was."""
    intended = Intended(verb="route", routing=all_to("v2"))

    assert rollout_after(intended).pending == intended
    assert rollout_after(intended).asked is None
    assert rollout_after(intended, Done(verb="route")).asked == all_to("v2")
    assert rollout_after(intended, Done(verb="route")).pending is None
    assert rollout_after(intended, Failed(verb="route", message="no")).asked is None
    assert rollout_after(intended, Failed(verb="route", message="no")).pending is None


def test_another_act_leaves_the_routing() -> None:
    """Starting and stopping models does not change what was asked of the router."""
    acts = (Intended(verb="ensure", model="v2", replicas=1), Done(verb="ensure", model="v2"))
    rollout = rollout_after(Intended(verb="route", routing=all_to("v1")), Done(verb="route"), *acts)

    assert rollout.asked == all_to("v1")


def test_history_is_kept_apart_from_the_looks() -> None:
    """Look number 0 is the history; later ones replace each other."""
    looks = [Looked(step=0, look=look(number)) for number in range(3)]
    rollout = rollout_after(*looks)

    assert (rollout.history, rollout.last, rollout.looks) == (looks[0], looks[2], 2)


def test_a_pause_is_answered_by_parking_and_ended_by_resume() -> None:
    """Pause waits for the run to park; resume, from whatever process, goes on as if nothing had been."""
    paused = (ordered("pause"), Parked(reason="paused by ana"))

    assert rollout_after(ordered("pause")).order == ordered("pause")
    assert (rollout_after(*paused).status, rollout_after(*paused).order) == (Status.PARKED, None)
    resumed = rollout_after(*paused, Taken(by="bo", reason="resume"))
    assert (resumed.status, resumed.paused, resumed.reason) == (Status.RUNNING, False, "")


def test_an_order_to_resume_takes_a_pause_back() -> None:
    """A pause that nobody has carried out yet is gone after resume."""
    rollout = rollout_after(ordered("pause"), ordered("resume"))

    assert (rollout.paused, rollout.order) == (False, None)


def test_approve_signs_off_the_step_at_work() -> None:
    """Approve signs the manual gates of this step, of no later one, and moves nothing on."""
    rollout = rollout_after(Entered(step=1), ordered("approve"))

    assert (rollout.approved_step, rollout.order) == (1, None)


def test_promote_is_answered_by_passing() -> None:
    """Promote stands until its step is passed, and is not carried over to the next."""
    assert rollout_after(Entered(step=1), ordered("promote")).order == ordered("promote")
    assert rollout_after(ordered("promote"), Passed(step=0, reason="ana")).order is None


def test_promote_full_stands_until_the_end() -> None:
    """Promote --full is not used up by the first step."""
    order = ordered("promote", full=True)

    assert rollout_after(order, Passed(step=0, reason="ana"), Entered(step=1)).order == order
    assert rollout_after(order, Promoted(model="v2", previous="v1")).order is None


@pytest.mark.parametrize("later", ["pause", "resume", "promote"])
def test_an_abort_outlives_later_orders(later: str) -> None:
    """Nothing said after an abort keeps the rollout from going back."""
    assert rollout_after(ordered("abort"), ordered(later)).order == ordered("abort")
    assert rollout_after(ordered("abort"), ordered(later), BEGUN).order is None


def test_a_rollback_leaves_the_old_model_live() -> None:
    """A rollback in the middle changes neither what is live nor what was before it."""
    state = after(Entered(step=1), BEGUN, RolledBack(to="v1", seconds=0.5))

    assert (state.live, state.previous) == ("v1", None)
    assert state.rollout is not None
    assert (state.rollout.status, state.rollout.reason, state.rollout.ended_at) == (
        Status.ROLLED_BACK,
        "errors",
        T0 + 4,
    )


def test_a_promotion_and_a_rollback_after_it_swap_the_models() -> None:
    """After a promotion the way back is the old model; after that rollback it is the new one."""
    promoted = after(Promoted(model="v2", previous="v1"))
    back = after(Promoted(model="v2", previous="v1"), BEGUN, RolledBack(to="v1", seconds=1.0))

    assert (promoted.live, promoted.previous) == ("v2", "v1")
    assert (back.live, back.previous) == ("v1", "v2")
    assert back.rollout is not None
    assert back.rollout.status is Status.ROLLED_BACK


def test_a_rollback_that_failed_is_not_over() -> None:
    """Incomplete is a standing state: a later rollback can finish the work."""
    failed = rollout_after(BEGUN, RollbackFailed(to="v1", message="no router"))
    again = rollout_after(BEGUN, RollbackFailed(to="v1", message="no router"), BEGUN, RolledBack(to="v1", seconds=1.0))

    assert (failed.status, failed.status.over, failed.reason, failed.ended_at) == (
        Status.ROLLBACK_INCOMPLETE,
        False,
        "no router",
        None,
    )
    assert again.status is Status.ROLLED_BACK


def test_down_leaves_nothing_live() -> None:
    """After down nothing is live, and an unfinished rollout is over; a finished one stays what it was."""
    state = after(Entered(step=0), TornDown(by="ana"))
    finished = rollout_after(Promoted(model="v2", previous="v1"), TornDown(by="ana"))

    assert (state.live, state.previous, state.down) == (None, None, True)
    assert state.rollout is not None
    assert (state.rollout.status, state.rollout.status.over) == (Status.TORN_DOWN, True)
    assert finished.status is Status.PROMOTED


def test_a_new_rollout_brings_a_service_back() -> None:
    """The next deploy after down begins anew."""
    state = fold("fraud", recorded(started(), TornDown(by="ana"), started(), BroughtUp(model="v1")))

    assert (state.live, state.down) == ("v1", False)
    assert state.rollout is not None
    assert state.rollout.status is Status.BROUGHT_UP


def test_downtime_is_kept() -> None:
    """The measured downtime of recreate is part of the state."""
    assert rollout_after(Reopened(downtime=1.5)).downtime == 1.5


@pytest.mark.parametrize("event", [Parked(reason="late"), ordered("pause"), Taken(by="ana", reason="resume")])
def test_nothing_reopens_a_rollout_that_is_over(event: Event) -> None:
    """Orders and words that come too late change nothing."""
    end = Promoted(model="v2", previous="v1")

    assert rollout_after(end, event) == rollout_after(end)


def test_models_and_their_folders_add_up_over_the_rollouts() -> None:
    """Every model that a service ever had is known as its last plan wrote it, with the folder of that plan."""
    first = recorded(started("v1", "v2", base="/a"))
    second = recorded(started("v2", "v3", base="/b"), rollout="r2", first=2)
    state = fold("fraud", [*first, *second])

    assert state.models == {name: {"command": [name]} for name in ("v1", "v2", "v3")}
    assert state.bases == {"v1": "/a", "v2": "/b", "v3": "/b"}


@pytest.mark.parametrize("models", [None, [], "v1", {"v1": None}])
def test_a_plan_with_odd_models_does_no_harm(models: object) -> None:
    """A document that is no mapping is passed over."""
    state = fold("fraud", recorded(replace(started(), plan={"models": models})))

    assert state.models == {}


def test_an_older_rollout_cannot_touch_the_latest_one() -> None:
    """Events of another rollout change what is live, never the state of the latest rollout."""
    latest = recorded(started("v1", "v3"), rollout="r2", first=2)
    late = recorded(ordered("abort"), Parked(reason="late"), Promoted(model="v2", previous="v1"), first=3)
    state = fold("fraud", [*recorded(started()), *latest, *late])

    assert state.live == "v2"
    assert state.rollout == fold("fraud", latest).rollout


def test_a_step_that_is_not_there_is_no_step() -> None:
    """A plan without that step has no current one, and no error."""
    assert [rollout_after(Entered(step=step)).current for step in (3, -1, 10**9)] == [None, None, None]


def test_a_whole_promotion_folds_to_its_end() -> None:
    """The events of a rollout from start to promotion fold to what happened."""
    state = fold("fraud", recorded(*promoted_rollout()))

    assert (state.live, state.previous) == ("v2", "v1")
    assert state.rollout is not None
    assert (state.rollout.status, state.rollout.looks, state.rollout.asked) == (Status.PROMOTED, 1, all_to("v2"))


histories = st.lists(st.tuples(likely_events(), st.sampled_from(["r1", "r2", "r3"])), max_size=20).map(
    lambda pairs: [
        Recorded(seq=seq, service="fraud", rollout=rollout, at=T0 + seq, event=event)
        for seq, (event, rollout) in enumerate(pairs, start=1)
    ]
)


@examples(100)
@given(events=histories, cut=st.integers(0, 20))
def test_a_fold_can_be_stopped_anywhere_and_carried_on(events: list[Recorded], cut: int) -> None:
    """Whatever the order of events, folding a prefix and applying the rest is the whole fold, and never an error."""
    state = fold("fraud", events[:cut])
    for event in events[cut:]:
        state = apply(state, event)

    assert state == fold("fraud", events)


@examples(100)
@given(events=histories)
def test_a_state_never_contradicts_itself(events: list[Recorded]) -> None:
    """What is live is not also what was before; down means nothing is live; what is over has an end."""
    state = fold("fraud", events)

    assert state.live is None or state.live != state.previous
    assert not (state.down and state.live)
    assert state.rollout is None or state.rollout.status.over == (state.rollout.ended_at is not None)
