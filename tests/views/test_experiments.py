"""What people see of A/B tests and bandits while they run, and afterwards."""

import io
import re
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from mlship.journal.events import Looked, Reallocated, Recorded
from mlship.journal.fold import fold
from mlship.plan.verdict import Outcome
from mlship.views.dashboard import dashboard, draw
from mlship.views.glyphs import ASCII
from mlship.views.news import NOTABLE, News
from mlship.views.paper import Paper
from mlship.views.plain import PlainView
from mlship.views.results import result
from mlship.views.scene import Scene
from mlship.views.show import show
from mlship.views.status import status
from mlship.views.trial import KEPT, Course
from tests.views.scenes import followed, page, printed, until
from tests.views.trial_story import Trialled
from tests.views.trials import STORIES, told

SIZES = {"80x23": Paper(width=80, height=23), "140x39": Paper(width=140, height=39)}
MADE_UP = {"ab": tuple(Trialled().tell()), "bandit": tuple(Trialled(moving=True).tell())}
MOMENTS = {"ab": 60.0, "bandit": 60.0}
END = 10_000.0


def _screen(events: tuple[Recorded, ...], paper: Paper) -> str:
    state, feed = followed(events)
    return printed(lambda sheet: dashboard(state, feed, events[-1].at + 2, sheet), paper)


def _status(events: tuple[Recorded, ...], *, with_feed: bool = True) -> str:
    state, feed = followed(events)
    feeds = {state.service: feed} if with_feed else {}
    return printed(lambda sheet: status([fold("shop", events)], events[-1].at, sheet, feeds), Paper(width=80))


def _shown(events: tuple[Recorded, ...]) -> str:
    return printed(lambda sheet: show(events, events[-1].at, sheet), Paper(width=110))


def _logged(events: tuple[Recorded, ...]) -> str:
    stream = io.StringIO()
    view = PlainView(stream)
    for recorded in events:
        view.show(recorded)
    return stream.getvalue()


def _real(name: str, seconds: float = END) -> tuple[Recorded, ...]:
    """The first seconds of a rollout that the engine has carried out."""
    return until(told(name), seconds)


def _scene(events: tuple[Recorded, ...]) -> Scene:
    state, feed = followed(events)
    assert state.rollout is not None
    return Scene(service=state, rollout=state.rollout, feed=feed, now=events[-1].at)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", MOMENTS)
def test_an_experiment_is_as_it_was_found_good(name: str, size: str) -> None:
    """Arm by arm: the share asked, who is counted and who is too young, what it brings, and who is ahead."""
    assert page(f"{name}-{size}") == _screen(until(MADE_UP[name], MOMENTS[name]), SIZES[size])


def test_a_bandit_in_ascii_is_the_same_screen() -> None:
    """Weights over time can be drawn with letters, too."""
    shown = _screen(until(MADE_UP["bandit"], MOMENTS["bandit"]), Paper(width=80, height=23, glyphs=ASCII))
    assert page("bandit-ascii") == shown
    assert shown.isascii()


@pytest.mark.parametrize("name", ["ab", "bandit"])
def test_status_tells_an_experiment(name: str) -> None:
    """A few lines for whoever looks in from another shell."""
    assert page(f"status-{name}") == _status(until(MADE_UP[name], MOMENTS[name]))


@pytest.mark.parametrize("name", MADE_UP)
def test_show_tells_how_an_experiment_came_out(name: str) -> None:
    """The figures of every arm, those that are out and why, and every event."""
    assert page(f"show-{name}") == _shown(MADE_UP[name])


def test_a_log_tells_a_bandit() -> None:
    """Outcomes in the looks, and weights that have moved far."""
    assert page("plain-bandit") == _logged(MADE_UP["bandit"])


BETWEEN = r"\(-?[\d.]+ to -?[\d.]+\)"


@pytest.mark.parametrize(
    ("name", "seconds", "said"),
    [
        ("ab", 0.0, "nothing is counted yet"),
        ("ab", 10.0, "0 of 100 units of each arm counted, 1 000 too young"),
        ("ab", 60.0, rf"v2 12 % of users, v1 10 %: 2 points more {BETWEEN}; not decided"),
        ("ab", END, rf"v2 12 % of users, v1 10 %: 2 points more {BETWEEN}; proven better"),
        ("worse", END, rf"v2 6 % of users, v1 10 %: 4 points less {BETWEEN}; proven worse"),
        ("fewer", END, rf"v2 6 % of users, v1 10 %: 4 points less {BETWEEN}; proven better"),
        ("revenue", END, rf"v2 1.2 per user, v1 1: 0.2 more {BETWEEN}; proven better"),
        ("three", 60.0, rf"v3 13 % of users, v1 9.99 %: 3 points more {BETWEEN}; not decided"),
        ("fixed", 40.0, r"1 500 of \d \d\d\d units of each arm; it is read once, when they are complete"),
        ("fixed", END, r"v2 14 % of users, v1 10 %: 4 points more; found better \(p = .*\)"),
        ("bandit", 30.0, r"v2 1[\d.]* % of users, v1 9[\d.]* %(, v3 7[\d.]* %)?; v2 leads, not proven"),
        ("bandit", END, r"v2 1[\d.]* % of users, v1 9[\d.]* %; v2 is proven better than each other arm"),
        ("pair", END, "v2 1.2 per user, v1 1; v2 is proven better than each other arm"),
    ],
)
def test_the_result_is_one_sentence(name: str, seconds: float, said: str) -> None:
    """Who brings how much, by how much more and between what bounds, and whether that is proven."""
    scene = _scene(_real(name, seconds))
    assert scene.trial is not None
    assert re.fullmatch(said, result(scene, scene.trial))


def test_a_sample_that_is_not_complete_is_not_told() -> None:
    """A fixed sample is read once: before that no page says what the arms bring."""
    complete = next(
        recorded.at
        for recorded in told("fixed")
        if isinstance(recorded.event, Looked)
        and any(v.gate == "conversion-decides" and v.outcome is Outcome.PASS for v in recorded.event.verdicts)
    )
    early = _real("fixed", complete - told("fixed")[0].at - 1)
    pages = [_screen(early, SIZES["140x39"]), _status(early), _shown(early), _logged(early)]
    assert [line for text in pages for line in text.splitlines() if "14 %" in line] == []
    assert "users counted" in _logged(early)
    assert "14 %" in _status(_real("fixed"))


@pytest.mark.parametrize("name", sorted(STORIES.keys() - {"chain"}))
def test_arms_that_serve_users_get_no_copies(name: str) -> None:
    """The words of a shadow are kept for shadows."""
    early, whole = _real(name, 25.0), _real(name)
    pages = (_screen(early, SIZES["80x23"]), _status(early), _shown(whole), _logged(whole))
    assert [line for text in pages for line in text.splitlines() if re.search(r"\bcop(y|ies)\b", line)] == []


@pytest.mark.parametrize("paper", [Paper(width=80, height=23), Paper(width=80), Paper(width=140, height=39)])
@pytest.mark.parametrize("name", ["ab", "three", "bandit", "chain"])
def test_no_panel_moves(name: str, paper: Paper) -> None:
    """From the first event to the last the screen keeps its height, whoever loses and whatever the weights do."""
    heights = set()
    for length in range(1, len(told(name)) + 1):
        state, feed = followed(told(name)[:length])
        heights.add(len(draw(state, feed, told(name)[length - 1].at, paper)))
    assert len(heights) == 1


@pytest.mark.parametrize("width", [20, 40, 60, 100, 200])
def test_any_width_is_enough(width: int) -> None:
    """What does not fit is left out, from the right."""
    for name, moment in MOMENTS.items():
        shown = _screen(until(MADE_UP[name], moment), Paper(width=width))
        assert max(map(len, shown.splitlines())) <= width


def test_a_shadow_before_an_experiment_keeps_its_own_panels() -> None:
    """Copies and answers while there are copies, then outcomes; the step at work is in sight however little room."""
    shadow, trial = (_screen(_real("chain", seconds), SIZES["80x23"]) for seconds in (20.0, 60.0))
    assert "shadow copies to v2" in shadow
    assert "unpaired" in shadow
    assert "unpaired" not in trial
    assert "v2 20 % of users, v1 10 %" in trial
    told_last = _shown(_real("chain"))
    assert "v3 ✗ out error-ceiling" in told_last
    assert "v2  goes on: the only one that passed" in told_last


def test_an_arm_that_is_out_says_why() -> None:
    """Nothing judges an arm without users any more; what it failed is remembered, and not told as a reason to wait."""
    events = _real("three", 60.0)
    shown = _screen(events, SIZES["80x23"])
    assert "out error-ceiling: 25 of 125 failed, at most 5 % may" in shown
    assert shown.splitlines()[2].strip() == "waits for 2 gates of v3; rolls back in 23h 58m"
    assert "v2 out: users: it has lost them" in _status(events, with_feed=False)


def test_weights_that_move_do_not_begin_the_step_anew() -> None:
    """Hold time, deadline and requests count from where the step began, whatever the routing has done since."""
    shown = _screen(until(MADE_UP["bandit"], 60.0), SIZES["80x23"])
    assert "30s of 30s" in shown
    assert "rolls back in 23h 59m" in shown
    assert "on to the next step" not in "".join(_moments(MADE_UP["bandit"]))


def _moments(events: tuple[Recorded, ...]) -> Iterator[str]:
    """The third line at each event while the step was at work."""
    for length in range(1, len(events)):
        state, feed = followed(events[:length])
        rollout = state.rollout
        if rollout and rollout.step == 1 and rollout.began_at is not None and not rollout.passed:
            yield draw(state, feed, events[length - 1].at, SIZES["80x23"])[2].plain


def _move(shares: dict[str, float], at: float) -> Recorded:
    event = Reallocated(step=1, revision=1, segments=(), propensities=shares, reason="best with probability ...")
    return Recorded(seq=1, service="shop", rollout="r", at=at, event=event)


def test_small_moves_are_no_news() -> None:
    """Weights are told when they have moved far since they were told, when an arm is out, and after long silence."""
    news, first = News(every=None).after(_move({"v1": 0.5, "v2": 0.4, "v3": 0.1}, 0.0))
    near, second = news.after(_move({"v1": 0.5 - NOTABLE / 2, "v2": 0.4 + NOTABLE / 2, "v3": 0.1}, 1.0))
    _, far = near.after(_move({"v1": 0.5 - 1.5 * NOTABLE, "v2": 0.4 + 1.5 * NOTABLE, "v3": 0.1}, 2.0))
    _, out = near.after(_move({"v1": 0.55, "v2": 0.45}, 2.0))
    assert (first is None, second is None, far is None, out is None) == (False, True, False, False)
    _, late = News(every=30.0, shares=near.shares, told_at=0.0).after(_move({"v1": 0.5, "v2": 0.4, "v3": 0.1}, 31.0))
    assert late is not None


def test_the_routing_of_a_move_is_not_told() -> None:
    """A bandit that moves every minute for days does not fill the log with what each move takes."""
    lines = _logged(_real("bandit")).splitlines()
    first = next(place for place, line in enumerate(lines) if "new weights" in line)
    last = max(place for place, line in enumerate(lines) if "new weights" in line)
    assert [line for line in lines[first:last] if "routing" in line or "in place" in line] == []


def test_the_course_of_the_weights_spans_the_whole_step() -> None:
    """However long a bandit runs, its first weights are at the left and its last at the right, in bounded room."""
    course = Course()
    for look in range(1000):
        course = course.and_then({"v1": 1000 - look, "v2": 9000 + look})
        assert len(course.points) <= KEPT
    drawn = course.of("v2", 10)
    assert len(drawn) == 10
    assert drawn == sorted(drawn)
    assert drawn[0] < 9000 + 150
    assert drawn[-1] > 9000 + 950
    assert Course().of("v1", 10) == []


def test_outcomes_of_unknown_requests_are_told() -> None:
    """Whoever reports under wrong ids learns of it."""
    events = tuple(_with_unknown(recorded) for recorded in told("ab"))
    shown = printed(lambda sheet: show(events, events[-1].at, sheet), Paper(width=110))
    assert " 7 outcomes came for requests that nobody knows" in shown.splitlines()


def _with_unknown(recorded: Recorded) -> Recorded:
    event = recorded.event
    if not isinstance(event, Looked) or event.look.rewards is None:
        return recorded
    rewards = replace(event.look.rewards, unknown=7)
    return replace(recorded, event=replace(event, look=replace(event.look, rewards=rewards)))
