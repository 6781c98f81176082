"""Whole rollouts that CloudWatch's numbers decide: users call InvokeEndpoint while hours pass in seconds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mlship.errors import RollbackIncomplete
from mlship.journal.status import Status
from mlship.plan.model import Comparison, Plan, Threshold
from mlship.plan.routing import WHOLE
from tests.drivers.sagemaker.rehearsal import Rollout
from tests.strategies.plans import blue_green, canary, plan, recreate, rolling
from tests.support.sagemaker_site import SagemakerSite

ERRORS = Comparison(name="no-more-errors", metric="error_rate", margin=0.2)
CEILING = Threshold(name="error-ceiling", metric="error_rate", maximum=0.3)
GATES = {gate.name: gate for gate in (ERRORS, CEILING)}
MINUTE = 60.0
USERS = 12
"""Requests in a minute."""


def users(site: SagemakerSite) -> Callable[[float], None]:
    """Steady requests as time passes, once there is an endpoint."""
    waited = [0.0]

    def on(seconds: float) -> None:
        waited[0] += seconds
        while waited[0] >= MINUTE:
            waited[0] -= MINUTE
            ask(site)

    return on


def ask(site: SagemakerSite) -> None:
    runtime = site.clients("sagemaker-runtime")
    for _ in range(USERS):
        # Neither a model that errs nor an endpoint that is not there yet keeps a user from trying again.
        with suppress(runtime.exceptions.ModelError, runtime.exceptions.ValidationError):
            runtime.invoke_endpoint(EndpointName="scorer", Body=b"{}", ContentType="application/json")


def asked(site: SagemakerSite, *stages: Any, **more: Any) -> Plan:
    models = {name: site.models[name] for name in ("v1", "v2")}
    return plan(*stages, models=models, gates=GATES, guards=(), look_every=MINUTE, **more)


JUDGED = canary(5000, hold=300.0, gates=("no-more-errors",), requests=10, at_most=40_000.0)


def test_numbers_promote(site: SagemakerSite, tmp_path: Path) -> None:
    """A candidate that does no harm gets everybody, once enough of its requests were counted."""
    rollout = Rollout(site, tmp_path, asked(site, JUDGED), on=users(site))

    assert rollout.start() is Status.PROMOTED
    assert rollout.weights == {"v2": WHOLE}


def test_numbers_roll_back(site: SagemakerSite, tmp_path: Path) -> None:
    """A candidate that errs is taken away again by our own gate."""
    site.servers["v2"].status = 500
    rollout = Rollout(site, tmp_path, asked(site, JUDGED), on=users(site))

    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.weights == {"v1": WHOLE}
    assert set(site.weights) == {"v1"}


@pytest.mark.parametrize(
    "stage",
    [
        blue_green(gates=(), bake=60.0),
        recreate(gates=(), bake=60.0),
        rolling(gates=(), hold=60.0, requests=0),
        canary(1000, 5000, hold=60.0, gates=(), requests=0),
    ],
    ids=["blue-green", "recreate", "rolling", "canary"],
)
def test_strategies_by_weights(site: SagemakerSite, tmp_path: Path, stage: Any) -> None:
    """Each ends with the candidate alone, on the instances that the plan says."""
    for name in ("v1", "v2"):
        site.model(site.servers[name], replicas=2)
    rollout = Rollout(site, tmp_path, asked(site, stage))

    assert rollout.start() is Status.PROMOTED
    assert rollout.weights == {"v2": WHOLE}
    assert rollout.driver().observe().models["v2"].ready == 2


def test_a_downtime_is_measured(site: SagemakerSite, tmp_path: Path) -> None:
    """Recreate deletes the endpoint; the door opens with the new one."""
    rollout = Rollout(site, tmp_path, asked(site, recreate(gates=(), bake=60.0)))
    rollout.start()

    assert rollout.state.rollout is not None
    assert rollout.state.rollout.downtime is not None
    assert rollout.state.rollout.downtime >= 60.0
    assert site.aws.calls["sagemaker:DeleteEndpoint"] == 1


def test_a_new_endpoint_that_fails_is_replaced_by_the_old_one(site: SagemakerSite, tmp_path: Path) -> None:
    """Recreate with a model that does not start: the old one is made again."""
    rollout = Rollout(site, tmp_path, asked(site, recreate(gates=(), bake=60.0)))
    rollout.start(kill_after=9)
    site.outcome(kind="failed", on="create", reason="CannotStartContainerError")

    assert rollout.resume() is Status.ROLLED_BACK
    assert rollout.weights == {"v1": WHOLE}


@pytest.mark.parametrize("kind", ["failed", "rollback-failed"])
def test_what_needs_a_person(site: SagemakerSite, tmp_path: Path, kind: str) -> None:
    """An endpoint that does not come back ends a rollout with exit code 7, and the way out."""
    rollout = Rollout(site, tmp_path, asked(site, canary(5000, hold=60.0, gates=(), requests=0)))
    rollout.start(kill_after=10)
    site.outcome(kind=kind, reason="twice")
    with pytest.raises(RollbackIncomplete) as told:
        rollout.resume()

    assert "aws sagemaker" in told.value.hint
    assert rollout.status is Status.ROLLBACK_INCOMPLETE


def test_an_abort_while_updating_is_recorded_then_done(site: SagemakerSite, tmp_path: Path) -> None:
    """Nothing at AWS can be cancelled: the update ends, then everybody goes back."""
    rollout = Rollout(site, tmp_path, asked(site, canary(5000, hold=6000.0, gates=(), requests=0)))

    def abort(seconds: float) -> None:
        if seconds >= 5.0 and site.described["EndpointStatus"] == "Updating":
            rollout.order("abort")

    rollout.time.on = abort

    assert rollout.start() is Status.ROLLED_BACK
    assert rollout.weights == {"v1": WHOLE}
