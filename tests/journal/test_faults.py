from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from mlship.clock import ManualClock
from mlship.errors import Exit, JournalUnavailable, MlshipError
from mlship.journal.events import Repaired
from mlship.journal.holder import this_process
from mlship.journal.store import Journal
from tests.journal.made import output_of, promoted_rollout, running

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""
TRY = """
import os, resource, sys
from pathlib import Path
from mlship.clock import ManualClock
from mlship.errors import MlshipError
from mlship.journal.events import Repaired
from mlship.journal.holder import this_process
from mlship.journal.store import Journal

journal = Journal(Path(sys.argv[1]), ManualClock(), patience=0.05)

def attempt():
    try:
        lease = journal.leases.take_over("fraud", this_process(), rollout="r1")
        for _ in range(int(sys.argv[2])):
            journal.append(Repaired(what="x" * 5000), lease=lease)
        print("written")
    except MlshipError as error:
        print(type(error).__name__, error.message, "HINT", error.hint)
"""
AS_NOBODY = """
if os.geteuid() == 0:
    this_process()
    os.setegid(65534)
    os.seteuid(65534)
attempt()
os.seteuid(os.getuid())  # what measures coverage writes its file at the end
"""
WITH_A_LIMIT = """
attempt()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
sys.argv[2] = "100"
attempt()
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
before = [item.seq for item in journal.read("fraud")]
sys.argv[2] = "1"
attempt()
after = [item.seq for item in journal.read("fraud")]
print(len(after) == len(before) + 1 > 2)
"""


def fill(folder: Path) -> Path:
    with Journal(folder, ManualClock()) as journal:
        lease = journal.leases.take_over("fraud", this_process(), rollout="r1")
        for event in promoted_rollout() * 4:
            journal.append(event, lease=lease)
    return folder / "journal.db"


def use(folder: Path) -> None:
    with Journal(folder, ManualClock(), patience=0.05) as journal:
        list(journal.read("fraud"))
        journal.state("fraud")
        journal.services()
        lease = journal.leases.take_over("fraud", this_process(), rollout="r1")
        journal.append(Repaired(what="nothing"), lease=lease)


def refusal(folder: Path) -> JournalUnavailable:
    with pytest.raises(JournalUnavailable) as caught:
        use(folder)
    assert caught.value.exit_code is Exit.OUT_OF_REACH
    assert caught.value.hint
    return caught.value


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can look into, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="mlship-journal-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_locked_journal_is_named_and_can_still_be_read(tmp_path: Path) -> None:
    """Another process that does not let go: writing gives up after its patience, reading works."""
    file = fill(tmp_path)
    with running(HOLD, file) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"

        with Journal(tmp_path, ManualClock(), patience=0.05) as journal:
            assert journal.state("fraud").live == "v2"
        assert "is locked by another process" in refusal(tmp_path).message


def test_a_read_only_journal_says_so(open_folder: Path) -> None:
    """Neither the file nor its folder can be written: said in words, whoever runs it."""
    file = fill(open_folder)
    file.chmod(0o444)
    open_folder.chmod(0o555)
    said = output_of(TRY + AS_NOBODY, open_folder, 1)
    open_folder.chmod(0o755)

    assert said.startswith("JournalUnavailable")
    assert "read-only" in said or "cannot be opened" in said
    assert "writ" in said.partition("HINT")[2]


def test_a_folder_that_cannot_be_made_says_so(open_folder: Path) -> None:
    """A state folder inside one that is read-only: the message names the place."""
    open_folder.chmod(0o555)
    said = output_of(TRY + AS_NOBODY, open_folder / "state", 1)
    open_folder.chmod(0o755)

    assert said.startswith(f"JournalUnavailable the journal {open_folder / 'state' / 'journal.db'} cannot be used")
    assert "Permission denied" in said


def test_a_file_in_place_of_the_folder_says_so(tmp_path: Path) -> None:
    """A state folder that is a file is refused, also for the administrator."""
    (tmp_path / "state").write_text("mine")

    assert "cannot be used" in refusal(tmp_path / "state").message
    assert (tmp_path / "state").read_text() == "mine"


def test_a_file_that_may_not_grow_says_so_and_recovers(tmp_path: Path) -> None:
    """At the file-size limit an append fails in words, nothing is torn, and with room again the journal goes on."""
    first, limited, again, recovered = output_of(TRY + WITH_A_LIMIT, tmp_path, 1).splitlines()

    assert (first, again, recovered) == ("written", "written", "True")
    assert limited.startswith("JournalUnavailable")
    assert "cannot be read or written" in limited or "the disk is full" in limited


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    """A file system without space: the append fails in words."""
    script = tmp_path / "try.py"
    script.write_text(TRY + "attempt()")
    mounted = 'mount -t tmpfs -o size=256k none "$1" && exec "$2" "$3" "$1/state" 200'
    (tmp_path / "small").mkdir()
    said = subprocess.run(
        [
            "unshare",
            "-Urm",
            "sh",
            "-c",
            mounted,
            "sh",
            tmp_path / "small",
            sys.executable,
            script,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode != 0 and ("unshare" in said.stderr or "mount" in said.stderr):
        pytest.skip("this machine gives no private mounts")

    assert said.stdout.startswith("JournalUnavailable"), said.stderr
    assert "the disk is full" in said.stdout


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def with_text(file: Path) -> None:
    file.write_text("service: fraud\n" * 500)


def with_noise(file: Path) -> None:
    file.write_bytes(Random(7).randbytes(40_000))


def with_another_database(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


def made_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def with_a_blank_middle(file: Path) -> None:
    blank_from_second_page = bytearray(file.read_bytes())
    blank_from_second_page[4096:] = bytes(len(blank_from_second_page) - 4096)
    file.write_bytes(blank_from_second_page)


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 2")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (emptied, "is not a journal of mlship"),
        (with_text, "is not a journal of mlship"),
        (with_noise, "is not a journal of mlship"),
        (with_another_database, "is not a journal of mlship"),
        (made_a_folder, "cannot be opened"),
        (truncated, "is damaged"),
        (with_a_blank_middle, "is damaged"),
        (newer, r"newer mlship \(format 2, this one reads 1\)"),
    ],
)
def test_a_file_that_is_no_sound_journal_says_so(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    """Whatever lies in the place of the journal is named in one message, and left as it is."""
    file = fill(tmp_path)
    damage(file)
    before = file.read_bytes() if file.is_file() else None
    error = refusal(tmp_path)

    assert str(file) in error.message
    assert re.search(message, error.message)
    assert before == (file.read_bytes() if file.is_file() else None)


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_escapes_the_words(tmp_path: Path, seed: int) -> None:
    """Random bytes anywhere in the file: it still works, or says what is wrong; never any other error."""
    chance = Random(seed)
    file = fill(tmp_path)
    content = bytearray(file.read_bytes())
    for _ in range(chance.randint(1, 30)):
        at = chance.randrange(100, len(content))
        content[at : at + 4] = chance.randbytes(len(content[at : at + 4]))
    file.write_bytes(content)

    assert outcome(tmp_path) in {None, JournalUnavailable}


def outcome(folder: Path) -> type[Exception] | None:
    try:
        use(folder)
    except MlshipError as error:
        return type(error)
    return None
