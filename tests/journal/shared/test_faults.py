from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlship.clock import ManualClock
from mlship.errors import Exit, JournalUnavailable, LeaseLost, UsageError
from mlship.journal.events import Entered, Parked
from mlship.journal.holder import Holder
from mlship.journal.lease import Heartbeat
from mlship.journal.store import Journal
from tests.journal.test_lease import until
from tests.ports import free_port
from tests.support.s3 import CREDENTIALS, Request, Store, break_off, hang_up, lose_answer, says, write_anyway

ALWAYS = 1000


@pytest.fixture
def shared(store: Store, tmp_path: Path) -> Journal:
    """The journals in S3."""
    return store.journal(tmp_path / "mine", ManualClock())


def steps(journal: Journal) -> list[int]:
    return [item.event.step for item in journal.read("fraud") if isinstance(item.event, Entered)]


@pytest.mark.parametrize(
    ("how", "times"),
    [
        (lose_answer, 1),
        (lose_answer, 4),
        (hang_up, 1),
        (says(500, "InternalError"), 1),
        (says(503, "SlowDown"), 1),
        (says(409, "ConditionalRequestConflict"), 3),
    ],
    ids=["an answer is lost", "all answers are lost", "hangs up", "500", "503", "409"],
)
def test_an_append_gets_through_once(
    shared: Journal, store: Store, me: Holder, how: Callable[[Request], None], times: int
) -> None:
    """Whatever happens to a request or to its answer: the event is written, once, and the append tells its number."""
    lease = shared.leases.acquire("fraud", me, rollout="r1")
    store.spoil(how, method="PUT", times=times)
    written = shared.append(Entered(step=0), lease=lease)

    assert shared.append(Entered(step=1), lease=lease).seq == written.seq + 1 == 3
    assert steps(shared) == [0, 1]
    assert len(store.keys("/log/")) == 3


def test_a_raced_append_that_lost_is_fenced(shared: Journal, store: Store, me: Holder, tmp_path: Path) -> None:
    """409 says that somebody else writes at this moment: who that was decides, not the answer."""
    lease = shared.leases.acquire("fraud", me, rollout="r1")
    other = store.journal(tmp_path / "other", ManualClock())

    def raced(request: Request) -> None:
        other.leases.take_over("fraud", me, rollout="r1")
        says(409, "ConditionalRequestConflict")(request)

    store.spoil(raced, method="PUT")
    with pytest.raises(LeaseLost):
        shared.append(Entered(step=0), lease=lease)


def test_an_answer_that_breaks_off_is_asked_for_again(
    store: Store, shared: Journal, me: Holder, tmp_path: Path
) -> None:
    """Half an entry is never taken for one."""
    lease = shared.leases.acquire("fraud", me, rollout="r1")
    shared.append(Entered(step=0), lease=lease)
    store.spoil(break_off, method="GET")

    assert steps(store.journal(tmp_path / "other", ManualClock())) == [0]


def test_a_store_that_is_away_stops_the_append_and_nothing_else(shared: Journal, store: Store, me: Holder) -> None:
    """Nothing is written and it is said in words; once the store is back the same lease goes on."""
    lease = shared.leases.acquire("fraud", me, rollout="r1")
    store.spoil(hang_up, method="PUT", times=ALWAYS)
    with pytest.raises(JournalUnavailable, match="cannot be reached") as caught:
        shared.append(Entered(step=0), lease=lease)
    store.spoils.clear()

    assert caught.value.exit_code is Exit.OUT_OF_REACH
    assert shared.append(Entered(step=1), lease=lease).seq == 2
    assert steps(shared) == [1]


def test_a_heartbeat_survives_a_store_that_is_away(shared: Journal, store: Store, me: Holder) -> None:
    """A store that cannot be reached for a while is no reason to stop renewing."""
    lease = shared.leases.acquire("fraud", me, rollout="r1", ttl=0.03)
    store.spoil(says(403, "AccessDenied"), method="PUT", part="/heartbeats/", times=3)
    with Heartbeat(shared.leases, lease):
        until(lambda: store.keys("/heartbeats/"))


@pytest.mark.parametrize(
    ("status", "code", "message", "hint"),
    [
        (403, "AccessDenied", "may not be used with these credentials", "s3:PutObject"),
        (400, "ExpiredToken", "credentials have expired", "sso login"),
        (403, "InvalidAccessKeyId", "credentials are not valid", "AWS_PROFILE"),
        (403, "SignatureDoesNotMatch", "credentials are not valid", "AWS_PROFILE"),
        (400, "IllegalLocationConstraintException", "is in another region", "AWS_REGION"),
        (403, "RequestTimeTooSkewed", "the clock of this machine is wrong", "NTP"),
        (501, "NotImplemented", "without conditional writes", "If-None-Match"),
        (503, "SlowDown", "does not answer", "again in a minute"),
        (400, "KMS.DisabledException", "encrypted with a key", "kms:Decrypt"),
        (400, "SomethingNew", "cannot be used", "docs/state.md"),
    ],
)
def test_what_the_store_refuses_is_said_with_a_way_out(
    shared: Journal, store: Store, status: int, code: str, message: str, hint: str
) -> None:
    """Each refusal: exit code 6, the place, what is wrong, what to do; never a credential."""
    store.spoil(says(status, code), method="GET", part=store.bucket, times=ALWAYS)
    with pytest.raises(JournalUnavailable, match=message) as caught:
        shared.state("fraud")

    said = f"{caught.value.message} {caught.value.hint}"
    assert store.url in said
    assert code in said
    assert hint in said
    assert not [secret for name, secret in CREDENTIALS.items() if "KEY" in name and secret in said.split()]


def test_a_bucket_that_does_not_exist_says_so(store: Store, shared: Journal, me: Holder) -> None:
    """Also for whoever would write first."""
    store.front.ask("DELETE", f"/{store.bucket}")

    for use in (shared.services, lambda: shared.leases.take_over("fraud", me, rollout="r1")):
        with pytest.raises(JournalUnavailable, match="does not exist"):
            use()


def test_no_network_says_so(shared: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint where nobody listens."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_port()}")

    with pytest.raises(JournalUnavailable, match="cannot be reached"):
        shared.state("fraud")


def test_no_credentials_says_so(shared: Journal, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that nobody has logged in on."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", store.front.url.replace("127.0.0.1", "localhost"))

    with pytest.raises(JournalUnavailable, match="there are no credentials"):
        shared.state("fraud")


def test_an_address_that_is_none_says_so(shared: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL without a scheme."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "minio")

    with pytest.raises(JournalUnavailable, match="Invalid endpoint"):
        shared.state("fraud")


def test_a_store_without_conditions_is_refused(shared: Journal, store: Store, me: Holder) -> None:
    """A store that ignores If-None-Match could give a service to two runs: nobody gets it."""
    store.spoil(write_anyway, method="PUT", times=ALWAYS)

    with pytest.raises(UsageError, match="If-None-Match"):
        shared.leases.acquire("fraud", me, rollout="r1")


def spoilt_entry(store: Store, key: str) -> None:
    store.write(key, b'{"v":1')


def newer_entry(store: Store, key: str) -> None:
    store.write(key, b'{"v":2,"entry":{"type":"unheard-of"}}')


def lost_entry(store: Store, key: str) -> None:
    store.delete(key)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (spoilt_entry, "log/0000000002 in the journal is damaged"),
        (newer_entry, r"newer mlship \(format 2, this one reads 1\)"),
        (lost_entry, "has lost an entry: there is no team/a/services/fraud/log/0000000002"),
    ],
)
def test_a_damaged_log_says_where(
    shared: Journal, store: Store, me: Holder, tmp_path: Path, damage: Callable[[Store, str], None], message: str
) -> None:
    """Who reads a log that somebody has changed is told which object it is, and writes nothing after it."""
    lease = shared.leases.acquire("fraud", me, rollout="r1")
    shared.append(Entered(step=0), lease=lease)
    shared.append(Parked(reason="night"), lease=lease)
    damage(store, store.keys("/log/")[1])

    with pytest.raises(JournalUnavailable, match=message) as caught:
        store.journal(tmp_path / "other", ManualClock()).state("fraud")
    assert caught.value.hint
