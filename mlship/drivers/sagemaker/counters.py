"""Requests, errors and latency per model, out of CloudWatch: whole minutes, once they are final.

What AWS documents of the metrics of an endpoint (namespace AWS/SageMaker, one datapoint a minute): for every invocation
each error metric gets a 1 or a 0. So a minute with invocations and without a word on errors is unknown, and not without
errors; one without either had no traffic. InvocationModelErrors counts what Invocation5XXErrors leaves out: models that
do not answer at all. Latency is in microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from mlship.clock import Clock
from mlship.dataplane.files import make_folder, replace_file
from mlship.drivers.balancer.sums import added
from mlship.errors import OutOfReach
from mlship.metrics.amazon import Calls
from mlship.metrics.counters import LATENCY_EDGES, Counters, Tally
from mlship.metrics.metricdata import MOST_QUERIES, Points, Span, fetched, metric, metric_query

NAMESPACE = "AWS/SageMaker"
MINUTE = 60.0
HISTORY = 3 * 3600.0
"""Seconds before the first reading that are counted too: what a rollout expects of its models."""
CATCH_UP = 24 * 3600.0
"""Seconds that a reading goes back to the one before; what is older is given up, and counting starts anew."""
LATE = 300.0
"""Seconds beyond the lag that an incomplete minute is waited for; then it counts for no model."""

_SUMS = ("Invocations", "Invocation5XXErrors", "Invocation4XXErrors", "InvocationModelErrors")
_MICRO = 1e6


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Under which dimensions the numbers of a model are published."""

    variant: str
    config: str = ""
    """Of two fleets with the same variant the one with this configuration; empty: there is but one."""

    def dimensions(self, endpoint: str) -> Mapping[str, str]:
        """Name → value."""
        own = {"EndpointName": endpoint, "VariantName": self.variant}
        return {**own, "EndpointConfigName": self.config} if self.config else own


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What has been counted so far."""

    epoch: str
    born: float
    until: float
    """Minutes before it are counted, or never will be; in seconds since the epoch."""
    models: Mapping[str, Tally] = {}


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """Running sums of one endpoint, kept in a file: a look asks for the minutes since the one before."""

    aws: Calls
    endpoint: str
    file: Path
    clock: Clock
    lag: float
    """Seconds after its end until a minute is final."""

    def read(
        self, series: Mapping[str, Series], changes: Sequence[tuple[float, float]] = (), *, born: float = 0.0
    ) -> Counters:
        """The counters of each model.

        Args:
            series: model → where its numbers are, now.
            changes: from when to when the routing was changed, oldest first, in seconds since the epoch. Minutes that
                overlap one count for nobody, nor do those before the latest one that were not final by then.
            born: when the endpoint was made: numbers of an earlier one of its name are not its own.

        Raises:
            OutOfReach: CloudWatch does not answer, or tells of invocations and not of their errors.
            UsageError: AWS denies or refuses it.
        """
        now = self.clock.now()
        end = (now - self.lag) // MINUTE * MINUTE
        kept = found = self._kept()
        if kept is None or kept.born != born or end - kept.until > CATCH_UP:
            start = max(end - HISTORY, ceil(born / MINUTE) * MINUTE)
            kept = Kept(epoch=f"{now:.3f}", born=born, until=start)
        elif changes:
            kept = replace(kept, until=max(kept.until, ceil(changes[-1][1] / MINUTE) * MINUTE))
        if kept.until < end:
            minutes = self._minutes(series, Span(start=kept.until, end=end))
            kept = self._added(kept, minutes, (Span(start=begun, end=ended) for begun, ended in changes))
        if kept != found:
            make_folder(self.file.parent)
            replace_file(self.file, msgspec.json.encode(kept).decode())
        return Counters(at=now, epoch=kept.epoch, models=kept.models)

    def _kept(self) -> Kept | None:
        try:
            return msgspec.json.decode(self.file.read_bytes(), type=Kept)
        except (OSError, msgspec.MsgspecError):
            return None  # counting starts anew, and the new epoch says so

    def _minutes(self, series: Mapping[str, Series], span: Span) -> Iterator[tuple[float, Mapping[str, Tally | None]]]:
        """Each minute, oldest first: model → what it got; None: incomplete. A model without traffic is absent."""
        names = {model: f"m{place}" for place, model in enumerate(series)}
        queries = [query for model, name in names.items() for query in self._queries(name, series[model])]
        points: dict[str, Points] = {}
        for place in range(0, len(queries), MOST_QUERIES):
            points |= fetched(self.aws, queries[place : place + MOST_QUERIES], span)
        for place in range(round((span.end - span.start) / MINUTE)):
            start = span.start + place * MINUTE
            told = {model: _tally(points, name, start) for model, name in names.items()}
            yield start, {model: tally for model, tally in told.items() if tally != Tally()}

    def _queries(self, name: str, series: Series) -> Iterator[dict[str, Any]]:
        dimensions = series.dimensions(self.endpoint)
        for told in _SUMS:
            yield _query(f"{name}_{told.lower()}", metric(NAMESPACE, told, dimensions), "Sum")
        latency = metric(NAMESPACE, "ModelLatency", dimensions)
        for place, statistic in enumerate(_buckets()):
            yield _query(f"{name}_bucket{place}", latency, statistic)

    def _added(
        self, kept: Kept, minutes: Iterable[tuple[float, Mapping[str, Tally | None]]], changes: Iterable[Span]
    ) -> Kept:
        moved, late = tuple(changes), self.clock.now() - self.lag - LATE
        counted, unknown = False, ""
        for start, tallies in minutes:
            missing = [model for model, tally in tallies.items() if tally is None]
            if missing and start + MINUTE > late:
                break
            kept = replace(kept, until=start + MINUTE)
            if missing:
                unknown = missing[0]
            elif not any(each.start < start + MINUTE and start < each.end for each in moved):
                counted = counted or bool(tallies)
                known = {model: tally for model, tally in tallies.items() if tally is not None}
                kept = replace(kept, models=added((kept.models, known)))
        if unknown and not counted:
            hint = "see Invocation5XXErrors of the endpoint in CloudWatch; no word of errors is not taken for none"
            raise OutOfReach(f"CloudWatch tells of invocations of {unknown} and not of their errors", hint=hint)
        return kept


def _query(name: str, measured: Mapping[str, Any], statistic: str) -> dict[str, Any]:
    return metric_query(name, {"Metric": measured, "Period": int(MINUTE), "Stat": statistic})


def _buckets() -> Iterator[str]:
    """The statistic of each latency bucket: a trimmed count is of what is above its first bound, up to the second."""
    edges = ["", *(f"{edge * _MICRO:.0f}" for edge in LATENCY_EDGES), ""]
    return (f"TC({lower}:{upper})" for lower, upper in pairwise(edges))


def _tally(points: Mapping[str, Points], name: str, start: float) -> Tally | None:
    requests, failed, refused, wrong = (points[f"{name}_{told.lower()}"].get(start) for told in _SUMS)
    if requests is None:
        return Tally()
    if failed is None:
        return None
    silent = wrong - refused if wrong is not None and refused is not None else 0.0
    buckets = (points[f"{name}_bucket{place}"].get(start, 0.0) for place in range(len(LATENCY_EDGES) + 1))
    return Tally(
        requests=round(requests),
        errors=min(round(max(failed, silent)), round(requests)),
        latency=tuple(round(count) for count in buckets),
    )
