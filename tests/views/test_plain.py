import io

from mlship.journal.events import BroughtUp, Looked, Recorded
from mlship.metrics.look import Look
from mlship.views.news import News
from mlship.views.plain import PlainView
from tests.views.scenes import BAD, CONTEST, GOOD, page


def _shown(events: tuple[Recorded, ...], encoding: str = "utf-8") -> str:
    buffer = io.BytesIO()
    view = PlainView(io.TextIOWrapper(buffer, encoding=encoding))
    for recorded in events:
        view.show(recorded)
    view.close()
    return buffer.getvalue().decode(encoding)


def test_a_log_tells_the_whole_rollout() -> None:
    """A rollout in a CI log reads from start to rollback, looks summarised."""
    assert page("plain-bad") == _shown(BAD)


def test_a_log_tells_a_shadow() -> None:
    """Copies are not called requests, what is the same of several challengers is said once, and the choice is told."""
    assert page("plain-contest") == _shown(CONTEST)


def test_a_log_has_no_colour_no_trailing_space_and_one_line_per_event() -> None:
    """A log can be searched and compared line by line."""
    lines = _shown(GOOD).splitlines()
    assert len(lines) <= len(GOOD)
    assert [line for line in lines if line != line.rstrip() or not line.isprintable()] == []


def test_a_log_in_ascii_stays_readable() -> None:
    """What the stream cannot encode is spelt, and an escape sequence in a model's name is defused."""
    hostile = Recorded(seq=1, service="s", rollout="r", at=0.0, event=BroughtUp(model="v1 → \x1b[31mv2"))
    assert _shown((hostile,), "ascii") == "1970-01-01T00:00:00.000Z s: v1 ->  [31mv2 is live\n"


def _look(number: int, at: float, *, known: bool = True) -> Recorded:
    look = Look(number=number, start=at - 5, end=at, weights={"v1": 10000}, tallies={} if known else None)
    return Recorded(seq=number, service="s", rollout="r", at=at, event=Looked(step=0, look=look))


def test_looks_without_news_are_told_every_half_minute() -> None:
    """A quiet rollout still shows that it lives, and does not flood the log."""
    told, news = [], News()
    for number in range(1, 15):
        news, line = news.after(_look(number, 5.0 * number))
        told += [number] if line else []
    assert told == [1, 7, 13]


def test_going_blind_and_seeing_again_are_news() -> None:
    """A source of numbers that fails, and one that comes back, are told at once."""
    told, news = [], News()
    for number, known in enumerate([True, False, False, True], start=1):
        news, line = news.after(_look(number, 5.0 * number, known=known))
        told += [line] if line else []
    assert told == ["look 1: no traffic", "look 2: could not measure", "look 4: no traffic"]
