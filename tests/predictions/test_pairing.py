"""Pairs and labels: what a look says is what a plain count over everything says, however it came in."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.metrics.answers import Answers, Cell, Pairs, Scores
from mlship.predictions.pairing import LATE, ORPHAN, SEARCH
from mlship.predictions.prediction import text
from mlship.predictions.sums import MOST, OTHERS

from .made import SETTINGS, Site, feedback, line


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_pair_counts_when_its_second_half_arrives(site: Site) -> None:
    """Live and challenger may be read at different looks, in any order."""
    site.write(line("a", body={"y": 1}), line("b", body={"y": 1}, role="shadow", model="v2"))
    assert site.look().total.pairs == 0
    site.write(line("b", body={"y": 2}), line("a", body={"y": 1}, role="shadow", model="v2"))
    total = site.look().total
    assert (total.pairs, total.agreed) == (2, 1)


def test_a_label_counts_when_it_arrives(site: Site) -> None:
    """Days late, out of order, or before the answers have been read: each pair is judged once."""
    site.label(("early", 1))
    site.look()
    site.both(("early", 1, 2), ("late", 1, 2), ("never", 1, 2))
    assert site.look().total.right == (1, 0)
    site.clock.sleep(3 * 86400)
    site.label(("late", 2))
    assert site.look().total.right == (0, 1)
    site.label(("late", 1), ("early", 2))
    assert site.look().total.labelled == 0


def test_the_last_label_of_a_batch_wins(site: Site) -> None:
    """Where a truth was corrected before it was counted, the correction counts."""
    site.both(("a", 1, 2))
    site.write(feedback("a", 2, at=5.0), feedback("a", 1, at=4.0), feedback("a", 7, name="reward"), kind="feedback")
    assert site.look().total.right == (0, 1)


def test_what_was_not_settled_is_told_again(site: Site) -> None:
    """A crash between the answers and their record neither loses nor doubles a pair."""
    site.both(("a", 1, 1))
    site.kept.ingest(site.spool)
    first, mark = site.kept.answers("v1", {"v2": 10_000})
    site.both(("b", 1, 1))
    site.kept.ingest(site.spool)
    again, same = site.kept.answers("v1", {"v2": 10_000})
    assert (again, same) == (first, mark)
    site.kept.settle(mark)
    site.kept.settle(mark)
    following, later = site.kept.answers("v1", {"v2": 10_000})
    assert following["v2"].total.pairs == 1
    assert later > mark


def test_a_new_comparison_begins_with_nothing(site: Site) -> None:
    """Answers from before `since`, and what an earlier comparison left unsettled, do not count."""
    site.both(("old", 1, 1), at=900.0)
    site.kept.ingest(site.spool)
    site.kept.answers("v1", {"v2": 10_000}, since=800.0)
    site.both(("new", 1, 1), at=990.0)
    site.label(("old", 1), ("new", 1))
    total = site.look(since=950.0).total
    assert (total.pairs, total.labelled) == (1, 1)


def test_an_answer_without_a_challenger_is_unpaired_once(site: Site) -> None:
    """Where everything is mirrored, a live answer that stays alone for a while is told once."""
    site.write(line("a", body={"y": 1}, at=1000.0))
    assert site.look().total.unpaired == 0
    site.clock.sleep(LATE + 1)
    assert site.look().total.unpaired == 1
    site.write(line("a", body={"y": 1}, at=1000.0, role="shadow", model="v2"))
    total = site.look().total
    assert (total.unpaired, total.pairs) == (0, 0)


def test_a_partial_mirror_is_known_by_its_own_lines(site: Site) -> None:
    """Where a part is mirrored, only copies that failed are unpaired: the others were never sent."""
    site.write(
        line("a", body={"y": 1}),
        line("b", body={"y": 1}),
        line("a", body=b"", status=503, role="shadow", model="v2"),
    )
    site.clock.sleep(LATE + 1)
    total = site.look(2000).total
    assert (total.unpaired, total.pairs) == (1, 0)


def test_answers_that_cannot_be_read_are_no_pairs(site: Site) -> None:
    """A live answer that cannot be read is compared with nothing; a challenger's is unpaired."""
    site.write(
        line("a", body=b"<html>"),
        line("a", body={"y": 1}, role="shadow", model="v2"),
        line("b", body={"y": 1}),
        line("b", body=b"<html>", role="shadow", model="v2"),
    )
    site.clock.sleep(LATE + 1)
    total = site.look().total
    assert (total.pairs, total.unpaired) == (0, 1)


def test_several_challengers_are_paired_each(site: Site) -> None:
    """One live answer meets every challenger that got a copy; a label judges all of these pairs."""
    site.both(("a", 1, 1))
    site.write(line("a", body={"y": 2}, role="shadow", model="v3"))
    site.label(("a", 2))
    site.kept.ingest(site.spool)
    told, _ = site.kept.answers("v1", {"v2": 10_000, "v3": 10_000, "v4": 500})
    assert [told[name].total.right for name in ("v2", "v3", "v4")] == [(0, 0), (0, 1), (0, 0)]
    assert [told[name].total.pairs for name in ("v2", "v3", "v4")] == [1, 1, 0]


def test_labels_without_a_pair_do_not_pile_up(site: Site) -> None:
    """Labels of requests that were not sampled are searched for everywhere, and then let go."""
    site.label(*((f"{n}", 1) for n in range(100)))
    site.look()
    site.clock.sleep(ORPHAN + SEARCH + 1)
    site.look()
    assert site.kept.query("SELECT count(*) FROM labels") == [(0,)]
    assert site.kept.query("SELECT count(*) FROM outcomes") == [(100,)]


def test_numbers_have_errors(site: Site) -> None:
    """Absolute and squared errors are summed where prediction and truth are numbers."""
    site.both(("a", 1.5, 3.0), ("b", 2.0, 2.0), ("c", "cat", 1))
    site.label(("a", 2), ("b", "2.0"), ("c", 1))
    scores = site.look().total.scores
    assert scores["absolute_error"] == Scores(count=2, live=0.5, challenger=1.0, difference=0.5, square=0.25)
    assert scores["squared_error"] == Scores(count=2, live=0.25, challenger=1.0, difference=0.75, square=0.5625)
    assert "log_loss" not in scores


def test_scores_of_the_plan_need_no_label(tmp_path: Path) -> None:
    """A custom score is summed over the pairs that have it on both sides."""
    site = Site(tmp_path, replace(SETTINGS, scores={"sure": "s"}))
    for request_id, live, other in (("a", 1.0, 2.0), ("b", 3.0, None)):
        site.write(line(request_id, body={"y": 1, "s": live}))
        site.write(line(request_id, body={"y": 1, "s": other}, role="shadow", model="v2"))
    assert site.look().total.scores["sure"] == Scores(count=1, live=1.0, challenger=2.0, difference=1.0, square=1.0)


def test_too_many_classes_have_no_cells(site: Site) -> None:
    """Beyond fifty different classes the table of classes is left out, for good."""
    site.both(("a", 0, 0))
    site.label(("a", 0))
    assert site.look().total.cells == (Cell(truth="0", live="0", challenger="0", count=1),)
    site.both(*((f"b{n}", n, n) for n in range(MOST + 1)))
    site.label(*((f"b{n}", n) for n in range(MOST + 1)))
    assert site.look().total.cells == ()
    site.both(("c", 0, 0))
    site.label(("c", 0))
    total = site.look().total
    assert (total.cells, total.labelled) == ((), 1)


def test_segments_are_counted_apart(tmp_path: Path) -> None:
    """Each pair counts in the total and in the segment of its request; values beyond fifty share one."""
    site = Site(tmp_path, replace(SETTINGS, segments={"land": "header:x-land", "age": "request.age"}))
    site.both(("a", 1, 1), headers={"x-land": "NL"}, request={"age": 30})
    site.both(("b", 1, 2), headers={"x-land": "BE"}, request={"age": 30})
    site.both(("c", 1, 2))
    answers = site.look()
    assert answers.total.pairs == 3
    assert {name: (each.pairs, each.agreed) for name, each in answers.segments.items()} == {
        "land=NL": (1, 1),
        "land=BE": (1, 0),
        "age=30": (2, 1),
    }
    for n in range(60):
        site.both((f"d{n}", 1, 1), headers={"x-land": f"{n}"})
    answers = site.look()
    assert len(answers.segments) == MOST - 2 + 1
    assert answers.segments[f"land={OTHERS}"].pairs == 60 - (MOST - 2)


def test_any_order_gives_what_a_plain_count_gives(tmp_path: Path) -> None:
    """Shuffled lines in many looks sum up to the counts over all requests at once."""
    draw = random.Random(11)
    for round_ in range(4):
        site = Site(tmp_path / str(round_))
        requests = [(f"r{n}", draw.randrange(3), draw.randrange(3), draw.randrange(3)) for n in range(400)]
        shadowed = [each for each in requests if draw.random() < 0.8]
        labelled = [each for each in requests if draw.random() < 0.7]
        lines = [("predictions", line(r, body={"y": live})) for r, live, _, _ in requests]
        lines += [("predictions", line(r, body={"y": o}, role="shadow", model="v2")) for r, _, o, _ in shadowed]
        lines += [("feedback", feedback(r, truth)) for r, _, _, truth in labelled]
        draw.shuffle(lines)
        looks = []
        for start in range(0, len(lines), 150):
            for kind, raw in lines[start : start + 150]:
                site.write(raw, kind=kind)
            looks.append(site.look())
        both = set(shadowed) & set(labelled)
        assert sum(look.total.pairs for look in looks) == len(shadowed)
        assert sum(look.total.agreed for look in looks) == sum(live == o for _, live, o, _ in shadowed)
        assert cells(looks) == Counter((text(truth), text(live), text(o)) for _, live, o, truth in both)


def cells(looks: list[Answers]) -> Counter[tuple[str | None, ...]]:
    counted: Counter[tuple[str | None, ...]] = Counter()
    for look in looks:
        for cell in look.total.cells:
            counted[cell.truth, cell.live, cell.challenger] += cell.count
    return counted


def test_a_look_without_news_says_so(site: Site) -> None:
    """Nothing new is zero, not what was told before."""
    site.both(("a", 1, 1))
    site.look()
    assert site.look() == Answers(total=Pairs(), segments={})
