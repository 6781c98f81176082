from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.clock import ManualClock, SystemClock
from mlship.errors import Exit, LeaseLost, ServiceHeld
from mlship.journal.events import Entered
from mlship.journal.holder import Holder, gone, this_process
from mlship.journal.lease import TTL, Heartbeat, Lease
from mlship.journal.store import Journal
from tests.journal.homes import Home
from tests.journal.made import output_of, running

SLEEPER = """
import sys
from mlship.journal.holder import this_process
from msgspec.structs import astuple
print(*astuple(this_process()), sep="|", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def far(me: Holder) -> Holder:
    """A process on another machine: whether it lives cannot be told from here."""
    return replace(me, host="ci-7", machine="another", pid=me.pid + 1)


def holder_of(printed: str) -> Holder:
    user, host, pid, machine, started = printed.strip().split("|")
    return Holder(user=user, host=host, pid=int(pid), machine=machine, started=started)


def test_a_held_service_names_its_holder(journal: Journal, lease: Lease, me: Holder) -> None:
    """A second run is refused with exit code 5: who holds it, where, in what rollout, since when, and what to do."""
    with pytest.raises(ServiceHeld) as caught:
        journal.leases.acquire("fraud", me, rollout="r2")

    assert caught.value.exit_code is Exit.HELD
    assert caught.value.message == (
        f"fraud is held by {me.user}@{me.host} (process {me.pid}), rollout r1, since 2023-11-14T22:13:20.000Z"
    )
    assert "mlship watch fraud" in caught.value.hint
    assert "mlship rollback fraud" in caught.value.hint


def test_services_are_held_one_by_one(journal: Journal, lease: Lease, me: Holder) -> None:
    """A lease on one service keeps nobody from another."""
    assert journal.leases.acquire("churn", me, rollout="r2").fence == 1


def test_the_fence_only_grows(journal: Journal, lease: Lease, far: Holder) -> None:
    """Every lease of a service has a higher number than all before, also after a release and a takeover."""
    journal.leases.release(lease)
    second = journal.leases.acquire("fraud", far, rollout="r2")
    third = journal.leases.take_over("fraud", far, rollout="r2")
    journal.leases.release(third)
    fourth = journal.leases.acquire("fraud", far, rollout="r3")

    assert [lease.fence, second.fence, third.fence, fourth.fence] == [1, 2, 3, 4]


def test_a_lease_expires_without_a_heartbeat(journal: Journal, far: Holder, clock: ManualClock, home: Home) -> None:
    """Up to its ttl a silent holder is respected; after it anybody may take the service."""
    journal.leases.acquire("fraud", far, rollout="r1")
    clock.sleep(TTL)
    with pytest.raises(ServiceHeld):
        journal.leases.acquire("fraud", far, rollout="r2")
    assert journal.leases.current("fraud") is not None
    clock.sleep(home.tick)

    assert journal.leases.current("fraud") is None
    assert journal.leases.acquire("fraud", far, rollout="r2").fence == 2


def test_renewing_keeps_a_lease(journal: Journal, far: Holder, clock: ManualClock) -> None:
    """The ttl counts from the last heartbeat, not from the beginning."""
    lease = journal.leases.acquire("fraud", far, rollout="r1", ttl=10)
    clock.sleep(8)
    journal.leases.renew(lease)
    clock.sleep(8)

    assert journal.leases.current("fraud") == lease


def test_a_late_holder_that_nobody_replaced_goes_on(journal: Journal, far: Holder, clock: ManualClock) -> None:
    """A laptop that slept past its ttl has lost nothing as long as nobody took the service."""
    lease = journal.leases.acquire("fraud", far, rollout="r1")
    clock.sleep(TTL * 10)
    journal.leases.renew(lease)

    assert journal.append(Entered(step=0), lease=lease).fence == 1


def test_a_lost_lease_cannot_be_renewed_and_does_no_harm(journal: Journal, lease: Lease, far: Holder) -> None:
    """Who was replaced is told so, and its release leaves the new holder in place."""
    now = journal.leases.take_over("fraud", far, rollout="r1")
    with pytest.raises(LeaseLost, match="ci-7"):
        journal.leases.renew(lease)
    journal.leases.release(lease)

    assert journal.leases.current("fraud") == now


def test_a_lease_of_another_journal_counts_for_nothing(lease: Lease, tmp_path: Path) -> None:
    """A lease is good for the journal that gave it."""
    with Journal(tmp_path / "other", ManualClock()) as other, pytest.raises(LeaseLost):
        other.append(Entered(step=0), lease=lease)


def test_a_dead_holder_is_replaced_at_once(journal: Journal) -> None:
    """A holder on this machine that was killed does not have to expire first, even before its parent knows."""
    with running(SLEEPER) as process:
        assert process.stdout is not None
        dead = holder_of(process.stdout.readline())
        journal.leases.acquire("fraud", dead, rollout="r1")
        with pytest.raises(ServiceHeld):
            journal.leases.acquire("fraud", this_process(), rollout="r2")
        process.kill()
        assert process.stdout.read() == ""

        until_gone(dead)
        assert journal.leases.acquire("fraud", this_process(), rollout="r2").fence == 2
    assert gone(dead)


def until_gone(holder: Holder) -> None:
    patience = SystemClock()
    for _ in range(200):
        if gone(holder):
            return
        patience.sleep(0.05)


def test_a_process_number_used_again_is_another_process(me: Holder) -> None:
    """The same pid with another beginning is not the holder; the same one is."""
    assert not gone(me)
    assert gone(replace(me, started="1"))


def test_the_living_are_judged_on_their_own_machine_only(me: Holder, far: Holder) -> None:
    """A pid means nothing on another boot or in another container: such a holder has to expire."""
    assert not gone(replace(far, pid=2**22 - 1))
    assert gone(replace(me, pid=2**22 - 1))


def test_every_process_knows_itself() -> None:
    """Two processes of one machine see each other as what they are."""
    dead = holder_of(output_of(SLEEPER.replace("sys.stdin.read()", "")))

    assert (dead.machine, dead.host) == (this_process().machine, this_process().host)
    assert gone(dead)


def test_a_heartbeat_renews(journal: Journal, far: Holder, clock: ManualClock) -> None:
    """While the block runs the lease does not expire, whatever the run is busy with."""
    lease = journal.leases.acquire("fraud", far, rollout="r1", ttl=0.03)
    clock.sleep(60)
    with Heartbeat(journal.leases, lease):
        until(lambda: journal.leases.current("fraud") == lease)

    assert journal.leases.current("fraud") == lease


def test_a_lost_lease_ends_the_heartbeat_and_wakes_the_run(journal: Journal, me: Holder) -> None:
    """The run is woken from its sleep when somebody takes over, so that it stops soon."""
    woken = threading.Event()
    lease = journal.leases.acquire("fraud", me, rollout="r1", ttl=0.03)
    with Heartbeat(journal.leases, lease, wake=woken.set):
        journal.leases.take_over("fraud", me, rollout="r1")

        assert woken.wait(20)


@pytest.mark.parametrize("home", ["file"], indirect=True)
def test_a_heartbeat_survives_a_journal_that_is_away(journal: Journal, far: Holder, folder: Path) -> None:
    """A journal that cannot be reached for a while is no reason to stop renewing."""
    lease = journal.leases.acquire("fraud", far, rollout="r1", ttl=0.03)
    journal.close()
    away = folder.rename(folder.with_name("away"))
    folder.write_text("in the way")
    with Heartbeat(journal.leases, lease) as heart:
        heart._stop.wait(0.1)
        folder.unlink()
        away.rename(folder)
        journal._clock.sleep(60)

        until(lambda: journal.leases.current("fraud") == lease)


def until(holds: object) -> None:
    assert callable(holds)
    patience = SystemClock()
    for _ in range(400):
        if holds():
            return
        patience.sleep(0.05)
    raise AssertionError("did not come about in 20 s")
