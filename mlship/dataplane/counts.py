"""Envoy's cumulative counters per model, from its statistics: no log is parsed for them.

An attempt that could not connect is an error of the model that it was meant for, also where a second attempt answered
the user. Envoy's cluster counts such attempts; the users' answers are counted without those that say the same once
more, so nothing counts twice.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import msgspec

from mlship.dataplane import shadows

QUERY = "/stats/prometheus?filter=%5E(mlship%7Ccluster%5C..*upstream_rq_pending_(failure_eject%7Coverflow))"

READS = 6
"""Times that Envoy is asked until its latencies have caught up with its counters."""

PAUSE = 0.005
"""Seconds between two of them."""

_LINE = re.compile(r"^envoy_(mlship\w*|cluster_upstream_rq_pending_\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_NO_MODEL = {"", "-"}


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """One model's numbers since the router started."""

    requests: int = 0
    errors: int = 0
    """Answers of 500 or more, and attempts that could not connect."""
    unconnected: int = 0
    """Attempts that could not connect; forgotten with the model's cluster."""
    answered: int = 0
    """Answers that users got, from the model or on its behalf."""
    latency: tuple[int, ...] = ()
    """Answers per bucket, not cumulated, the open one last."""
    dropped: int = 0
    """Copies that the model was not sent, because it had too many in hand; forgotten with the model's cluster."""
    unkept: int = 0
    """Answers that were to be kept, and were not, because what is kept already fills its space."""


def read_counts(ask: Callable[[str], str], pause: Callable[[float], None]) -> Mapping[str, Count]:
    """Numbers per model, latencies included: Envoy merges those after it was asked, for the one who asks next."""
    first = found = counts(ask(QUERY))
    for _ in range(READS - 1):
        pause(PAUSE)
        found = counts(ask(QUERY))
        if all(sum(found[model].latency) >= count.answered for model, count in first.items() if model in found):
            break
    return found


def counts(text: str) -> Mapping[str, Count]:
    """Numbers per model from the statistics in Prometheus's text form."""
    found: dict[str, _Sums] = defaultdict(_Sums)
    for name, labels, value in _samples(text):
        model = labels.get("model") or labels.get("envoy_cluster_name", "")
        if model not in _NO_MODEL:
            found[model].add(name, labels, value)
    return {model: sums.count() for model, sums in found.items() if sums.seen}


class _Sums:
    """One model's samples, added up."""

    def __init__(self) -> None:
        self.seen = False
        self._requests = self._errors = self._unconnected = self._answered = 0
        self._dropped = self._unkept = 0
        self._buckets: list[tuple[float, int]] = []

    def add(self, name: str, labels: Mapping[str, str], value: int) -> None:
        self.seen = self.seen or name.startswith("mlship") or value > 0
        match name:
            case "mlship_latency_bucket":
                self._buckets.append((float(labels["le"]), value))
            case "mlship_answers":
                code = int(labels["code"])
                self._requests += value
                self._errors += value * (code >= 500)
                self._answered += value * (code > 0)
            case "mlship_unconnected":
                self._requests -= value
                self._errors -= value
            case "cluster_upstream_rq_pending_failure_eject":
                self._requests += value
                self._errors += value
                self._unconnected += value

            case "shadow_upstream_rq_pending_overflow":
                self._dropped += value
            case "mlship_unkept":
                self._unkept += value

    def count(self) -> Count:
        return Count(
            requests=self._requests,
            errors=self._errors,
            unconnected=self._unconnected,
            answered=self._answered,
            latency=_apart(self._buckets),
            dropped=self._dropped,
            unkept=self._unkept,
        )


def _samples(text: str) -> Iterator[tuple[str, Mapping[str, str], int]]:
    for name, found, value in _LINE.findall(text):
        labels = dict(_LABEL.findall(found))
        cluster = labels.get("envoy_cluster_name", "")
        if cluster.startswith(shadows.PREFIX):
            # Only what did not get through to the inner listener: what did is counted there.
            labels["envoy_cluster_name"] = cluster.removeprefix(shadows.PREFIX)
            yield name.replace("cluster_", "shadow_"), labels, int(float(value))
        else:
            yield name, labels, int(float(value))


def _apart(cumulative: list[tuple[float, int]]) -> tuple[int, ...]:
    values = [value for _, value in sorted(cumulative)]
    return tuple(now - before for now, before in zip(values, [0, *values], strict=False))
