"""Numbers of CloudWatch, by real clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.base import Totals
from mlship.metrics.cloudwatch import ATTEMPTS, CloudWatch, CloudWatchSource, MetricQuery
from mlship.metrics.registry import sourced
from tests.emulators.sagemaker import Fault, SageMakerEmulator
from tests.emulators.sagemaker.clock import START

CALL = "cloudwatch:GetMetricData"
LATENCY = CloudWatchSource(
    namespace="AWS/SageMaker",
    metric="ModelLatency",
    statistic="p50",
    dimensions={"EndpointName": "fraud", "VariantName": "${model}"},
    scale=1e-6,
    lag=120,
)
SHOP = {
    name: MetricQuery(
        namespace="AWS/SageMaker",
        metric=name,
        statistic="Sum",
        dimensions={"EndpointName": "shop", "VariantName": "${model}"},
    )
    for name in ("orders", "euros", "squares")
}


def publish(
    aws: SageMakerEmulator, metric: str, values: Sequence[float], *, ago: float = 0.0, model: str = "v2"
) -> None:
    endpoint = "fraud" if metric == "ModelLatency" else "shop"
    aws.publish([{"metric": metric, "endpoint": endpoint, "variant": model, "values": list(values), "ago": ago}])


def value(aws: SageMakerEmulator, spec: CloudWatchSource, model: str = "v2") -> float | None:
    return CloudWatch(spec, {}).value(model, 0.0, aws.clock.now())


def test_the_latest_final_minute_counts(aws: SageMakerEmulator) -> None:
    """A minute that ended less than the lag ago may still grow, so the one before it is told, in seconds."""
    aws.advance(300)
    for ago, latency in ((60, 900_000), (120, 700_000), (180, 250_000), (240, 100_000)):
        publish(aws, "ModelLatency", [latency], ago=ago)

    assert value(aws, LATENCY) == pytest.approx(0.25)
    aws.advance(59)
    assert value(aws, LATENCY) == pytest.approx(0.25)
    aws.advance(1)
    assert value(aws, LATENCY) == pytest.approx(0.7)


def test_each_model_has_its_own(aws: SageMakerEmulator) -> None:
    """`${model}` in a dimension is the model that is asked about."""
    publish(aws, "ModelLatency", [200_000], model="v1")
    publish(aws, "ModelLatency", [400_000], model="v2")
    aws.advance(180)

    assert [value(aws, LATENCY, "v1"), value(aws, LATENCY, "v2")] == pytest.approx([0.2, 0.4])


def test_a_gap_is_no_data(aws: SageMakerEmulator) -> None:
    """A minute without a datapoint is not zero, and an older one does not stand in for it."""
    publish(aws, "ModelLatency", [100_000])
    aws.advance(180)
    assert value(aws, LATENCY) == pytest.approx(0.1)
    aws.advance(60)

    assert value(aws, LATENCY) is None


def test_metric_math(aws: SageMakerEmulator) -> None:
    """An expression over named queries; where errors were never counted, FILL says that they are none."""
    publish(aws, "orders", [1] * 50)
    aws.advance(180)
    spec = CloudWatchSource(queries=SHOP, expression="100 * FILL(euros, 0) / orders")
    strict = CloudWatchSource(queries=SHOP, expression="euros / orders")

    assert value(aws, spec) == 0
    assert value(aws, strict) is None


def test_totals_are_of_whole_minutes(aws: SageMakerEmulator) -> None:
    """What began before the comparison, or is of a minute under way, does not count."""
    for minute in range(4):
        publish(aws, "orders", [1] * 10)
        publish(aws, "euros", [2.5] * (minute + 1))
        publish(aws, "squares", [6.25] * (minute + 1))
        aws.advance(60)
    spec = CloudWatchSource(queries=SHOP, count="orders", sum="euros", square="squares")

    found = sourced(spec).totals("v2", START + 1, START + 239)

    assert found == Totals(count=20, sum=2.5 * 5, square=6.25 * 5)


def test_no_time_is_no_units(aws: SageMakerEmulator) -> None:
    """Before the first minute is over there is nothing to ask for."""
    spec = CloudWatchSource(queries=SHOP, count="orders", sum="euros")

    assert sourced(spec).totals("v2", START, START + 59) == Totals()
    assert not aws.calls[CALL]


def test_a_series_that_is_not_there_is_no_data(aws: SageMakerEmulator) -> None:
    """Orders alone do not say that nobody paid."""
    publish(aws, "orders", [1] * 10)
    aws.advance(60)

    assert sourced(CloudWatchSource(queries=SHOP, count="orders", sum="euros")).totals("v2", START, START + 60) is None


def test_throttling_that_passes_is_not_noticed(aws: SageMakerEmulator) -> None:
    """botocore tries again, and nothing of ours does so on top."""
    publish(aws, "ModelLatency", [100_000])
    aws.advance(180)
    aws.fault(Fault(kind="throttle", on=CALL, times=1))

    assert value(aws, LATENCY) == pytest.approx(0.1)
    assert aws.calls[CALL] == 2


def test_throttling_that_lasts_is_out_of_reach(aws: SageMakerEmulator) -> None:
    """The gate is blind then, after a number of tries that is pinned."""
    aws.fault(Fault(kind="throttle", on=CALL, times=100))

    with pytest.raises(OutOfReach, match="Rate exceeded"):
        value(aws, LATENCY)
    assert aws.calls[CALL] == ATTEMPTS


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        ("ExpiredToken", OutOfReach, "have expired"),
        ("InvalidClientTokenId", OutOfReach, "does not take the credentials"),
        ("AccessDenied", UsageError, "AWS denies cloudwatch:GetMetricData"),
        ("ValidationError", UsageError, "ValidationError"),
    ],
)
def test_what_aws_refuses_is_said(aws: SageMakerEmulator, code: str, error: type[Exception], said: str) -> None:
    """Once, with what to do about it."""
    aws.fault(Fault(kind="error", on=CALL, code=code, message="no"))

    with pytest.raises(error, match=said) as caught:
        value(aws, LATENCY)
    assert getattr(caught.value, "hint", "")
    assert aws.calls[CALL] == 1


def test_a_wrong_expression_is_a_mistake(aws: SageMakerEmulator) -> None:
    """In CloudWatch's own words."""
    with pytest.raises(UsageError, match="unknown metric id oders"):
        value(aws, CloudWatchSource(queries=SHOP, expression="oders * 2"))


def test_no_credentials(aws: SageMakerEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is asked."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(OutOfReach, match="no AWS credentials"):
        value(aws, LATENCY)


def test_no_region(aws: SageMakerEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan may name one."""
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    with pytest.raises(UsageError, match="no AWS region"):
        value(aws, LATENCY)


def test_no_such_profile(aws: SageMakerEmulator) -> None:
    """A name of the shared configuration that is not there."""
    with pytest.raises(UsageError, match="nobody"):
        value(aws, CloudWatchSource(namespace="N", metric="M", statistic="Sum", profile="nobody"))


def test_nobody_answers(aws: SageMakerEmulator) -> None:
    """A connection that ends is tried again; one that always does is out of reach."""
    aws.fault(Fault(kind="drop", on=CALL, times=100))

    with pytest.raises(OutOfReach, match="AWS"):
        value(aws, LATENCY)


def test_a_ping_asks_about_no_model(aws: SageMakerEmulator) -> None:
    """It shows that the questions can be asked, whatever there is to say."""
    sourced(LATENCY).ping()
    sourced(CloudWatchSource(queries=SHOP, count="orders", sum="euros")).ping()

    assert aws.calls[CALL] == 2
    with pytest.raises(UsageError, match="expression is not in the plan"):
        sourced(CloudWatchSource(queries=SHOP)).ping()


def test_an_answer_in_pages(aws: SageMakerEmulator) -> None:
    """A series that goes on, or begins, in a later page is read to its end."""
    for _ in range(5):
        publish(aws, "orders", [1] * 10)
        publish(aws, "euros", [3] * 10)
        aws.advance(60)
    aws.settings.datapoints_per_page = 2

    found = sourced(CloudWatchSource(queries=SHOP, count="orders", sum="FILL(squares, 0)", square="euros")).totals(
        "v2", START, START + 300
    )
    assert found == Totals(count=50, sum=0, square=150)
    assert aws.calls[CALL] == 8


def test_an_incomplete_answer_is_asked_for_again(aws: SageMakerEmulator) -> None:
    """Once; what lacks points then is no number."""
    publish(aws, "ModelLatency", [100_000])
    aws.advance(180)
    aws.settings.metric_troubles = ["InternalError"]
    assert value(aws, LATENCY) == pytest.approx(0.1)
    aws.settings.metric_troubles = ["InternalError", "PartialData"]

    with pytest.raises(OutOfReach, match="no whole answer"):
        value(aws, LATENCY)


@pytest.mark.parametrize(
    ("trouble", "error", "said"),
    [("message", OutOfReach, "left something out"), ("Forbidden", UsageError, "denies mlship_value")],
)
def test_a_part_of_an_answer_is_none(
    aws: SageMakerEmulator, trouble: Literal["message", "Forbidden"], error: type[Exception], said: str
) -> None:
    """A series that AWS left out is not one without data."""
    aws.settings.metric_troubles = [trouble]

    with pytest.raises(error, match=said) as caught:
        value(aws, LATENCY)
    assert getattr(caught.value, "hint", "")
