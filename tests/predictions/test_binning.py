"""Distributions: bins chosen once, every value counted once."""

from __future__ import annotations

import json
import math
from pathlib import Path

import duckdb
import pytest
from msgspec.structs import replace

from mlship.errors import OutOfReach
from mlship.metrics.answers import Histogram
from mlship.plan.model import Reference
from mlship.predictions.binning import FIRST, chosen

from .made import SETTINGS, Site


def test_bins_are_the_deciles_of_the_first_values(tmp_path: Path) -> None:
    """Values wait until there are enough to choose bins by; then all of them are counted, and the bins stay."""
    site = Site(tmp_path)
    site.both(*((f"a{n}", n, n + 1000) for n in range(FIRST - 1)))
    assert site.look().total.histograms == {}
    site.both(("b", FIRST - 1, 5000))
    first = site.look().total.histograms["prediction"]
    assert len(first.edges) == 9
    assert sum(first.live) == sum(first.challenger) == FIRST
    assert set(first.live) == {50}
    assert first.challenger == (0,) * 9 + (FIRST,)
    site.both(("c", -5, 1e9))
    second = site.look().total.histograms["prediction"]
    assert second == Histogram(edges=first.edges, live=(1, *(0,) * 9), challenger=(*(0,) * 9, 1))


def test_classes_have_a_bin_each() -> None:
    """Where values repeat there are fewer edges; what is lower than any before has a bin of its own."""
    edges = chosen([0.0] * 6 + [1.0] * 3, 0.0)
    assert edges == (-math.ulp(0.0), 0.0, 1.0)
    assert chosen([1.0, 2.0], 0.5) == (1.0, 2.0)
    assert chosen([], 0.0) == ()


def test_values_of_requests_and_scores_are_watched(tmp_path: Path) -> None:
    """What `drift` names is found in request or response, beside prediction and scores."""
    site = Site(tmp_path, replace(SETTINGS, drift={"age": "request.age"}, scores={"s": "y"}))
    for n in range(FIRST):
        site.both((f"{n}", n, n), request={"age": n % 7})
    assert sorted(site.look().total.histograms) == ["age", "prediction", "s"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_reference_file_is_compared_with(tmp_path: Path, kind: str) -> None:
    """The reference is told once for each comparison, in the bins of the live values."""
    file = tmp_path / f"reference.{kind}"
    write(file, kind)
    reference = Reference(file=str(file), columns={"age": 'the "age"'})
    site = Site(tmp_path, replace(SETTINGS, drift={"age": "request.age"}, reference=reference))
    for n in range(FIRST):
        site.both((f"a{n}", n, n), request={"age": n})
    first = site.look(since=1.0).total.histograms["age@reference"]
    assert (first.live, first.challenger) == ((10,) * 10, (50,) * 10)
    site.both(("b", 1, 1), request={"age": 3})
    second = site.look(since=1.0).total.histograms["age@reference"]
    assert (sum(second.live), sum(second.challenger)) == (0, 1)


def test_predictions_and_scores_have_a_reference_by_their_columns(tmp_path: Path) -> None:
    """Where `columns` names one, what models answer is held against the file as well as against live."""
    file = tmp_path / "training.csv"
    file.write_text("label,margin\n" + "\n".join(f"{n * 5},{n}" for n in range(100)))
    columns = {"prediction": "label", "s": "margin"}
    settings = replace(SETTINGS, scores={"s": "y", "t": "y"}, reference=Reference(file=str(file), columns=columns))
    site = Site(tmp_path, settings)
    for n in range(FIRST):
        site.both((f"{n}", n, n))
    found = site.look().total.histograms
    assert sorted(found) == ["prediction", "prediction@reference", "s", "s@reference", "t"]
    assert found["prediction@reference"].live == (10,) * 10
    assert sum(found["s@reference"].live) == 100


def write(file: Path, kind: str) -> None:
    rows = [{'the "age"': n * 5} for n in range(100)]
    with duckdb.connect() as connection:
        plain = file.with_suffix(".rows")
        plain.write_text("\n".join(json.dumps(row) for row in rows))
        form = {"csv": "CSV", "jsonl": "JSON", "parquet": "PARQUET"}[kind]
        connection.execute(f"COPY (FROM read_json('{plain}', format := 'nd')) TO '{file}' (FORMAT {form})")


def test_a_reference_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file or column is said in words, and the values are there at the next look."""
    settings = replace(SETTINGS, drift={"age": "request.age"}, reference=Reference(file=str(tmp_path / "none.csv")))
    site = Site(tmp_path, settings)
    for n in range(FIRST):
        site.both((f"a{n}", n, n), request={"age": n})
    with pytest.raises(OutOfReach, match=r"none\.csv"):
        site.look()
    (tmp_path / "none.csv").write_text("age\n" + "\n".join(map(str, range(FIRST))))
    assert sum(site.look().total.histograms["age"].live) == FIRST


def test_categories_are_watched_too(tmp_path: Path) -> None:
    """Values that are no numbers have bins as well: a class that gets more common moves the counts."""
    file = tmp_path / "reference.csv"
    file.write_text("kind\n" + "cat\n" * 30 + "dog\n" * 10)
    settings = replace(SETTINGS, drift={"kind": "response.y"}, reference=Reference(file=str(file)))
    site = Site(tmp_path, settings)
    for n in range(FIRST):
        site.both((f"{n}", "cat" if n % 2 else "dog", "cat"))
    found = site.look().total.histograms
    assert sorted(each for each in found["prediction"].live if each) == [FIRST // 2, FIRST // 2]
    assert [each for each in found["kind"].challenger if each] == [FIRST]
    assert sorted(each for each in found["kind@reference"].live if each) == [10, 30]
