from __future__ import annotations

import shutil
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlship.clock import SystemClock
from mlship.demo.model_server import ModelServer
from mlship.demo.scenario import Scenario, prepare
from mlship.demo.service import Service
from mlship.errors import UsageError


def command(scenario: Scenario, model: str) -> list[str]:
    document = yaml.safe_load(scenario.plan_path.read_text())
    words: list[str] = document["models"][model]["command"]
    return words


@pytest.mark.parametrize("bad", [False, True])
def test_writes_a_plan_that_runs_the_real_parts(models: Path, *, bad: bool) -> None:
    """The plan names this very Python, both kept models and the port; only a bad candidate has a fault."""
    scenario = prepare(models, bad=bad)
    document = yaml.safe_load(scenario.plan_path.read_text())

    assert document["service"] == scenario.service
    assert document["driver"] == {"process": {"listen": scenario.address}}
    for model in ("v1", "v2"):
        assert command(scenario, model)[0] == sys.executable
        assert Path(command(scenario, model)[4]).parent == models
    assert ("--error-rate" in command(scenario, "v2")) is bad
    assert "--error-rate" not in command(scenario, "v1")


def test_what_it_writes_is_private(models: Path) -> None:
    """Plan and models are for their owner only: a model file is code to whoever loads it."""
    prepare(models, bad=False)

    assert {oct(path.stat().st_mode & 0o777) for path in models.iterdir()} == {"0o600"}


def test_good_and_bad_do_not_overwrite_each_other(models: Path) -> None:
    """Both plans stay readable after both demos."""
    assert prepare(models, bad=False).plan_path != prepare(models, bad=True).plan_path


def test_states_what_the_models_are_worth(models: Path) -> None:
    """The accuracies are there to be shown, and the candidate's is the better one."""
    accuracy = prepare(models, bad=False).accuracy

    assert accuracy["v1"] < accuracy["v2"]


def test_a_free_port_is_found_and_an_asked_one_is_taken(models: Path) -> None:
    """Without a port there is no conflict; with one, it is the one."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]

    assert prepare(models, bad=False, port=port).address == f"127.0.0.1:{port}"
    assert prepare(models, bad=False).address.startswith("127.0.0.1:")


def test_a_taken_port_is_a_clear_error(server: ModelServer, models: Path) -> None:
    """A port that somebody listens on is refused before anything runs."""
    with pytest.raises(UsageError, match="cannot listen"):
        prepare(models, bad=False, port=server.port)


def test_a_plan_that_cannot_be_written_is_a_clear_error(models: Path, tmp_path: Path) -> None:
    """Something else in the plan's place: a message that names it."""
    for model in models.glob("*.model"):
        shutil.copy(model, tmp_path)
    (tmp_path / "plan.yaml").mkdir()

    with pytest.raises(UsageError, match=r"cannot write .*plan\.yaml"):
        prepare(tmp_path, bad=False)


def test_its_traffic_is_understood_by_its_models(service: Service, models: Path) -> None:
    """The requests of the scenario are answered by the model server of the scenario."""
    scenario = prepare(models, bad=False)
    stand_in = ModelServer(int(scenario.address.rpartition(":")[2]), service)
    thread = threading.Thread(target=stand_in.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with scenario.traffic as traffic:
        assert eventually(lambda: traffic.sent.sent > 20)
        sent = traffic.stop()
    stand_in.drain()
    thread.join()

    assert sent.failed == 0


def eventually(happened: Callable[[], bool]) -> bool:
    clock = SystemClock()
    end = clock.now() + 60
    while not happened() and clock.now() < end:
        clock.sleep(0.01)
    return happened()
