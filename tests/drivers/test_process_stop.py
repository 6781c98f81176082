"""Models as local processes: how they are replaced, taken over and stopped."""

from __future__ import annotations

import json
import os
import sys

import psutil
import pytest
from msgspec.structs import replace

from mlship.drivers.base import ObservedModel
from mlship.errors import LeaseLost, UsageError
from mlship.plan.model import Health
from mlship.plan.routing import all_to
from tests.support.site import EVERYWHERE, SERVER, Site, served, split, until

pytestmark = pytest.mark.envoy


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def ours(site: Site) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MLSHIP_SITE") == str(site.state):
                found.append(process.name())
        except psutil.Error:
            continue
    return found


def test_a_changed_command_is_another_model(site: Site) -> None:
    """A model whose command or environment changed under its name is replaced, without a failed request."""
    site.up(served("v1"))
    before = site.pids("v1")
    site.models["v1"] = served("v1", delay=0.001)
    driver = site.open(2)
    with site.slow_requests(4, 1.0) as statuses:
        until(lambda: driver._router.active("v1", EVERYWHERE) == 4)
        driver.ensure("v1", 1)
        assert statuses() == [200] * 4

    assert set(site.pids("v1")).isdisjoint(before)
    assert (site.ask().status, all(map(gone, before))) == (200, True)


def test_a_dead_replica_is_replaced(site: Site) -> None:
    """`ensure` counts what runs, not what was started."""
    driver = site.up(served("v1", replicas=2))
    site.kill(site.pids("v1")[0])
    assert driver.observe().models["v1"] == ObservedModel(running=1, ready=1)
    driver.ensure("v1", 2)

    assert driver.observe().models["v1"] == ObservedModel(running=2, ready=2)
    assert {site.ask().told["pid"] for _ in range(30)} == set(site.pids("v1"))


def test_an_id_that_was_given_away(site: Site) -> None:
    """A process that got the id of a dead replica is neither counted nor stopped."""
    driver = site.up(served("v1"), served("v2"))
    site.kill(site.pids("v2")[0])
    record = site.folder / "replicas" / "v2.1.json"
    told = json.loads(record.read_text())
    told["life"] = {"pid": os.getpid(), "birth": "another"}
    record.write_text(json.dumps(told))
    assert set(driver.observe().models) == {"v1"}
    driver.retire("v2")

    assert not record.exists()


def test_a_deaf_model(site: Site) -> None:
    """A replica that ignores SIGTERM is stopped all the same, with the processes that it started."""
    script = f"import subprocess,sys; sys.exit(subprocess.call([sys.executable, {str(SERVER)!r}]))"
    driver = site.up(served("v1"), replace(served("v2", deaf=1, drain=0.1), command=(sys.executable, "-c", script)))
    family = [*site.pids("v2"), *(child.pid for child in psutil.Process(site.pids("v2")[0]).children(recursive=True))]
    assert len(family) == 2
    driver.retire("v2")

    assert all(map(gone, family))


def test_traffic_holds_a_model(site: Site) -> None:
    """A model that gets traffic cannot be retired."""
    driver = site.up(served("v1"))
    with pytest.raises(UsageError, match="v1 still gets traffic"):
        driver.retire("v1")

    assert site.ask().status == 200


def test_unknown_model(site: Site) -> None:
    """A model that the plan does not have is told, with those that it has."""
    site.up(served("v1"))
    with pytest.raises(UsageError, match="v9") as unknown:
        site.open().ensure("v9", 1)

    assert "v1" in unknown.value.hint


def test_a_model_of_an_earlier_plan_is_retired(site: Site) -> None:
    """What an earlier plan left running can be stopped although the plan no longer names it."""
    site.up(served("v1"), served("v2"))
    del site.models["v2"]
    site.open(2).retire("v2")

    assert set(site.open(2).observe().models) == {"v1"}


def test_a_start_that_was_cut_short(site: Site) -> None:
    """A replica whose record was cut short by a crash is found by its mark, and stopped with the model."""
    driver = site.up(served("v1"), served("v2"))
    record, pid = site.folder / "replicas" / "v2.1.json", site.pids("v2")[0]
    told = json.loads(record.read_text())
    record.write_text(json.dumps({**told, "life": {"pid": 0, "birth": ""}, "passed": False}))
    driver.retire("v2")

    assert gone(pid)


def test_a_wait_that_was_cut_short(site: Site) -> None:
    """A replica that was still awaited when its controller died is not ready yet; `ensure` takes it over as it is."""
    driver = site.up(served("v1"), served("v2"))
    record = site.folder / "replicas" / "v2.1.json"
    told = json.loads(record.read_text())
    record.write_text(json.dumps({**told, "passed": False}))
    assert driver.observe().models["v2"] == ObservedModel(running=1, ready=0)
    driver.ensure("v2", 1)
    driver.route(all_to("v2"))

    assert site.ask().told["pid"] == told["life"]["pid"]


def test_waiting_does_not_lock_the_service(site: Site) -> None:
    """While one run waits for a model, another takes the service over; the first ends and undoes nothing of it."""
    from concurrent.futures import ThreadPoolExecutor

    site.up(served("v1"))
    site.models["v2"] = served("v2", never_ready=1, health=Health(within=60.0))
    old = site.open(1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(old.ensure, "v2", 1)
        until(lambda: site.pids("v2") != [] and site.pids("v2") != [0])
        new = site.open(2)
        new.route(all_to("v1"))
        assert isinstance(waiting.exception(timeout=20), LeaseLost)
    assert new.observe().models["v2"] == ObservedModel(running=1, ready=0)
    new.retire("v2")
    assert set(new.observe().models) == {"v1"}


def test_shutdown_leaves_nothing(site: Site) -> None:
    """After shutdown no process runs and no socket is left."""
    driver = site.up(served("v1", replicas=2), served("v2"))
    driver.route(split(5000))
    driver.shutdown()

    assert ours(site) == []
    assert not list(site.state.rglob("*.sock"))
