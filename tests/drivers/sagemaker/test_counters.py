"""Counters of an endpoint's models, out of CloudWatch by real clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlship.drivers.sagemaker.counters import CATCH_UP, HISTORY, LATE, Counting, Series
from mlship.errors import OutOfReach
from mlship.metrics.amazon import Aws
from mlship.metrics.counters import LATENCY_EDGES, Counters, Tally, difference
from tests.emulators.sagemaker import Fault, SageMakerEmulator
from tests.support.cloud import cloud

LAG = 180.0
CALL = "cloudwatch:GetMetricData"
BOTH = {"v1": Series(variant="blue"), "v2": Series(variant="green")}


@pytest.fixture(scope="module")
def region() -> Iterator[tuple[SageMakerEmulator, Aws]]:
    """CloudWatch, with time as something that tests move, and its clients."""
    with pytest.MonkeyPatch.context() as patch, cloud(patch) as emulator:
        yield emulator, Aws()


@pytest.fixture
def aws(region: tuple[SageMakerEmulator, Aws]) -> SageMakerEmulator:
    """CloudWatch, when all that other tests have served is long past."""
    emulator, _ = region
    emulator.advance(2 * HISTORY - emulator.clock.now() % 60)
    return emulator


@pytest.fixture
def counting(aws: SageMakerEmulator, region: tuple[SageMakerEmulator, Aws], tmp_path: Path) -> Counting:
    """Of the endpoint `fraud`."""
    return Counting(aws=region[1], endpoint="fraud", file=tmp_path / "counters.json", clock=aws.clock, lag=LAG)


def serve(
    aws: SageMakerEmulator,
    variant: str,
    requests: int,
    *,
    errors: int = 0,
    silent: int = 0,
    refused: int = 0,
    micros: float = 12_000,
    ago: float = 0.0,
    config: str = "",
) -> None:
    """What AWS publishes of so many requests: each metric has a word on each of them."""
    good = requests - errors - silent - refused
    told = {
        "Invocations": [1] * requests,
        "Invocation5XXErrors": [1] * errors + [0] * (requests - errors),
        "Invocation4XXErrors": [1] * refused + [0] * (requests - refused),
        "InvocationModelErrors": [1] * (requests - good) + [0] * good,
        "ModelLatency": [micros] * requests,
    }
    named = {"endpoint": "fraud", "variant": variant, "ago": ago} | ({"config": config} if config else {})
    aws.publish([{"metric": metric, "values": values, **named} for metric, values in told.items()])


def final(aws: SageMakerEmulator) -> None:
    """What was served so far is final now."""
    aws.advance(LAG + 60)


def happened(before: Counters, after: Counters) -> dict[str, tuple[int, int]]:
    tallies = difference(before, after)
    assert tallies is not None
    return {model: (tally.requests, tally.errors) for model, tally in tallies.items() if tally != Tally()}


def test_what_each_model_got(aws: SageMakerEmulator, counting: Counting) -> None:
    """Requests and errors by variant; a refusal is no error, a model that does not answer at all is one."""
    before = counting.read(BOTH)
    serve(aws, "blue", 90, errors=1)
    serve(aws, "green", 10, errors=2, silent=3, refused=4)
    final(aws)

    assert happened(before, counting.read(BOTH)) == {"v1": (90, 1), "v2": (10, 5)}


def test_latency_is_in_microseconds(aws: SageMakerEmulator, counting: Counting) -> None:
    """What takes as long as an edge falls into the bucket under it, as everywhere else."""
    before = counting.read(BOTH)
    for place, micros in enumerate((*(round(edge * 1e6) for edge in LATENCY_EDGES), 60_000_001)):
        serve(aws, "blue", place + 1, micros=micros)
    final(aws)

    tallies = difference(before, counting.read(BOTH))
    assert tallies is not None
    assert tallies["v1"].latency == tuple(range(1, len(LATENCY_EDGES) + 2))


def test_a_minute_counts_once_it_is_final(aws: SageMakerEmulator, counting: Counting) -> None:
    """Not before its end and the lag are over, and never twice."""
    before = counting.read(BOTH)
    serve(aws, "blue", 5)
    aws.advance(60 + LAG - 1)
    serve(aws, "blue", 50, ago=59 + LAG)
    assert happened(before, counting.read(BOTH)) == {}
    aws.advance(1)

    after = counting.read(BOTH)
    assert happened(before, after) == {"v1": (55, 0)}
    aws.advance(60)
    assert happened(after, counting.read(BOTH)) == {}


def test_looks_within_a_minute_ask_once(aws: SageMakerEmulator, counting: Counting) -> None:
    """However often it is looked, there is one call a minute."""
    counting.read(BOTH)
    asked = aws.calls[CALL]
    for _ in range(30):
        aws.advance(10)
        counting.read(BOTH)

    assert aws.calls[CALL] - asked == 5


def test_no_word_of_errors_is_not_none(aws: SageMakerEmulator, counting: Counting) -> None:
    """Invocations without their errors are waited for, then they are unknown, and never taken for good ones."""
    before = counting.read(BOTH)
    aws.publish([{"metric": "Invocations", "endpoint": "fraud", "variant": "green", "values": [1] * 10}])
    final(aws)
    assert happened(before, counting.read(BOTH)) == {}
    aws.advance(LATE)

    with pytest.raises(OutOfReach, match="invocations of v2 and not of their errors"):
        counting.read(BOTH)


def test_errors_that_come_late_are_waited_for(aws: SageMakerEmulator, counting: Counting) -> None:
    """The minute counts for all models when its numbers are whole, so that the split stays comparable."""
    before = counting.read(BOTH)
    serve(aws, "blue", 90)
    aws.publish([{"metric": "Invocations", "endpoint": "fraud", "variant": "green", "values": [1] * 10}])
    final(aws)
    assert happened(before, counting.read(BOTH)) == {}
    aws.publish(
        [{"metric": "Invocation5XXErrors", "endpoint": "fraud", "variant": "green", "values": [1], "ago": LAG + 60}]
    )

    assert happened(before, counting.read(BOTH)) == {"v1": (90, 0), "v2": (10, 1)}


def test_an_unknown_minute_does_not_stop_the_others(aws: SageMakerEmulator, counting: Counting) -> None:
    """It is left out for both models, and what came after it counts."""
    before = counting.read(BOTH)
    serve(aws, "blue", 90)
    aws.publish([{"metric": "Invocations", "endpoint": "fraud", "variant": "green", "values": [1] * 10}])
    aws.advance(60)
    serve(aws, "blue", 9)
    serve(aws, "green", 1)
    final(aws)
    aws.advance(LATE)

    assert happened(before, counting.read(BOTH)) == {"v1": (9, 0), "v2": (1, 0)}


def test_a_gap_is_no_traffic(aws: SageMakerEmulator, counting: Counting) -> None:
    """A minute without any invocation has none, and its numbers are known."""
    before = counting.read(BOTH)
    serve(aws, "blue", 4)
    aws.advance(600)
    serve(aws, "blue", 3)
    final(aws)

    assert happened(before, counting.read(BOTH)) == {"v1": (7, 0)}


def test_the_old_split_does_not_count_for_the_new(aws: SageMakerEmulator, counting: Counting) -> None:
    """Minutes that a change overlaps, and those before it that were not final by then, are nobody's."""
    counting.read(BOTH)
    serve(aws, "blue", 100)
    aws.advance(90)
    begun = aws.clock.now()
    serve(aws, "blue", 20)
    aws.advance(45)
    ended = aws.clock.now()
    changes = ((begun, ended),)
    before = counting.read(BOTH, changes)
    serve(aws, "green", 30)
    aws.advance(60)
    serve(aws, "blue", 5)
    serve(aws, "green", 5)
    final(aws)

    assert happened(before, counting.read(BOTH, changes)) == {"v1": (5, 0), "v2": (5, 0)}


def test_a_reading_survives_the_process(aws: SageMakerEmulator, counting: Counting) -> None:
    """Another run goes on from the sums in the file, in the same epoch."""
    before = counting.read(BOTH)
    serve(aws, "blue", 8)
    final(aws)
    again = Counting(aws=Aws(), endpoint="fraud", file=counting.file, clock=aws.clock, lag=LAG)

    assert happened(before, again.read(BOTH)) == {"v1": (8, 0)}
    assert counting.file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("broken", ["", "{", '{"epoch": 1}'])
def test_lost_sums_are_a_reset(aws: SageMakerEmulator, counting: Counting, broken: str) -> None:
    """Counting starts anew, and nobody takes that for negative traffic."""
    before = counting.read(BOTH)
    counting.file.write_text(broken)
    aws.advance(60)

    assert difference(before, counting.read(BOTH)) is None


def test_a_long_absence_is_a_reset(aws: SageMakerEmulator, counting: Counting) -> None:
    """Nobody asks for weeks of minutes."""
    before = counting.read(BOTH)
    aws.advance(CATCH_UP + 120)

    assert difference(before, counting.read(BOTH)) is None


def test_the_first_reading_has_a_past(aws: SageMakerEmulator, counting: Counting) -> None:
    """What a rollout expects of its live model is there before the first step; what is older is not asked for."""
    serve(aws, "blue", 6, ago=HISTORY + 600)
    serve(aws, "blue", 40, errors=2, ago=HISTORY - 600)
    serve(aws, "blue", 7, ago=1200)

    past = counting.read(BOTH, ((aws.clock.now() - 1230, aws.clock.now() - 1190),)).models
    assert (past["v1"].requests, past["v1"].errors) == (40, 2)


def test_two_fleets_of_one_variant(aws: SageMakerEmulator, counting: Counting) -> None:
    """While AWS shifts traffic itself, old and new differ by their configuration alone."""
    series = {"v1": Series(variant="main", config="c1"), "v2": Series(variant="main", config="c2")}
    before = counting.read(series)
    serve(aws, "main", 9, config="c1")
    serve(aws, "main", 1, errors=1, config="c2")
    final(aws)

    assert happened(before, counting.read(series)) == {"v1": (9, 0), "v2": (1, 1)}


def test_many_variants_take_few_calls(aws: SageMakerEmulator, counting: Counting) -> None:
    """No call has more queries than AWS takes."""
    series = {f"m{place}": Series(variant=f"m{place}") for place in range(20)}
    before = counting.read(series)
    for place in range(20):
        serve(aws, f"m{place}", place + 1)
    final(aws)
    asked = aws.calls[CALL]

    assert happened(before, counting.read(series)) == {f"m{place}": (place + 1, 0) for place in range(20)}
    assert aws.calls[CALL] - asked == 2


def test_out_of_reach_loses_nothing(aws: SageMakerEmulator, counting: Counting) -> None:
    """What could not be asked for is counted by the next reading."""
    before = counting.read(BOTH)
    serve(aws, "blue", 3)
    final(aws)
    aws.fault(Fault(kind="error", on=CALL, code="ExpiredToken", message="expired"))
    with pytest.raises(OutOfReach, match="expired"):
        counting.read(BOTH)

    assert happened(before, counting.read(BOTH)) == {"v1": (3, 0)}


def test_an_endpoint_made_anew_is_a_reset(aws: SageMakerEmulator, counting: Counting) -> None:
    """What one of the same name served before it is not its own."""
    serve(aws, "blue", 50)
    final(aws)
    before = counting.read(BOTH, born=1.0)
    assert before.models["v1"].requests == 50
    born = aws.clock.now()
    aws.advance(60)
    serve(aws, "blue", 6)
    final(aws)
    after = counting.read(BOTH, born=born)

    assert difference(before, after) is None
    assert after.models["v1"].requests == 6


def test_a_young_endpoint_has_no_past(aws: SageMakerEmulator, counting: Counting) -> None:
    """Its first minute is not final yet, and looks until then are of one epoch."""
    born = aws.clock.now() - 30
    before = counting.read(BOTH, born=born)
    aws.advance(10)

    assert happened(before, counting.read(BOTH, born=born)) == {}
    aws.advance(20)
    serve(aws, "blue", 2)
    final(aws)
    assert happened(before, counting.read(BOTH, born=born)) == {"v1": (2, 0)}
