"""The router's files: every whole line counts once, whoever dies when."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from mlship.errors import Exit, OutOfReach
from mlship.predictions.store import SETTLE, Predictions

from .made import SETTINGS, Site, feedback, line


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_every_line_is_taken_once(site: Site) -> None:
    """A file that is read again, renamed or appended to gives each line once."""
    site.both(("a", 1, 1))
    assert site.look().total.pairs == 1
    site.both(("b", 1, 1))
    site.rotate(1)
    site.both(("c", 1, 1))
    assert site.look().total.pairs == 2
    assert site.look().total.pairs == 0
    assert site.kept.counts()["answers"] == 6


def test_a_torn_line_is_left_for_later(site: Site) -> None:
    """Half a line is no line; when its end has come it is one."""
    whole = line("a", body={"y": 1})
    site.write(line("b", body={"y": 1}), whole[:40])
    site.look()
    assert site.kept.counts() == {"answers": 1}
    site.write(whole[40:])
    site.look()
    assert site.kept.counts() == {"answers": 2}


def test_rotated_files_go_once_the_router_has_let_go(site: Site) -> None:
    """A rotated file that grows after it was read loses nothing, and is deleted only when it has been quiet."""
    site.both(("a", 1, 1))
    rotated = site.rotate(1)
    site.look()
    with rotated.open("ab") as stream:
        stream.write(line("late", body={"y": 1}))
    site.clock.sleep(SETTLE)
    site.look()
    assert site.kept.counts()["answers"] == 3
    assert rotated.exists()
    site.clock.sleep(SETTLE)
    site.look()
    assert not rotated.exists()
    assert site.kept.query("SELECT * FROM files") == []


def test_a_name_that_is_used_again_is_another_file(site: Site) -> None:
    """What was deleted does not hide what comes under the same name."""
    for number in range(3):
        site.both((f"a{number}", 1, 1))
        site.rotate(1)
        site.look()
        site.clock.sleep(SETTLE)
        site.look()
    assert site.kept.counts()["answers"] == 6


def test_damaged_lines_are_counted(site: Site) -> None:
    """Nonsense in the files is counted, and hides nothing beside it."""
    site.write(b"{}\n", b"\xff\x00\n", line("a", body={"y": 1}), b"[1]\n", line("b", body=b"<html>"))
    site.write(feedback("a", None), b"nonsense\n", feedback("a", 1), kind="feedback")
    site.look()
    assert site.kept.counts() == {
        "answers": 2,
        "malformed feedback": 2,
        "malformed lines": 3,
        "outcomes": 1,
        "unreadable: not JSON": 1,
    }


def test_empty_lines_are_none(site: Site) -> None:
    """Two writers may leave an empty line, also as the first one: it is not counted, and hides nothing beside it."""
    site.write(b"\n", line("a", body={"y": 1}), b"\n\n", line("a", body={"y": 1}, role="shadow", model="v2"), b"\n")
    site.write(b"\n", feedback("a", 1), b"\n", kind="feedback")
    assert site.look().total.labelled == 1
    site.rotate(1)
    site.rotate(1, "feedback")
    for _ in range(2):
        site.clock.sleep(SETTLE)
        site.look()
    assert site.kept.counts() == {"answers": 2, "outcomes": 1}
    assert list(site.spool.iterdir()) == []


def test_the_first_answer_of_an_id_counts(site: Site) -> None:
    """A request id that a client uses again is a duplicate, in the same file and in a later one."""
    site.both(("a", 1, 1), ("a", 2, 2))
    assert site.look().total.pairs == 1
    site.both(("a", 3, 4))
    assert site.look().total.pairs == 0
    assert site.kept.counts()["duplicates"] == 4
    assert site.kept.query("SELECT prediction FROM predictions ORDER BY seq") == [("1",), ("1",)]


def test_ids_of_any_characters_are_kept_apart(site: Site) -> None:
    """Quotes, NUL, emoji and long ids are ids."""
    ids = ["a'b", 'a"b', "a\x00b", "a\x00c", "😀", "x" * 5000, "\\", "%s", "?"]
    site.both(*((each, 1, 1) for each in ids))
    site.label(*((each, 1) for each in ids))
    assert site.look().total.labelled == len(ids)


def test_bodies_are_kept_byte_for_byte(site: Site) -> None:
    """What a model answered can be read back exactly."""
    body = bytes(range(256))
    site.write(line("a", body=body))
    site.look()
    assert site.kept.query("SELECT response FROM predictions") == [(body,)]


def test_the_file_is_private(site: Site) -> None:
    """Nobody else may read the answers, whatever the umask is."""
    before = os.umask(0)
    try:
        site.both(("a", 1, 1))
        site.look()
    finally:
        os.umask(before)
    for path in [site.folder / "kept", *(site.folder / "kept").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path


INGEST = """
import sys
from pathlib import Path
from mlship.clock import ManualClock
from mlship.plan.model import CaptureSettings
from mlship.predictions.store import Predictions
folder = Path(sys.argv[1])
kept = Predictions(folder / "kept", CaptureSettings(prediction="y"), ManualClock(1000.0))
print("ready", flush=True)
kept.ingest(folder / "captures")
"""


def test_a_killed_reader_loses_and_doubles_nothing(site: Site) -> None:
    """Killed at any moment of reading, the next reader takes what is left, and every line counts once."""
    draw = random.Random(7)
    for number in range(40):
        site.write(*(line(f"{number}-{n}", body={"y": n, "pad": "x" * 600}) for n in range(300)))
        site.rotate(number)
    for _ in range(6):
        reader = subprocess.Popen([sys.executable, "-c", INGEST, str(site.folder)], stdout=subprocess.PIPE)
        with reader:
            assert reader.stdout is not None
            reader.stdout.readline()
            with_time(reader, draw.uniform(0.02, 0.6))
    site.look()
    assert site.kept.query("SELECT count(*), count(DISTINCT id) FROM predictions") == [(12_000, 12_000)]
    assert site.kept.counts()["answers"] == 12_000


def with_time(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)


def test_another_process_is_waited_for_and_then_named(site: Site) -> None:
    """While another process has the file open, a command waits a while and then says so with exit code 6."""
    site.look()
    path = str(site.folder / "kept" / "predictions.duckdb")
    holding = f"import duckdb, sys; c = duckdb.connect({path!r}); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(OutOfReach, match="in use by another mlship") as caught:
            site.look()
        other.kill()
    assert caught.value.exit_code is Exit.OUT_OF_REACH
    site.look()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x00" * 100_000])
def test_a_file_that_is_no_store_is_named(site: Site, content: bytes) -> None:
    """Something else in the place of the store is said in words, and left alone."""
    path = site.folder / "kept" / "predictions.duckdb"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(OutOfReach, match=r"predictions\.duckdb"):
        site.look()
    assert path.read_bytes() == content


def test_a_foreign_database_is_left_alone(site: Site) -> None:
    """A DuckDB file of somebody else is not written to."""
    path = site.folder / "kept" / "predictions.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE mine (x INTEGER)")
    with pytest.raises(OutOfReach, match="something else than mlship"):
        site.look()


def test_no_captures_are_no_error(tmp_path: Path) -> None:
    """Before the router has written anything there is nothing to take."""
    site = Site(tmp_path)
    kept = Predictions(tmp_path / "kept", SETTINGS, site.clock)
    kept.ingest(tmp_path / "missing")
    assert kept.counts() == {}


def test_large_answers_are_compared_and_let_go(site: Site) -> None:
    """Answers of many megabytes, also such that only decompress to them, are read within the memory that there is."""
    body = b'{"y": 1, "pad": "' + b"x" * 45_000_000 + b'"}'
    packed = gzip.compress(body, 1)
    for n in range(3):
        site.write(line(f"{n}", body=packed, encoding="gzip"))
        site.write(line(f"{n}", body=packed, encoding="gzip", role="shadow", model="v2"))
    site.write(line("plain", body=body), line("plain", body=body, role="shadow", model="v2"))
    assert site.look().total.agreed == 4
    assert site.kept.query("SELECT count(response) FROM predictions") == [(0,)]
