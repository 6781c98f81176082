"""`deploy --detach`: what the caller is told about a run that it does not wait for."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.cli import launch
from mlship.errors import Exit, MlshipError
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES, LONG

pytestmark = pytest.mark.envoy


def one_model(site: Site, model: str) -> Path:
    """A plan without stages in a made-up world: its run ends as soon as it has begun."""
    plan = site.folder / "plan.yaml"
    plan.write_text(
        f"version: 1\nservice: scorer\ndriver: {{ memory: {{}} }}\nmodels: {{ v1: {model} }}\nlive: v1\nstages: []\n"
    )
    return plan


@pytest.mark.parametrize(
    ("model", "status"),
    [("{}", "brought up"), ("{ faults: { never-ready: true }, health: { within: 1ms } }", "parked")],
    ids=["sound", "never ready"],
)
def test_a_short_run(site: Site, model: str, status: str) -> None:
    """A run that ends at once was begun: exit 0, and the caller is told where its end can be read."""
    ran = site.mlship("deploy", one_model(site, model), "--yes", "--detach")
    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert "mlship watch scorer" in ran.stdout or "mlship status scorer" in ran.stdout
    site.until(lambda: site.status()["status"] == status)


def test_nothing_begun(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A background run that could not take the service: its exit code, and where it says why."""
    monkeypatch.setenv("MLSHIP_STATE", str(site.state))
    plan = site.plan(LONG, more=GATES)
    departure = launch.prepare(plan, ())
    assert departure is not None
    site.start("deploy", plan, "--yes", "--output", "plain")
    site.until_share("v2")

    with pytest.raises(MlshipError, match="nothing was begun") as told:
        launch.detach(departure, ())
    assert told.value.exit_code is Exit.HELD
    assert "is held by" in Path(told.value.hint.removeprefix("read ")).read_text()
