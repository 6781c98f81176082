"""CloudWatch's operations."""

from __future__ import annotations

from tests.emulators.sagemaker.alarms import Alarm
from tests.emulators.sagemaker.errors import ApiError
from tests.emulators.sagemaker.formulas import Evaluation, Span, refused
from tests.emulators.sagemaker.metrics import Sample, dimensions
from tests.emulators.sagemaker.pages import paged, troubled
from tests.emulators.sagemaker.world import ACCOUNT, Asked, Handler, Region, World

QUERIES = 500
"""A GetMetricData call takes so many."""


def put_metric_data(world: World, region: Region, asked: Asked) -> Asked:
    """PutMetricData; AWS's own namespaces are AWS's."""
    if asked["Namespace"].startswith("AWS/"):
        raise ApiError("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
    now = world.clock.now()
    for datum in asked.get("MetricData", []):
        series = asked["Namespace"], datum["MetricName"], dimensions(datum.get("Dimensions", []))
        region.metrics.add(series, _samples(datum, now))
    return {}


def get_metric_data(world: World, region: Region, asked: Asked) -> Asked:
    """GetMetricData."""
    queries = asked["MetricDataQueries"]
    span = Span(start=asked["StartTime"], end=asked["EndTime"], now=world.clock.now())
    if len(queries) > QUERIES:
        raise refused(f"The collection MetricDataQueries must not have a size greater than {QUERIES}.")
    if span.start >= span.end:
        raise refused("The parameter StartTime must be less than the parameter EndTime.")
    evaluation = Evaluation(region.metrics, queries, span)
    newest_first = asked.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    results = []
    for query in queries:
        if not query.get("ReturnData", True):
            continue
        points = sorted(evaluation.points(query["Id"]).items(), reverse=newest_first)
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label", _label(query)),
                "Timestamps": [start for start, _ in points],
                "Values": [value for _, value in points],
            }
        )
    answer = paged(results, asked.get("NextToken", ""), world.settings.datapoints_per_page)
    return troubled(answer, world.settings.metric_troubles.pop(0)) if world.settings.metric_troubles else answer


def list_metrics(world: World, region: Region, asked: Asked) -> Asked:
    """ListMetrics in one page."""
    wanted = {(item["Name"], item.get("Value")) for item in asked.get("Dimensions", [])}
    found = []
    for namespace, name, dims in region.metrics.known():
        if asked.get("Namespace", namespace) != namespace or asked.get("MetricName", name) != name:
            continue
        if all(any(key == has and value in {None, is_} for has, is_ in dims) for key, value in wanted):
            pairs = [{"Name": key, "Value": value} for key, value in sorted(dims)]
            found.append({"Namespace": namespace, "MetricName": name, "Dimensions": pairs})
    return {"Metrics": found}


def put_metric_alarm(world: World, region: Region, asked: Asked) -> Asked:
    """PutMetricAlarm; one of the same name keeps its state."""
    name, now = asked["AlarmName"], world.clock.now()
    if "Metrics" not in asked and not {"MetricName", "Namespace", "Period"} <= set(asked):
        raise ApiError("MissingParameter", "MetricName, Namespace and Period are required, or Metrics.")
    if "Threshold" not in asked:
        raise ApiError("MissingParameter", "The parameter Threshold is required.")
    if name in region.alarms:
        region.alarms[name].spec = asked
        return {}
    arn = f"arn:aws:cloudwatch:{region.name}:{ACCOUNT}:alarm:{name}"
    region.alarms[name] = Alarm(spec=asked, arn=arn, changed=now, looked=now)
    return {}


def describe_alarms(world: World, region: Region, asked: Asked) -> Asked:
    """DescribeAlarms in one page."""
    names, prefix, state = asked.get("AlarmNames"), asked.get("AlarmNamePrefix", ""), asked.get("StateValue")
    found = []
    for name, alarm in sorted(region.alarms.items()):
        if (names is None or name in names) and name.startswith(prefix) and state in {None, alarm.state}:
            found.append(_described(alarm))
    return {"MetricAlarms": found, "CompositeAlarms": []}


def set_alarm_state(world: World, region: Region, asked: Asked) -> Asked:
    """SetAlarmState; it lasts until the next evaluation."""
    if asked["AlarmName"] not in region.alarms:
        raise ApiError("ResourceNotFound", "Alarm does not exist", status=404)
    region.alarms[asked["AlarmName"]].put(asked["StateValue"], asked["StateReason"], world.clock.now())
    return {}


def delete_alarms(world: World, region: Region, asked: Asked) -> Asked:
    """DeleteAlarms: all or none."""
    missing = [name for name in asked["AlarmNames"] if name not in region.alarms]
    if missing:
        raise ApiError("ResourceNotFound", f"Alarms {missing} do not exist", status=404)
    for name in asked["AlarmNames"]:
        del region.alarms[name]
    return {}


def _described(alarm: Alarm) -> Asked:
    found = {key: value for key, value in alarm.spec.items() if key != "Tags"}
    return (
        {"ActionsEnabled": True}
        | found
        | {
            "AlarmArn": alarm.arn,
            "StateValue": alarm.state,
            "StateReason": alarm.reason,
            "StateUpdatedTimestamp": alarm.changed,
        }
    )


def _label(query: Asked) -> str:
    return str(query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Expression"])


def _samples(datum: Asked, now: float) -> list[Sample]:
    time = float(datum.get("Timestamp", now))
    if "StatisticValues" in datum:
        found = datum["StatisticValues"]
        count, extremes = float(found["SampleCount"]), (float(found["Minimum"]), float(found["Maximum"]))
        return [Sample(time=time, value=found["Sum"] / count, count=count, visible=now, extremes=extremes)]
    values = datum.get("Values", [datum["Value"]] if "Value" in datum else [])
    counts = datum.get("Counts", [1.0] * len(values))
    if not values or len(values) != len(counts):
        raise ApiError("InvalidParameterCombination", "Values and Counts must be of the same length, or a Value given.")
    pairs = zip(values, counts, strict=True)
    return [Sample(time=time, value=float(value), count=float(count), visible=now) for value, count in pairs]


HANDLERS: dict[str, Handler] = {
    "PutMetricData": put_metric_data,
    "GetMetricData": get_metric_data,
    "ListMetrics": list_metrics,
    "PutMetricAlarm": put_metric_alarm,
    "DescribeAlarms": describe_alarms,
    "SetAlarmState": set_alarm_state,
    "DeleteAlarms": delete_alarms,
}
