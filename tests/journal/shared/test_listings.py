from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from mlship.clock import ManualClock
from mlship.errors import JournalUnavailable, LeaseLost
from mlship.journal.events import Requested
from mlship.journal.holder import Holder
from mlship.journal.lease import Lease
from mlship.journal.store import Journal
from tests.support.s3 import Request, Store, hang_up, lose_answer, says

FAULTS = (lose_answer, hang_up, says(409, "ConditionalRequestConflict"), says(500, "InternalError"))


def orders(journal: Journal) -> list[str]:
    return [item.event.order for item in journal.read("fraud") if isinstance(item.event, Requested)]


def write(journal: Journal, *names: str) -> None:
    for name in names:
        journal.request(Requested(order=name, by="bo"), service="fraud", rollout="r1")


def two_at_a_time(request: Request) -> None:
    request.path += "&max-keys=2"
    request.pass_on()


def without_the_second(request: Request) -> None:
    status, headers, body = request.forward()
    second = re.split(rb"(?=<Contents>)", body)[2]
    assert b"0000000002" in second
    request.answer(status, headers, body.replace(second, b""))


def test_a_listing_of_many_pages_is_read_whole(store: Store, tmp_path: Path) -> None:
    """S3 lists a thousand keys at a time; where there are more, the next page is asked for."""
    write(store.journal(tmp_path / "one", ManualClock()), *"abcdefg")
    store.spoil(two_at_a_time, method="GET", part="list-type=2", times=100)

    assert orders(store.journal(tmp_path / "other", ManualClock())) == list("abcdefg")


def test_a_listing_that_an_entry_was_too_late_for_is_no_damage(store: Store, tmp_path: Path) -> None:
    """A listing may tell entry 3 and not yet entry 2: what has no gap before it is taken, the rest later."""
    write(store.journal(tmp_path / "one", ManualClock()), *"abc")
    store.spoil(without_the_second, method="GET", part="0000000000")
    other = store.journal(tmp_path / "other", ManualClock())

    assert orders(other) == ["a"]
    assert orders(other) == ["a", "b", "c"]


def test_a_heartbeat_that_cannot_be_read_is_not_a_missing_one(store: Store, tmp_path: Path, me: Holder) -> None:
    """Who may not look whether the holder lives must not take it for dead."""
    journal = store.journal(tmp_path / "one", ManualClock())
    journal.leases.acquire("fraud", me, rollout="r1")
    store.spoil(says(403, "AccessDenied"), method="HEAD", part="/heartbeats/")

    with pytest.raises(JournalUnavailable, match="may not be used"):
        journal.leases.current("fraud")


class Writer(Thread):
    """A machine that takes the service over again and again, and writes until it loses it."""

    def __init__(self, name: str, journal: Journal, me: Holder) -> None:
        super().__init__(name=name)
        self.told: dict[str, int] = {}
        self.doubtful: set[str] = set()
        self._journal, self._me = journal, me

    def run(self) -> None:
        for turn in range(3):
            lease = self._journal.leases.take_over("fraud", self._me, rollout=self.name)
            with suppress(LeaseLost):
                for number in range(3):
                    self._write(f"{self.name}-{turn}-{number}", lease)

    def _write(self, order: str, lease: Lease) -> None:
        try:
            self.told[order] = self._journal.append(Requested(order=order, by=self.name), lease=lease).seq
        except JournalUnavailable:
            self.doubtful.add(order)


@pytest.mark.parametrize("seed", range(2))
def test_no_fault_loses_or_doubles_what_was_acknowledged(store: Store, tmp_path: Path, me: Holder, seed: int) -> None:
    """Three machines take over and write while requests and answers get lost: the log tells it all, once, in order."""
    chance = Random(seed)

    def fate(request: Request) -> bool:
        if request.command != "PUT" or "/log/" not in request.path or chance.random() > 0.2:
            return False
        chance.choice(FAULTS)(request)
        return True

    store.spoils.append(fate)
    writers = [Writer(name, store.journal(tmp_path / name, ManualClock()), me) for name in ("m1", "m2", "m3")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    found = list(store.journal(tmp_path / "other", ManualClock()).read("fraud"))
    places = {item.event.order: item.seq for item in found if isinstance(item.event, Requested)}
    told = {order: seq for writer in writers for order, seq in writer.told.items()}
    assert told
    assert told.items() <= places.items()
    assert places.keys() - told.keys() <= set.union(*(writer.doubtful for writer in writers))
    assert len(places) == len(found)
    assert [item.fence for item in found] == sorted(item.fence for item in found)
