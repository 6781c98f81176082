"""Outcomes from files: every line is taken once, or told with its number and why."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import duckdb
import pytest

from mlship.errors import UsageError
from mlship.predictions.form import Format
from mlship.predictions.formats import Columns, Malformed, Row, read
from mlship.predictions.outcomes import SHOWN, Report, take

from .made import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.both(("a", 1, 2), ("b", 1, 1))
    site.look()
    return site


def rows(file: Path, content: str | bytes, form: Format = Format.AUTO, **columns: str) -> list[Row | Malformed]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read(file, form, Columns(**columns)))


A, B = Row(line=2, id="a", value="1"), Row(line=3, id="b", value="x, y")


@pytest.mark.parametrize(
    "content",
    [
        'id,value\na,1\nb,"x, y"\n',
        '\ufeffvalue;id\r\n1;a\r\n"x, y";b\r\n',
        "id\tvalue\tmore\na\t1\t\nb\tx, y\t\n",
        gzip.compress(b'id,value\na,1\nb,"x, y"\n', mtime=0),
    ],
)
def test_csv_is_read(tmp_path: Path, content: str | bytes) -> None:
    """Any usual delimiter, quotes, byte order marks, line ends and gzip."""
    assert rows(tmp_path / "f.csv", content) == [A, B]


def test_lines_that_cannot_be_read_are_numbered(tmp_path: Path) -> None:
    """Each malformed line has its number and a reason, whatever comes before it."""
    content = b'id,value\n"two\nlines",1\nb\n,1\nc,\n\nd,1,2\n\xff,1\ne,1\n'
    found = rows(tmp_path / "f.csv", content)
    assert [each.line for each in found] == [2, 4, 5, 6, 8, 9, 10]
    assert [each.why for each in found if isinstance(each, Malformed)] == [
        "1 cells under 2 columns",
        "no id",
        "no value",
        "3 cells under 2 columns",
        "not UTF-8",
    ]


def test_a_stray_quote_costs_its_own_line(tmp_path: Path) -> None:
    """A quote that nothing closes is malformed where it stands; the lines behind it are read."""
    found = rows(tmp_path / "f.csv", 'id,value\na,1\nb,"2\nc,3\n"d\ne",4\nf,"5\ng,"6"\nh,"7\ni,8\n')
    assert [(each.line, each.id) for each in found if isinstance(each, Row)] == [
        (2, "a"),
        (4, "c"),
        (5, "d\ne"),
        (8, "g"),
        (10, "i"),
    ]
    assert [each.line for each in found if isinstance(each, Malformed)] == [3, 7, 9]


def test_json_lines_are_read(tmp_path: Path) -> None:
    """One object per line; columns by name, numbers as they are."""
    content = (
        '{"id": "a", "value": 1.5}\n\n{"id": 7, "value": false}\n[1]\n{"id": "x"}\nnonsense\n{"id": "", "value": 1}\n'
    )
    assert rows(tmp_path / "f.jsonl", content) == [
        Row(line=1, id="a", value=1.5),
        Row(line=3, id="7", value=False),
        Malformed(line=4, why="no object"),
        Malformed(line=5, why="no 'value'"),
        Malformed(line=6, why="not JSON"),
        Malformed(line=7, why="no id"),
    ]


def test_parquet_is_read(tmp_path: Path) -> None:
    """Columns of any type, whatever the file is called."""
    file = tmp_path / "labels"
    with duckdb.connect() as connection:
        rows_ = "SELECT * FROM (VALUES ('a', 1.5::DECIMAL(3, 1), TIMESTAMP '2026-01-01'), (NULL, 1, NULL)) t(k, v, t)"
        connection.execute(f"COPY ({rows_}) TO '{file}' (FORMAT PARQUET)")
    assert list(read(file, Format.AUTO, Columns(id="k", value="v", at="t"))) == [
        Row(line=1, id="a", value="1.5", at=1767225600.0),
        Malformed(line=2, why="no id"),
    ]


def test_no_number_is_no_value(tmp_path: Path) -> None:
    """What a table of numbers writes for a missing one is no label."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'a' AS id, 'nan'::DOUBLE AS value) TO '{tmp_path / 'f'}' (FORMAT PARQUET)")
    assert list(read(tmp_path / "f", Format.AUTO, Columns())) == [Malformed(line=1, why="no value")]


def test_ground_truth_of_sagemaker_is_read(tmp_path: Path) -> None:
    """The key is the inference id where there is one; the data is CSV, JSON or base64."""
    lines = [
        {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "e1"}, "eventVersion": "0"},
        {
            "groundTruthData": {"data": '{"y": 2}', "encoding": "JSON"},
            "eventMetadata": {"eventId": "e2", "inferenceId": "i2"},
        },
        {
            "groundTruthData": {"data": base64.b64encode(b"cat").decode(), "encoding": "BASE64"},
            "eventMetadata": {"eventId": "e3"},
        },
        {"eventMetadata": {"eventId": "e4"}},
        {"groundTruthData": {"data": "?", "encoding": "BASE64"}, "eventMetadata": {"eventId": "e5"}},
    ]
    assert rows(tmp_path / "f.jsonl", "\n".join(map(json.dumps, lines))) == [
        Row(line=1, id="e1", value="1"),
        Row(line=2, id="i2", value={"y": 2}),
        Row(line=3, id="e3", value="cat"),
        Malformed(line=4, why="no groundTruthData or no eventMetadata"),
        Malformed(line=5, why="not JSON"),
    ]


def test_times_are_numbers_or_iso(tmp_path: Path) -> None:
    """A time is seconds since the epoch or ISO 8601; anything else is told."""
    content = "id,value,t\na,1,100.5\na,1,2026-01-01T00:00:00Z\na,1,2026-01-01\na,1,soon\n"
    found = rows(tmp_path / "f.csv", content, at="t")
    assert [each.at for each in found if isinstance(each, Row)] == [100.5, 1767225600.0, 1767225600.0]
    assert found[3] == Malformed(line=5, why="no time: 'soon'")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\x89PNG\x00\x00", "is not text"),
        (b"PAR1 but no Parquet", "cannot be read as Parquet"),
        (b"\x1f\x8bbroken", "cannot be read"),
        (b"Id,Valeu\na,1\n", "no column 'id'; did you mean 'Id'"),
        (b"id,Valeu\na,1\n", "no column 'value'; did you mean 'Valeu'"),
        (b"x,y\na,1\n", "no column 'id'"),
        (b'"id,value\na,1\n', "its first line"),
        (gzip.compress(b"id,value\n", mtime=0)[:10] + b"\xff" * 20, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    """Nothing is taken from a file that holds no outcomes, and the reason is said."""
    with pytest.raises(UsageError, match=why):
        rows(tmp_path / "f", content)


def test_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    """A path that leads to no file is said in words."""
    for file in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(UsageError, match="cannot be read"):
            list(read(file, Format.AUTO, Columns()))


def test_a_report_tells_what_became_of_each_line(site: Site, tmp_path: Path) -> None:
    """Matched, not yet matched and malformed lines are counted; the first malformed ones are shown."""
    found = rows(tmp_path / "f.csv", "id,value\na,2\nz,1\n" + "broken\n" * 30)
    report = take(found, "label", site.kept)
    assert (report.lines, report.matched, report.unmatched, report.malformed) == (32, 1, 1, 30)
    assert [each.line for each in report.shown] == list(range(4, 4 + SHOWN))
    assert site.look().total.right == (0, 1)


def test_the_same_file_twice_changes_nothing(site: Site, tmp_path: Path) -> None:
    """A file that is given again is known; a corrected one is taken."""
    first = rows(tmp_path / "f.csv", "id,value\na,2\nb,1\na,1\n")
    take(first, "label", site.kept)
    before = site.kept.query("SELECT id, value FROM outcomes ORDER BY ALL")
    assert before == [("a", "1"), ("b", "1")]
    site.clock.sleep(60)
    assert take(first, "label", site.kept) == Report(lines=3, matched=3, unchanged=3)
    assert site.kept.query("SELECT id, value FROM outcomes ORDER BY ALL") == before
    take(rows(tmp_path / "f.csv", "id,value\nb,2\n"), "label", site.kept)
    total = site.look().total
    assert (total.labelled, total.right) == (2, (1, 0))


def test_times_make_lines_known(site: Site, tmp_path: Path) -> None:
    """With times the latest counts, in whichever order the files are given."""
    later, earlier = "id,value,t\na,2,200\n", "id,value,t\na,1,100\n"
    for content in (later, earlier, later, earlier):
        take(rows(tmp_path / "f.csv", content, at="t"), "label", site.kept)
    assert len(site.kept.query("SELECT * FROM outcomes")) == 2
    assert site.look().total.right == (0, 1)


def test_other_outcomes_are_no_labels(site: Site, tmp_path: Path) -> None:
    """A reward is kept under its name, and judges no prediction."""
    take(rows(tmp_path / "f.csv", "id,value\na,2\n"), "reward", site.kept)
    assert site.look().total.labelled == 0
    assert site.kept.query("SELECT name, value FROM outcomes") == [("reward", "2")]
