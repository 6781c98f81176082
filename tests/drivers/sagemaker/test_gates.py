"""A canary by weights that gates judge from CloudWatch alone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mlship.journal.events import Looked
from mlship.journal.status import Status
from mlship.plan.model import Comparison
from mlship.plan.routing import WHOLE
from tests.drivers.sagemaker.rehearsal import LONG, Rollout
from tests.emulators.sagemaker.local import local_model
from tests.strategies.plans import canary, plan
from tests.support.sagemaker_site import SagemakerSite

ERRORS = Comparison(name="no-more-errors", metric="error_rate", margin=0.05)
USERS = 40
"""Requests in a minute, while the engine waits."""


def rollout(site: SagemakerSite, folder: Path) -> Rollout:
    """Half of the users meet v2; they come all the time but while an update is waited for."""
    from botocore.exceptions import ClientError

    passed = 0.0

    def life(seconds: float) -> None:
        nonlocal passed
        passed += seconds if seconds < LONG else 0.0
        if passed >= 60:
            passed = 0.0
            for _ in range(USERS):
                with suppress(ClientError):
                    site.ask()

    models = {name: site.models[name] for name in ("v1", "v2")}
    stage = canary(5000, hold=120.0, gates=("no-more-errors",), requests=20, at_most=900.0)
    gates = {"no-more-errors": ERRORS}
    return Rollout(site, folder, plan(stage, models=models, gates=gates, guards=(), look_every=60.0), on=life)


def seen(made: Rollout, model: str) -> tuple[int, int, int]:
    """Requests, errors and timed answers of all looks of the step."""
    looks = [recorded.event.look for recorded in made.events if isinstance(recorded.event, Looked)]
    tallies = [look.tallies[model] for look in looks if look.number and look.tallies and model in look.tallies]
    return (
        sum(tally.requests for tally in tallies),
        sum(tally.errors for tally in tallies),
        sum(sum(tally.latency) for tally in tallies),
    )


def test_a_good_candidate_is_promoted(site: SagemakerSite, tmp_path: Path) -> None:
    """Its numbers are those of minutes in which the split was what it is."""
    made = rollout(site, tmp_path)

    assert made.start() is Status.PROMOTED
    assert made.weights == {"v2": WHOLE}
    requests, errors, timed = seen(made, "v2")
    assert errors == 0
    assert requests == timed >= 60


def test_a_candidate_that_errs_is_rolled_back(site: SagemakerSite, tmp_path: Path) -> None:
    """By our own gate, a few minutes after its first users."""
    with local_model("v2") as bad:
        bad.status = 500
        site.model(bad)
        made = rollout(site, tmp_path)

        assert made.start() is Status.ROLLED_BACK
    assert made.weights == {"v1": WHOLE}
    requests, errors, _ = seen(made, "v2")
    assert requests == errors > 0


def test_numbers_that_aws_does_not_tell_stop_nothing_and_prove_nothing(site: SagemakerSite, tmp_path: Path) -> None:
    """Without a word of errors nobody is promoted; at its deadline the rollout goes back."""
    site.aws.settings.series_without_errors = False
    made = rollout(site, tmp_path)

    assert made.start() is Status.ROLLED_BACK
    assert seen(made, "v2") == (0, 0, 0)
    troubles = {recorded.event.look.trouble for recorded in made.events if isinstance(recorded.event, Looked)}
    assert any("not of their errors" in trouble for trouble in troubles)
