"""Requests, errors and latencies of clusters, out of Envoy's statistics."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from mlship.metrics.counters import LATENCY_EDGES, Tally

ANSWERS, FAILURES = "upstream_rq_completed", "upstream_rq_5xx"
TIMEOUTS, DROPPED = "upstream_rq_timeout", "upstream_rq_pending_overflow"
COUNTERS = f"{ANSWERS}|{FAILURES}|{TIMEOUTS}|{DROPPED}"

READS = 6
"""Times that Envoy is asked until its latencies have caught up with its counters: some answers have none."""

PAUSE = 0.005
"""Seconds between two of them."""


def started(get: Callable[[str], str]) -> str:
    """Which life of it counts: when it read its configuration.

    Raises:
        OutOfReach: it does not answer.
    """
    configs = json.loads(get("/config_dump?mask=last_updated")).get("configs") or [{}]
    return str(configs[0].get("last_updated", ""))


def counted(
    get: Callable[[str], str], clusters: Mapping[str, str], pause: Callable[[float], None]
) -> Mapping[str, Tally]:
    """Counters by model, latencies included: Envoy merges those after it was asked, for the one who asks next.

    Clusters that Envoy does not have are absent.

    Raises:
        OutOfReach: it does not answer.
    """
    names = "|".join(re.escape(cluster) for cluster in clusters.values())
    found = json.loads(get(_query(f"^cluster[.]({names})[.]({COUNTERS})$")))["stats"]
    numbers = {str(each["name"]): int(each["value"]) for each in found if "name" in each}
    answers = sum(number for name, number in numbers.items() if name.endswith(f".{ANSWERS}"))
    times = _query(f"^cluster[.]({names})[.]upstream_rq_time$", "&histogram_buckets=detailed")
    histograms = _histograms(get(times))
    for _ in range(READS - 1):
        if sum(map(_counts, histograms.values())) >= answers:
            break
        pause(PAUSE)
        histograms = _histograms(get(times))
    return {
        model: _tally(numbers, histograms, f"cluster.{cluster}.")
        for model, cluster in clusters.items()
        if f"cluster.{cluster}.{ANSWERS}" in numbers
    }


def _counts(bins: Iterable[Mapping[str, float]]) -> int:
    return sum(int(each["count"]) for each in bins)


def _query(pattern: str, more: str = "") -> str:
    return f"/stats?format=json&filter={quote(pattern)}{more}"


def _histograms(text: str) -> Mapping[str, Any]:
    told = (each.get("histograms") or {} for each in json.loads(text)["stats"])
    return {str(each["name"]): each.get("totals") or [] for found in told for each in found.get("details") or []}


def _tally(numbers: Mapping[str, int], histograms: Mapping[str, Any], cluster: str) -> Tally:
    buckets = _buckets(histograms.get(f"{cluster}upstream_rq_time", ()))
    # The time of a request that was cut short is not among them, and it was longer than any.
    buckets[-1] += numbers.get(f"{cluster}{TIMEOUTS}", 0)
    return Tally(
        requests=numbers[f"{cluster}{ANSWERS}"],
        errors=numbers.get(f"{cluster}{FAILURES}", 0),
        latency=tuple(buckets),
        dropped=numbers.get(f"{cluster}{DROPPED}", 0),
    )


def _buckets(bins: Iterable[Mapping[str, float]]) -> list[int]:
    """Envoy's bins, two digits of milliseconds each, in ours; a bin belongs where it begins."""
    buckets = [0] * (len(LATENCY_EDGES) + 1)
    for each in bins:
        buckets[bisect_left(LATENCY_EDGES, each["lower_bound"] / 1000)] += int(each["count"])
    return buckets
