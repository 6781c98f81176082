"""The figures of answers on the page of a rollout: nothing that is known is left out, however narrow the page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group

from mlship.journal.events import Event, Looked, Reviewed
from mlship.metrics.answers import Answers, Cell, Histogram, Pairs, Scores
from mlship.metrics.look import Look
from mlship.views.panels.quality import kept, quality, summed
from mlship.views.paper import Paper
from tests.views.scenes import printed

CELLS = (
    Cell(truth="1", live="1", challenger="1", count=40),
    Cell(truth="1", live="0", challenger="1", count=10),
    Cell(truth="0", live="0", challenger="0", count=50),
)
ERROR = Scores(count=100, live=10.0, challenger=1.0, difference=-9.0, square=9.0)
DRIFT = Histogram(edges=(0.5,), live=(60, 40), challenger=(50, 50))
ALL = Pairs(
    pairs=200, agreed=180, labelled=100, right=(0, 10), cells=CELLS,
    scores={"absolute_error": ERROR, "squared_error": ERROR, "log_loss": ERROR, "confidence": ERROR},
    histograms={"prediction": DRIFT},
)  # fmt: skip
GERMAN = Pairs(pairs=20, agreed=20, labelled=10, cells=(Cell(truth="1", live="1", challenger="1", count=10),))
ANSWERS = Answers(total=ALL, segments={"country=de": GERMAN})


def drawn(events: Sequence[Event], width: int) -> list[str]:
    return printed(lambda paper: Group(*quality(summed(events), paper)), Paper(width=width)).splitlines()


def look(answers: Answers) -> Look:
    return Look(number=1, start=0.0, end=5.0, weights={}, tallies=None, answers={"v2": answers})


NAMES = "pairs agree labelled covered accuracy precision recall f1 mae rmse log_loss confidence"


def test_every_figure_of_both_sides_by_segment() -> None:
    """Agreement, coverage, accuracy, precision, recall, F1, MAE, RMSE, log loss, own scores and drift."""
    lines = [line.replace(" %", "%").split() for line in drawn([Looked(step=1, look=look(ANSWERS))], 130)]
    assert [" ".join(line) for line in (lines[0][3:], *lines[1:5], lines[5][-2:], lines[6])] == [
        NAMES,
        "v2 200 90% 100 50% 100% 1 1 1 0.01 0.1 0.01 0.01",
        "live 90% 0.92 0.9 0.9 0.1 0.32 0.1 0.1",
        "v2 country=de 20 100% 10 50% 100% 1 1 1 - - - -",
        "live 100% 1 1 1 - - - -",
        "psi ks",
        "v2 prediction 0.04 0.1",
    ]


def test_what_does_not_fit_goes_below() -> None:
    """On a narrow page the columns go on in further tables."""
    text = " ".join(drawn([Looked(step=1, look=look(ANSWERS))], 40))
    assert set(NAMES.split()) <= set(text.split())


def test_late_labels_are_added() -> None:
    """A review counts like a look."""
    twice: list[Event] = [Looked(step=1, look=look(ANSWERS)), Reviewed(step=1, look=look(ANSWERS))]
    assert summed(twice)["v2", ""].labelled == 200


def test_without_labels_there_is_drift_alone() -> None:
    """No figure is made up."""
    lines = drawn([Looked(step=1, look=look(Answers(total=Pairs(pairs=9, histograms={"x": DRIFT}))))], 80)
    assert [line.split()[1] for line in lines] == ["drift", "x"]
    assert drawn([], 80) == []


def test_what_could_not_be_read_is_told() -> None:
    """Each reason with its count."""
    shown = printed(lambda paper: Group(*kept({"answers": 1200, "unreadable: cut": 3}, paper)), Paper(width=80))
    assert [" ".join(line.split()) for line in shown.splitlines()[1:]] == ["answers 1 200", "unreadable: cut 3"]
    assert kept({}, Paper(width=80)) == []
