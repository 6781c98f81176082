from __future__ import annotations

from pathlib import Path

import pytest

from mlship.journal.events import Repaired
from mlship.journal.holder import this_process
from tests.journal.made import running
from tests.support.s3 import opened

WRITER = """
import sys
from mlship.errors import MlshipError
from mlship.journal.events import Repaired
from mlship.journal.holder import this_process
from tests.support.s3 import opened

journal = opened(sys.argv[1])
take = getattr(journal.leases, sys.argv[2])
lease = take("fraud", this_process(), rollout=sys.argv[3])
try:
    for number in range(100_000):
        what = f"{sys.argv[3]} {number} " + "x" * (number * 97 % 6000)
        print(journal.append(Repaired(what=what), lease=lease).seq, len(what), flush=True)
except MlshipError as error:
    print("stopped", int(error.exit_code), error.message, flush=True)
"""


@pytest.fixture(params=["file", "s3"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each place that a journal can lie in, as several processes name it."""
    return str(tmp_path / "state") if request.param == "file" else request.getfixturevalue("store").url


def acknowledged(line: str) -> tuple[int, int]:
    seq, length = line.split()
    return int(seq), int(length)


def in_journal(where: str) -> dict[int, int]:
    with opened(where) as journal:
        return {item.seq: len(item.event.what) for item in journal.read("fraud") if isinstance(item.event, Repaired)}


def test_a_killed_writer_loses_nothing_that_it_was_told_is_written(where: str) -> None:
    """Kill -9 at any moment, again and again: each acknowledged event is there whole, and the next run can begin."""
    told: dict[int, int] = {}
    for run in range(5):
        with running(WRITER, where, "take_over", f"r{run}") as writer:
            assert writer.stdout is not None
            told |= dict(acknowledged(writer.stdout.readline()) for _ in range(1 + run * 5))
            writer.kill()
            told |= dict(
                acknowledged(line) for line in writer.stdout.read().splitlines(keepends=True) if line[-1:] == "\n"
            )
        found = in_journal(where)

        assert told.items() <= found.items()
        assert len(found) <= len(told) + run + 1


def test_a_killed_holder_leaves_a_service_that_can_be_acquired(where: str) -> None:
    """After kill -9 the same machine takes the service again at once, without waiting for the lease to expire."""
    for run in range(2):
        with running(WRITER, where, "acquire", f"r{run}") as writer:
            assert writer.stdout is not None
            assert acknowledged(writer.stdout.readline())[0] > 0
            writer.kill()
            writer.wait()


def test_two_writers_never_interleave_after_a_takeover(where: str) -> None:
    """From the takeover on every event is the new holder's; the old one stops with exit code 5 by itself."""
    with running(WRITER, where, "acquire", "old") as old:
        assert old.stdout is not None
        assert acknowledged(old.stdout.readline())[0] > 0
        with running(WRITER, where, "take_over", "new") as new:
            assert new.stdout is not None
            last = old.stdout.read().splitlines()[-1]
            assert [acknowledged(new.stdout.readline())[0] > 0 for _ in range(20)] == [True] * 20

    with opened(where) as journal:
        fences = [item.fence for item in journal.read("fraud")]
    assert last.startswith("stopped 5 ")
    assert "took fraud over" in last
    assert fences == sorted(fences)
    assert set(fences) == {1, 2}


def test_many_processes_may_be_the_first(where: str, tmp_path: Path) -> None:
    """Processes that all find no journal and make one end up with the same one, whole."""
    names = [f"service-{number}" for number in range(4)]
    script = WRITER.replace('"fraud"', "sys.argv[3]").replace("100_000", "5")
    writers = [running(script, where, "acquire", name) for name in names]
    for writer in [context.__enter__() for context in writers]:
        assert writer.wait(120) == 0

    with opened(where) as journal:
        assert [len(list(journal.read(name))) for name in names] == [5, 5, 5, 5]
        assert journal.leases.take_over(names[0], this_process(), rollout="r").fence == 2
    assert not list(tmp_path.rglob(".*-*"))
    for context in writers:
        context.__exit__(None, None, None)
