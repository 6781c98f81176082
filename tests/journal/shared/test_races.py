from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.clock import ManualClock
from mlship.errors import LeaseLost, ServiceHeld
from mlship.journal.entry import Released
from mlship.journal.events import Entered, Parked, Requested
from mlship.journal.holder import Holder
from mlship.journal.shared.archive import SharedArchive
from mlship.journal.shared.place import parse
from mlship.journal.store import Journal
from tests.support.s3 import Request, Store


@pytest.fixture
def machine(store: Store, tmp_path: Path) -> Callable[[str], Journal]:
    """The journals as a machine of this name sees them."""
    return lambda name: store.journal(tmp_path / name, ManualClock())


def in_between(store: Store, act: Callable[[], object]) -> None:
    """Have `act` happen after the next writer has decided and before its entry arrives."""

    def interfere(request: Request) -> None:
        act()
        request.pass_on()

    store.spoil(interfere, method="PUT")


def test_every_number_has_one_winner(store: Store, machine: Callable[[str], Journal]) -> None:
    """Six machines write at the same time: nothing is lost, nothing is written twice, no number is left out."""
    journals = [machine(f"m{number}") for number in range(6)]
    start = threading.Barrier(len(journals))

    def write(name: str, journal: Journal) -> None:
        start.wait()
        for number in range(4):
            journal.request(Requested(order=f"{name}-{number}", by=name), service="fraud", rollout="r1")

    threads = [threading.Thread(target=write, args=(str(at), journal)) for at, journal in enumerate(journals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    orders = [item.event.order for item in machine("other").read("fraud") if isinstance(item.event, Requested)]
    assert sorted(orders) == sorted(f"{name}-{number}" for name in range(6) for number in range(4))
    assert store.keys("/log/") == [f"team/a/services/fraud/log/{number:010}" for number in range(1, 25)]
    assert all(list(journal.read("fraud")) == list(journals[0].read("fraud")) for journal in journals)


def test_a_takeover_while_an_append_is_under_way_fences_it(
    store: Store, machine: Callable[[str], Journal], me: Holder
) -> None:
    """An append decided before a takeover that arrives after it is not written, and its run hears who took over."""
    old, new = machine("old"), machine("new")
    lease = old.leases.acquire("fraud", me, rollout="r1")
    in_between(store, lambda: new.leases.take_over("fraud", me, rollout="r1"))

    with pytest.raises(LeaseLost, match="took fraud over"):
        old.append(Entered(step=0), lease=lease)
    assert list(new.read("fraud")) == []


def test_of_two_who_acquire_one_is_told_of_the_other(
    store: Store, machine: Callable[[str], Journal], me: Holder
) -> None:
    """Both find the service free; the one whose entry arrives second does not get it."""
    first, second = machine("first"), machine("second")
    other = replace(me, host="ci-7")
    in_between(store, lambda: first.leases.acquire("fraud", other, rollout="r1"))

    with pytest.raises(ServiceHeld, match="ci-7"):
        second.leases.acquire("fraud", me, rollout="r2")
    assert second.leases.fence("fraud") == 1


def test_an_order_that_comes_first_does_not_stop_an_append(
    store: Store, machine: Callable[[str], Journal], me: Holder
) -> None:
    """Somebody else's entry took the number: the append goes to the next one."""
    holder, terminal = machine("holder"), machine("terminal")
    lease = holder.leases.acquire("fraud", me, rollout="r1")
    order = Requested(order="pause", by="bo")
    in_between(store, lambda: terminal.request(order, service="fraud", rollout="r1"))
    written = holder.append(Entered(step=0), lease=lease)

    assert [(item.seq, item.event) for item in holder.read("fraud")] == [(2, order), (3, Entered(step=0))]
    assert written.seq == 3


def test_a_holder_hears_of_a_takeover_with_its_heartbeat(machine: Callable[[str], Journal], me: Holder) -> None:
    """The old holder's heartbeat neither succeeds nor keeps the new holder's lease alive."""
    old, new = machine("old"), machine("new")
    lease = old.leases.acquire("fraud", me, rollout="r1")
    old.leases.renew(lease)
    new.leases.take_over("fraud", me, rollout="r1")

    with pytest.raises(LeaseLost):
        old.leases.renew(lease)


def test_expiry_is_told_by_the_clock_of_the_store(store: Store, tmp_path: Path, me: Holder) -> None:
    """Two machines whose clocks differ by an hour agree on whether a holder is alive."""
    far = replace(me, machine="another")
    late = store.journal(tmp_path / "late", ManualClock(1_800_003_600.0))
    early = store.journal(tmp_path / "early", ManualClock(1_800_000_000.0))
    store.clock = ManualClock(1_800_001_000.0)
    lease = early.leases.acquire("fraud", far, rollout="r1")

    assert late.leases.current("fraud") == lease
    store.clock.sleep(20)
    early.leases.renew(lease)
    store.clock.sleep(20)
    assert late.leases.current("fraud") == lease
    store.clock.sleep(12)
    assert late.leases.current("fraud") is None
    assert early.append(Parked(reason="late, but nobody took it"), lease=lease).fence == 1


def test_what_another_process_brings_in_makes_a_decision_void(store: Store, tmp_path: Path, me: Holder) -> None:
    """Two processes on one copy: what was decided before the other one's entry was in it is decided again."""
    archive = SharedArchive(parse(store.url), tmp_path, ManualClock(), every=0)
    other = store.journal(tmp_path, ManualClock())
    asked: list[int] = []

    def decide() -> Released | None:
        asked.append(1)
        if len(asked) > 1:
            return None
        other.leases.acquire("fraud", me, rollout="r1")
        return Released(service="fraud", fence=1)

    assert archive.add("fraud", decide) == 0
    assert len(asked) == 2
    assert other.leases.current("fraud") is not None


def test_nobody_is_refused_for_what_is_over(store: Store, tmp_path: Path, me: Holder) -> None:
    """A lease that was given back after the last look keeps nobody from acquiring."""
    patient = Journal(SharedArchive(parse(store.url), tmp_path / "mine", ManualClock(), every=1000), ManualClock())
    other = store.journal(tmp_path / "other", ManualClock())
    lease = other.leases.acquire("fraud", me, rollout="r1")
    assert patient.leases.current("fraud") == lease
    other.leases.release(lease)

    assert patient.leases.acquire("fraud", me, rollout="r2").fence == 2
