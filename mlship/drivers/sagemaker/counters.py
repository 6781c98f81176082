"""What CloudWatch counts per variant, as counters: whole minutes that are final, and nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mlship.drivers.base import Opening
from mlship.drivers.sagemaker.aws import Aws
from mlship.drivers.sagemaker.endpoint import Description
from mlship.drivers.sagemaker.ledger import Ledger
from mlship.drivers.sagemaker.settings import Settings
from mlship.metrics.counters import Counters, Tally

MINUTE = 60

METRICS = {"requests": "Invocations", "errors": "Invocation5XXErrors"}


def counted(
    aws: Aws,
    *,
    opening: Opening,
    settings: Settings,
    seen: Description,
    variants: Mapping[str, str],
    ledger: Ledger,
) -> Counters:
    """Cumulative counters by model since the endpoint was made; `variants`: variant → model.

    Raises:
        OutOfReach: CloudWatch does not answer.
    """
    del ledger
    now = opening.clock.now()
    end = (now - settings.metrics_lag) // MINUTE * MINUTE
    start = seen.created // MINUTE * MINUTE
    sums = _sums(aws, settings.endpoint, tuple(variants), start, end) if variants and end > start else {}
    models = {
        model: Tally(requests=sums.get((variant, "requests"), 0), errors=sums.get((variant, "errors"), 0))
        for variant, model in variants.items()
    }
    return Counters(at=end, epoch=f"{seen.arn} {seen.created:.0f}", models=models)


def _sums(aws: Aws, endpoint: str, variants: tuple[str, ...], start: float, end: float) -> dict[tuple[str, str], int]:
    keys = [(variant, name) for variant in variants for name in METRICS]
    queries = [_query(f"m{number}", endpoint, variant, METRICS[name]) for number, (variant, name) in enumerate(keys)]
    span = {"StartTime": datetime.fromtimestamp(start, UTC), "EndTime": datetime.fromtimestamp(end, UTC)}
    found: dict[tuple[str, str], int] = {}
    for result in aws.pages("cloudwatch", "get_metric_data", "MetricDataResults", MetricDataQueries=queries, **span):
        key = keys[int(result["Id"][1:])]
        found[key] = found.get(key, 0) + round(sum(result["Values"]))
    return found


def _query(label: str, endpoint: str, variant: str, metric: str) -> dict[str, Any]:
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    named = {"Namespace": "AWS/SageMaker", "MetricName": metric, "Dimensions": dimensions}
    return {"Id": label, "MetricStat": {"Metric": named, "Period": MINUTE, "Stat": "Sum"}}
