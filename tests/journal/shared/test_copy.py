from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from mlship.clock import ManualClock
from mlship.journal.entry import Noted
from mlship.journal.events import Entered, Promoted, Repaired, Requested
from mlship.journal.holder import Holder
from mlship.journal.shared.log import _encoded
from mlship.journal.store import Journal
from tests.journal.made import running, started
from tests.journal.test_faults import (
    emptied,
    made_a_folder,
    newer,
    truncated,
    with_a_blank_middle,
    with_another_database,
    with_noise,
    with_text,
)
from tests.support.s3 import Request, Store, opened

WRITE = """
import sys
from mlship.journal.events import Repaired
from tests.support.s3 import opened
opened(sys.argv[1]).request(Repaired(what="under way"), service="fraud", rollout="r1")
"""


def fill(store: Store, copies: Path, me: Holder) -> Journal:
    """A journal with a promoted rollout."""
    journal = store.journal(copies, ManualClock())
    lease = journal.leases.take_over("fraud", me, rollout="r1")
    for event in (started(), Promoted(model="v2", previous="v1")):
        journal.append(event, lease=lease)
    journal.close()
    return journal


def file_of(copies: Path) -> Path:
    return copies / "fraud" / "journal.db"


def without_its_log(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE log")


def without_its_end(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM log WHERE number > 2")


def without_events(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE events")


def removed(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        emptied,
        with_text,
        with_noise,
        with_another_database,
        made_a_folder,
        truncated,
        with_a_blank_middle,
        newer,
        without_its_log,
        without_its_end,
        without_events,
        removed,
    ],
)
def test_a_damaged_copy_is_made_anew(store: Store, tmp_path: Path, me: Holder, damage: Callable[[Path], None]) -> None:
    """Nothing depends on the copy: whatever lies in its place, what is read and written is the log."""
    written = list(fill(store, tmp_path / "mine", me).read("fraud"))
    damage(file_of(tmp_path / "mine"))
    with store.journal(tmp_path / "mine", ManualClock()) as journal:
        assert list(journal.read("fraud")) == written
        order = journal.request(Requested(order="pause", by="bo"), service="fraud", rollout="r1")
        assert list(journal.read("fraud")) == [*written, order]
    with store.journal(tmp_path / "another", ManualClock()) as other:
        assert list(other.read("fraud")) == [*written, order]
    assert not list(tmp_path.rglob(".fraud-*"))


def test_a_copy_of_another_log_is_not_believed(store: Store, tmp_path: Path, me: Holder) -> None:
    """Somebody emptied the bucket and began again: the copy of what was there before is thrown away."""
    fill(store, tmp_path / "mine", me)
    for key in store.keys(""):
        store.delete(key)
    assert not list(store.journal(tmp_path / "mine", ManualClock()).read("fraud"))
    fill(store, tmp_path / "mine", me)
    for key in store.keys(""):
        store.delete(key)
    with store.journal(tmp_path / "others", ManualClock()) as other:
        lease = other.leases.acquire("fraud", me, rollout="r2")
        written = [other.append(Entered(step=number), lease=lease) for number in range(4)]

    assert list(store.journal(tmp_path / "mine", ManualClock()).read("fraud")) == written


def test_a_disk_that_takes_no_copy_is_done_without(store: Store, tmp_path: Path, me: Holder) -> None:
    """On a file system that cannot be written, or with something in the way, all is as usual, from memory."""
    (tmp_path / "file").write_text("mine")
    for copies in (Path("/proc/mlship"), tmp_path / "file"):
        journal = fill(store, copies, me)
        assert journal.state("fraud").live == "v2"
        journal.close()
        assert journal.state("fraud").live == "v2"
    assert (tmp_path / "file").read_text() == "mine"


def test_a_copy_that_breaks_in_use_is_replaced(store: Store, tmp_path: Path, me: Holder) -> None:
    """Between two reads of one process its copy becomes illegible: the second read is still whole."""
    journal = fill(store, tmp_path / "mine", me)
    written = list(journal.read("fraud"))
    journal.close()
    with_noise(file_of(tmp_path / "mine"))
    lease = journal.leases.take_over("fraud", me, rollout="r2")

    assert list(journal.read("fraud")) == written
    assert journal.append(Entered(step=0), lease=lease).seq == written[-1].seq + 2


def test_two_processes_may_share_a_copy(store: Store, tmp_path: Path, me: Holder) -> None:
    """What one brings in is not brought in again by the other, and neither misses what the other wrote."""
    one, two = (store.journal(tmp_path / "mine", ManualClock()) for _ in range(2))
    lease = one.leases.acquire("fraud", me, rollout="r1")
    for number in range(3):
        one.append(Entered(step=number), lease=lease)
        two.request(Requested(order=str(number), by="bo"), service="fraud", rollout="r1")

    assert list(one.read("fraud")) == list(two.read("fraud"))
    assert [item.seq for item in one.read("fraud")] == list(range(2, 8))


def test_a_process_killed_before_its_copy_knows_leaves_the_entry(store: Store, tmp_path: Path) -> None:
    """Kill -9 after the entry arrived and before the answer: the next process on this machine finds it."""
    arrived, dead = threading.Event(), threading.Event()

    def hold(request: Request) -> None:
        request.forward()
        arrived.set()
        dead.wait(60)

    store.spoil(hold, method="PUT")
    with running(WRITE, store.url) as writer:
        assert arrived.wait(60)
        writer.kill()
        writer.wait()
        dead.set()

    with opened(store.url) as journal:
        (found,) = journal.read("fraud")
        assert found.event == Repaired(what="under way")
        assert journal.request(Requested(order="pause", by="bo"), service="fraud", rollout="r1").seq == 2


def entries(store: Store, number: int) -> None:
    """So many events in the log, written past every client."""
    for at in range(1, number + 1):
        body = f'{{"v":1,"type":"entered","step":{at}}}'
        noted = Noted(service="fraud", rollout="r1", at=float(at), fence=1, milestone=0, look=None, body=body)
        store.write(f"team/a/services/fraud/log/{at:010}", _encoded(noted))


def test_a_long_log_is_read_from_packs(store: Store, tmp_path: Path) -> None:
    """Whoever writes a hundredth entry packs what it knows: a machine without a copy needs few requests after that."""
    entries(store, 199)
    machine = (store.journal(tmp_path / str(number), ManualClock()) for number in count())
    next(machine).request(Requested(order="pause", by="bo"), service="fraud", rollout="r1")
    packs = store.keys("/packs/")
    written = list(next(machine).read("fraud"))
    store.asked.clear()

    assert packs == [f"team/a/services/fraud/packs/{number:010}" for number in (1, 2)]
    assert [item.seq for item in written] == list(range(1, 201))
    assert list(next(machine).read("fraud")) == written
    assert store.asked.total() <= 5

    store.write(packs[1], b"noise")
    assert list(next(machine).read("fraud")) == written
    store.delete(packs[0])
    assert list(next(machine).read("fraud")) == written
