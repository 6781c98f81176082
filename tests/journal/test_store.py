from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlship.clock import ManualClock
from mlship.errors import LeaseLost, UsageError
from mlship.journal.events import Entered, Event, Looked, Parked, Promoted, Recorded, Requested, Taken
from mlship.journal.fold import fold
from mlship.journal.holder import Holder, this_process
from mlship.journal.lease import Lease
from mlship.journal.local import LocalArchive
from mlship.journal.state import ServiceState
from mlship.journal.store import Journal, new_rollout_id
from tests.journal.homes import Home
from tests.journal.made import examples, likely_events, look, promoted_rollout, started

in_a_file = pytest.mark.parametrize("home", ["file"], indirect=True)


def append(journal: Journal, lease: Lease, events: Iterable[Event]) -> list[Recorded]:
    return [journal.append(event, lease=lease) for event in events]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_looking_creates_nothing(journal: Journal, folder: Path) -> None:
    """A journal that was never written to is empty, and looking at it leaves no trace."""
    assert journal.state("fraud") == ServiceState(service="fraud")
    assert (journal.services(), journal.rollouts("fraud"), tuple(journal.read("fraud"))) == ((), (), ())
    assert journal.leases.current("fraud") is None
    assert not folder.exists()


def test_what_is_appended_is_read_back(journal: Journal, lease: Lease, clock: ManualClock) -> None:
    """An append returns what every later read finds: the lease's service, rollout and fence, and the time."""
    clock.sleep(5)
    written = journal.append(started(), lease=lease)

    assert list(journal.read("fraud")) == [written]
    assert (written.service, written.rollout, written.fence, written.at) == ("fraud", "r1", 1, clock.now())


def test_another_process_reads_it_too(journal: Journal, lease: Lease, home: Home) -> None:
    """A second journal of the same place sees every append at once."""
    written = append(journal, lease, promoted_rollout())

    with home.open() as other:
        assert list(other.read("fraud")) == written
        assert other.state("fraud") == fold("fraud", written)


@in_a_file
def test_only_the_owner_may_read_it(journal: Journal, lease: Lease, folder: Path) -> None:
    """The folder is 0700 and every file of the journal 0600."""
    journal.append(started(), lease=lease)

    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == dict.fromkeys(
        ["journal.db", "journal.db-wal", "journal.db-shm"], 0o600
    )


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path, me: Holder) -> None:
    """A folder that somebody else made is used as it is."""
    tmp_path.chmod(0o755)
    with Journal(tmp_path, ManualClock()) as journal:
        journal.leases.acquire("fraud", me, rollout="r1")

    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / "journal.db") == 0o600


@in_a_file
def test_it_is_durable_by_its_settings(journal: Journal, lease: Lease, folder: Path) -> None:
    """Every commit waits for the disk: write-ahead log, synchronous FULL."""
    journal.append(started(), lease=lease)
    assert isinstance(journal._archive, LocalArchive)
    connection = journal._archive._database._opened()

    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


@in_a_file
def test_reading_goes_on_where_it_stopped(journal: Journal, lease: Lease) -> None:
    """`after` leaves out what has been read, over any number of pages."""
    written = append(journal, lease, [Entered(step=number) for number in range(1100)])

    assert list(journal.read("fraud")) == written
    assert list(journal.read("fraud", after=written[700].seq)) == written[701:]
    assert list(journal.read("fraud", after=written[-1].seq)) == []


def test_services_and_rollouts_are_kept_apart(journal: Journal, me: Holder) -> None:
    """Each service has its own events; each rollout can be read alone; rollouts are listed oldest first."""
    for service, rollout in (("fraud", "b"), ("fraud", "a"), ("churn", "c")):
        lease = journal.leases.take_over(service, me, rollout=rollout)
        append(journal, lease, [started(), Taken(by=rollout, reason="deploy")])

    assert journal.services() == ("churn", "fraud")
    assert journal.rollouts("fraud") == ("b", "a")
    assert {item.rollout for item in journal.read("fraud", rollout="a")} == {"a"}
    assert len(list(journal.read("fraud"))) == 4


def test_an_order_needs_no_lease(journal: Journal, lease: Lease) -> None:
    """Any terminal can write an order; the holder finds it in its record."""
    journal.append(started(), lease=lease)
    order = journal.request(Requested(order="pause", by="bo"), service="fraud", rollout="r1")

    assert order.fence == 0
    assert list(journal.read("fraud"))[-1] == order


@in_a_file
def test_subscribers_hear_what_is_on_disk(journal: Journal, lease: Lease, folder: Path) -> None:
    """A subscriber is called after the commit: the event is already there for everybody."""
    heard = []
    journal.subscribe(lambda item: heard.append((item, _in_file(folder))))
    first = journal.append(started(), lease=lease)
    second = journal.request(Requested(order="pause", by="bo"), service="fraud", rollout="r1")

    assert heard == [(first, 1), (second, 2)]


def _in_file(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
    return int(count)


def test_a_lost_lease_writes_nothing(journal: Journal, lease: Lease, me: Holder) -> None:
    """Once a service is taken over, the run before cannot add a word, and hears who took it."""
    heard: list[Recorded] = []
    journal.subscribe(heard.append)
    journal.leases.take_over("fraud", me, rollout="r1")

    with pytest.raises(LeaseLost, match=rf"process {me.pid}.* took fraud over"):
        journal.append(Parked(reason="late"), lease=lease)
    assert (list(journal.read("fraud")), heard) == ([], [])


def test_a_released_lease_writes_nothing(journal: Journal, lease: Lease) -> None:
    """Who gave a service back has to take it again before writing."""
    journal.leases.release(lease)

    with pytest.raises(LeaseLost, match="given back"):
        journal.append(Parked(reason="late"), lease=lease)


def test_a_closed_journal_opens_again(journal: Journal, lease: Lease) -> None:
    """Closing lets go of the file, not of the journal."""
    written = journal.append(started(), lease=lease)
    journal.close()
    journal.close()

    assert list(journal.read("fraud")) == [written]


def test_a_name_that_is_no_text_is_bad_usage(journal: Journal, lease: Lease) -> None:
    """A service name of stray bytes from the command line is refused in words."""
    with pytest.raises(UsageError, match="udcff"):
        journal.state("fr\udcff")


def test_rollout_ids_sort_by_time_and_differ() -> None:
    """An id begins with its minute, and chance keeps two of one minute apart."""
    clock = ManualClock(1_795_466_460.0)
    ids = {new_rollout_id(clock) for _ in range(50)}
    clock.sleep(60)

    assert len(ids) > 45
    assert all(name.startswith("20261123-2041-") and len(name) == 18 for name in ids)
    assert max(ids) < new_rollout_id(clock)


SERVED = st.lists(st.tuples(likely_events(), st.sampled_from(["r1", "r2", "r3"])), max_size=25)


@examples(60)
@given(pairs=SERVED)
def test_the_short_way_to_the_state_is_exact(pairs: list[tuple[Event, str]]) -> None:
    """Whatever happened in whatever order, the state read from few events is the fold of all of them."""
    with TemporaryDirectory() as folder, Journal(Path(folder), ManualClock()) as journal:
        for event, rollout in pairs:
            journal.append(event, lease=journal.leases.take_over("fraud", this_process(), rollout=rollout))

        assert journal.state("fraud") == fold("fraud", journal.read("fraud"))
        assert journal.state("fraud", rollout="r2") == fold("fraud", journal.read("fraud", rollout="r2"))


@in_a_file
def test_the_state_of_a_long_record_is_read_from_few_events(journal: Journal, me: Holder, folder: Path) -> None:
    """Looks of the past are not even read: with all of them made illegible the state is the same."""
    for number in range(5):
        lease = journal.leases.take_over("fraud", me, rollout=f"r{number}")
        looks = [Looked(step=0, look=look(at)) for at in range(20)]
        append(journal, lease, [started(), *looks, Promoted(model="v2", previous="v1")])
    whole = fold("fraud", journal.read("fraud"))
    with closing(sqlite3.connect(folder / "journal.db")) as connection, connection:
        connection.execute("UPDATE events SET body = 'x' WHERE rollout <> 'r4' AND look IS NOT NULL OR look IN (1, 18)")

    assert journal.state("fraud") == whole
