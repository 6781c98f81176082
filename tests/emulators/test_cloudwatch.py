"""Metric queries, their mathematics, and alarms over time."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulators.clients import Clients
from tests.emulators.sagemaker import SageMakerEmulator

NAMESPACE = "test"


def put(at: Clients, metric: str, time: float, **datum: Any) -> None:
    data = [{"MetricName": metric, "Timestamp": time, **datum}]
    at("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)


def stat(name: str, metric: str, statistic: str = "Sum", **more: Any) -> dict[str, Any]:
    what = {"Metric": {"Namespace": NAMESPACE, "MetricName": metric}, "Period": 60, "Stat": statistic}
    return {"Id": name, "MetricStat": what, **more}


def results(at: Clients, start: float, *queries: dict[str, Any]) -> dict[str, list[float]]:
    found = at("cloudwatch").get_metric_data(
        StartTime=start, EndTime=start + 180, MetricDataQueries=list(queries), ScanBy="TimestampAscending"
    )
    return {result["Id"]: result["Values"] for result in found["MetricDataResults"]}


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        ("Sum", 289.0),
        ("Average", 2.89),
        ("Minimum", 1.0),
        ("Maximum", 100.0),
        ("SampleCount", 100.0),
        ("p50", 1.0),
        ("p90", 10.0),
        ("p99.5", 55.45),
        ("p100", 100.0),
    ],
)
def test_statistics_of_values_with_counts(aws: SageMakerEmulator, at: Clients, statistic: str, value: float) -> None:
    """Values and Counts count as that many single values."""
    now = aws.clock.now()
    put(at, "m", now, Values=[1.0, 10.0, 100.0], Counts=[89.0, 10.0, 1.0])

    assert results(at, now, stat("m", "m", statistic))["m"] == [pytest.approx(value)]


def test_formulas_of_series(aws: SageMakerEmulator, at: Clients) -> None:
    """Arithmetic drops periods that an operand lacks, and divisions by 0; FILL puts a number there."""
    now = aws.clock.now()
    for minute, requests in enumerate((10.0, 0.0, 20.0)):
        put(at, "requests", now + 60 * minute, Value=requests)
    put(at, "errors", now, Value=1.0)
    put(at, "errors", now + 60, Value=1.0)

    found = results(
        at,
        now,
        stat("requests", "requests", ReturnData=False),
        stat("errors", "errors"),
        {"Id": "rate", "Expression": "errors / requests"},
        {"Id": "percent", "Expression": "(FILL(errors, 0) * 100 + 0) / (requests - -1)"},
    )

    assert set(found) == {"errors", "rate", "percent"}
    assert found["rate"] == [0.1]
    assert found["percent"] == [pytest.approx(100 / 11), 100.0, 0.0]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"Id": "e", "Expression": "none * 2"}, "unknown metric id"),
        ({"Id": "e", "Expression": "ANOMALY_DETECTION_BAND(m)"}, "not emulated"),
        ({"Id": "e", "Expression": "1 +"}, "Error in expression"),
        (stat("e", "m", "tm99"), "not supported"),
    ],
)
def test_queries_that_are_refused(aws: SageMakerEmulator, at: Clients, query: dict[str, Any], message: str) -> None:
    """What is not understood is an error, never an empty series."""
    with pytest.raises(ClientError, match=message):
        results(at, aws.clock.now(), stat("m", "m"), query)


def test_aws_namespaces_are_closed(at: Clients) -> None:
    """Nobody but AWS publishes in AWS/SageMaker."""
    with pytest.raises(ClientError, match="Namespace"):
        at("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=[{"MetricName": "m", "Value": 1.0}])


def alarm(at: Clients, name: str, **more: Any) -> None:
    asked: dict[str, Any] = {"Namespace": NAMESPACE, "MetricName": "m", "Statistic": "Sum", "Period": 60}
    asked |= {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    at("cloudwatch").put_metric_alarm(AlarmName=name, **(asked | more))


def state(at: Clients, name: str) -> str:
    return str(at("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def test_an_alarm_follows_its_metric(aws: SageMakerEmulator, at: Clients) -> None:
    """It knows nothing at first, and then what the last minute says."""
    alarm(at, "a")
    states = [state(at, "a")]
    for value in (0.0, 1.0, None):
        if value is not None:
            put(at, "m", aws.clock.now(), Value=value)
        aws.advance(60)
        states.append(state(at, "a"))

    assert states == ["INSUFFICIENT_DATA", "OK", "ALARM", "INSUFFICIENT_DATA"]


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [("missing", "INSUFFICIENT_DATA"), ("ignore", "ALARM"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_missing_data_is_treated_as_told(aws: SageMakerEmulator, at: Clients, treatment: str, expected: str) -> None:
    """Without datapoints an alarm does what TreatMissingData says."""
    alarm(at, "a", TreatMissingData=treatment)
    put(at, "m", aws.clock.now(), Value=5.0)
    aws.advance(60)
    alarmed = state(at, "a")
    aws.advance(60)

    assert (alarmed, state(at, "a")) == ("ALARM", expected)


def test_an_alarm_wants_so_many_datapoints(aws: SageMakerEmulator, at: Clients) -> None:
    """Two of three minutes have to breach."""
    alarm(at, "a", EvaluationPeriods=3, DatapointsToAlarm=2)
    states = []
    for value in (0.0, 1.0, 1.0):
        put(at, "m", aws.clock.now(), Value=value)
        aws.advance(60)
        states.append(state(at, "a"))

    assert states == ["OK", "OK", "ALARM"]


def test_an_alarm_can_watch_a_formula(aws: SageMakerEmulator, at: Clients) -> None:
    """Metrics with an expression are held against the threshold."""
    queries = [stat("e", "errors", ReturnData=False), stat("r", "requests", ReturnData=False)]
    at("cloudwatch").put_metric_alarm(
        AlarmName="a",
        EvaluationPeriods=1,
        Threshold=0.1,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[*queries, {"Id": "rate", "Expression": "e / r", "ReturnData": True}],
    )
    put(at, "errors", aws.clock.now(), Value=2.0)
    put(at, "requests", aws.clock.now(), Value=10.0)
    aws.advance(60)

    assert state(at, "a") == "ALARM"


def test_a_state_set_by_hand_does_not_last(aws: SageMakerEmulator, at: Clients) -> None:
    """The next evaluation takes SetAlarmState back; deleting an alarm that is not there is refused."""
    alarm(at, "a", TreatMissingData="notBreaching")
    at("cloudwatch").set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="by hand")
    by_hand = state(at, "a")
    aws.advance(60)

    assert (by_hand, state(at, "a")) == ("ALARM", "OK")
    at("cloudwatch").delete_alarms(AlarmNames=["a"])
    with pytest.raises(ClientError, match="do not exist"):
        at("cloudwatch").delete_alarms(AlarmNames=["a"])


def test_series_can_be_listed(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """ListMetrics finds what was ever published about an endpoint."""
    at.invoke(fraud)
    found = at("cloudwatch").list_metrics(
        Namespace="AWS/SageMaker", MetricName="Invocations", Dimensions=[{"Name": "EndpointName", "Value": fraud}]
    )

    assert sorted(len(metric["Dimensions"]) for metric in found["Metrics"]) == [2, 3]


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_cloudwatch_is_understood_in_each_protocol(aws: SageMakerEmulator, at: Clients, protocol: str) -> None:
    """Whichever protocol the installed botocore prefers, the same query has the same answer."""
    now = aws.clock.now()
    put(at, "m", now, Value=3.0)

    found = spoken(aws, protocol, StartTime=now, EndTime=now + 60, MetricDataQueries=[stat("m", "m")])

    assert found["MetricDataResults"][0]["Values"] == [3.0]
    assert found["MetricDataResults"][0]["Timestamps"][0].timestamp() == now
    assert spoken(aws, protocol, StartTime=now, EndTime=now, MetricDataQueries=[stat("m", "m")])["Error"]


def spoken(aws: SageMakerEmulator, protocol: str, **asked: Any) -> dict[str, Any]:
    """GetMetricData through botocore's own serializer and parser of a protocol."""
    from botocore.parsers import create_parser
    from botocore.serialize import create_serializer

    from tests.emulators.sagemaker.shapes import operation
    from tests.emulators.sagemaker.wire import Request

    model = operation("cloudwatch", "GetMetricData")
    made = create_serializer(protocol).serialize_to_request(asked, model)
    body = made["body"]
    if isinstance(body, dict):
        from urllib.parse import urlencode

        body = urlencode(body).encode()
    scope = {"authorization": "AWS4-HMAC-SHA256 Credential=K/20231114/us-east-1/monitoring/aws4_request"}
    headers = scope | {key.lower(): value for key, value in made["headers"].items()}
    answer = aws.reply(Request(method="POST", path=made["url_path"], headers=headers, body=body))
    raw = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    found: dict[str, Any] = create_parser(protocol).parse(raw, model.output_shape)
    return found
