from __future__ import annotations

from pathlib import Path

from mlship.clock import ManualClock
from mlship.engine.record import Record
from mlship.journal.events import Looked
from mlship.journal.holder import Holder
from mlship.journal.shared.archive import SharedArchive
from mlship.journal.shared.place import parse
from mlship.journal.store import Journal
from tests.journal.made import look, promoted_rollout, started
from tests.support.s3 import Store

READS = {"GET", "HEAD"}
"""What costs a tenth of the others."""


def machine(store: Store, folder: Path, clock: ManualClock) -> Journal:
    """As the command line opens it."""
    return Journal(SharedArchive(parse(store.url), folder, clock), clock)


def test_a_minute_of_a_rollout_costs_few_requests(store: Store, tmp_path: Path, me: Holder) -> None:
    """With orders read every second, a look every five, a heartbeat every ten: 72 reads, 18 writes, no listing."""
    clock = ManualClock()
    store.clock = clock
    journal = machine(store, tmp_path, clock)
    lease = journal.leases.acquire("fraud", me, rollout="r1")
    journal.append(started(), lease=lease)
    record = Record(journal=journal, lease=lease)
    store.asked.clear()
    for second in range(60):
        clock.sleep(1)
        record.order()
        if second % 5 == 4:
            record(Looked(step=0, look=look(second)))
        if second % 10 == 9:
            journal.leases.renew(lease)

    assert sum(store.asked[kind] for kind in READS) <= 72
    assert (store.asked["PUT"], store.asked["LIST"]) == (18, 0)


def test_an_eager_watcher_costs_no_more_than_two_reads_a_second(store: Store, tmp_path: Path, me: Holder) -> None:
    """Whoever looks four times a second, as `watch` does, asks S3 once for the log and once for the heartbeat."""
    clock = ManualClock()
    store.clock = clock
    machine(store, tmp_path / "a", clock).leases.acquire("fraud", me, rollout="r1")
    watcher = machine(store, tmp_path / "b", clock)
    watcher.state("fraud")
    store.asked.clear()
    for _ in range(4 * 20):
        clock.sleep(0.25)
        list(watcher.read("fraud"))
        watcher.leases.current("fraud")

    assert store.asked.total() <= 2 * 20 + 2


def test_a_command_costs_few_requests(store: Store, tmp_path: Path, me: Holder) -> None:
    """`status` on a machine that knows the log: two listings, and the heartbeat while somebody holds the service."""
    clock = ManualClock()
    store.clock = clock
    with machine(store, tmp_path, clock) as journal:
        lease = journal.leases.acquire("fraud", me, rollout="r1")
        for event in promoted_rollout():
            journal.append(event, lease=lease)
    store.asked.clear()
    with machine(store, tmp_path, clock) as again:
        assert again.services() == ("fraud",)
        assert again.state("fraud").live == "v2"
        assert again.leases.current("fraud") == lease

    assert store.asked == {"LIST": 2, "HEAD": 1}
