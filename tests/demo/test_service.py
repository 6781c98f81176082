from __future__ import annotations

from pathlib import Path

import pytest

from mlship.clock import ManualClock
from mlship.demo import protocol, training
from mlship.demo.service import Faults, Service
from mlship.demo.training import infer_bodies, trained

INFER = ("v2", "models", "digits", "infer")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (("v2",), 200),
        (("v2", "health", "live"), 200),
        (("v2", "health", "ready"), 200),
        (("v2", "models", "digits"), 200),
        (("v2", "models", "digits", "ready"), 200),
        (("v2", "models", "digits", "versions", "v1", "ready"), 200),
        (("v2", "models", "digits", "versions", "v9"), 404),
        (("v2", "models", "letters"), 404),
        (("v2", "models", "digits", "infer"), 405),
        (("v1", "health"), 404),
    ],
)
def test_answers_the_paths_of_the_protocol(service: Service, path: tuple[str, ...], status: int) -> None:
    """Every GET of the Open Inference Protocol answers, and nothing else does."""
    assert service.get(*path).status == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (INFER, 200),
        (("v2", "models", "digits", "versions", "v1", "infer"), 200),
        (("v2", "models", "letters", "infer"), 404),
        (("v2", "health", "ready"), 404),
    ],
)
def test_infers_for_its_own_model_only(service: Service, path: tuple[str, ...], status: int) -> None:
    """An inference is answered for the model that is served, with or without its version."""
    assert service.post(*path, body=infer_bodies(1)[0]).status == status


@pytest.mark.parametrize("version", training.MODELS)
def test_the_first_output_is_the_digit_and_a_second_one_its_probabilities(models: Path, version: str) -> None:
    """The digits are those of scikit-learn; the models that know probabilities tell them, the most for their digit."""
    service = Service(name="digits", version=version, faults=Faults(), clock=ManualClock())
    service.load(trained(version, models))
    estimator = training.load(trained(version, models)).estimator

    for body in infer_bodies(100):
        digit, *more = service.post(*INFER, body=body).body["outputs"]

        assert digit["data"] == estimator.predict(protocol.parse(body, training.FEATURES).rows).tolist()
        assert [tensor["name"] for tensor in more] == ([] if version == "v2" else ["probability"])
        for tensor in more:
            assert tensor["shape"] == [1, 10]
            assert sum(tensor["data"]) == pytest.approx(1.0, abs=1e-5)
            assert tensor["data"].index(max(tensor["data"])) == digit["data"][0]


@pytest.mark.parametrize(("version", "outputs"), [("v1", 2), ("v2", 1), ("v3", 2)])
def test_metadata_names_the_outputs_that_there_are(models: Path, version: str, outputs: int) -> None:
    """A model that tells no probabilities does not promise them, nor does one that is loading."""
    service = Service(name="digits", version=version, faults=Faults(), clock=ManualClock())
    loading = service.get("v2", "models", "digits").body["outputs"]
    service.load(trained(version, models))

    assert len(loading) == 1
    assert len(service.get("v2", "models", "digits").body["outputs"]) == outputs


def test_is_not_ready_before_the_model_is_loaded() -> None:
    """Live at once, ready only with a model: nothing is predicted before."""
    service = Service(name="digits", version="v1", faults=Faults(), clock=ManualClock())

    assert service.get("v2", "health", "live").status == 200
    assert service.get("v2", "health", "ready").status == 503
    assert service.get("v2", "models", "digits", "ready").status == 503
    assert service.post(*INFER, body=b"{}").status == 503


def test_faults_are_the_same_in_every_run_and_as_many_as_asked() -> None:
    """Which answers err depends on the seed and the request's number alone."""
    faults = Faults(error_rate=0.15, seed=3)

    struck = [number for number in range(10_000) if faults.strikes(number)]

    assert struck == [number for number in range(10_000) if Faults(error_rate=0.15, seed=3).strikes(number)]
    assert 1350 < len(struck) < 1650
    assert struck != [number for number in range(10_000) if Faults(error_rate=0.15, seed=4).strikes(number)]


@pytest.mark.parametrize(("rate", "statuses"), [(0.0, {200}), (1.0, {500})])
def test_rates_of_zero_and_one_are_never_and_always(models: Path, rate: float, statuses: set[int]) -> None:
    """No fault strikes unless asked for; at 100 % every answer is an error."""
    service = Service(name="digits", version="v2", faults=Faults(error_rate=rate), clock=ManualClock())
    service.load(trained("v2", models))

    assert {service.post(*INFER, body=body).status for body in infer_bodies(20)} == statuses


def test_delay_is_added_to_each_answer(models: Path) -> None:
    """A slow candidate is slow by just what was asked."""
    clock = ManualClock(0.0)
    service = Service(name="digits", version="v2", faults=Faults(delay=0.06), clock=clock)
    service.load(trained("v2", models))

    for body in infer_bodies(10):
        service.post(*INFER, body=body)

    assert clock.now() == pytest.approx(0.6)
