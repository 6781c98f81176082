"""Envoy's cumulative counters per model, from its statistics: no log is parsed for them.

An attempt that could not connect is an error of the model that it was meant for, also where a second attempt answered
the user. Such attempts are counted where they are made; the users' answers are counted without those that say the same
once more (flag UF), so nothing counts twice.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import msgspec

QUERY = "/stats/prometheus?filter=%5Emlship"

READS = 6
"""Times that Envoy is asked until its latencies have caught up with its counters."""

PAUSE = 0.005
"""Seconds between two of them."""

_LINE = re.compile(r"^envoy_(mlship\w*)\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_NO_MODEL = {"", "-"}
_NO_CONNECTION = "UF"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """One model's numbers since the router started."""

    requests: int = 0
    errors: int = 0
    """Answers of 500 or more, and attempts that could not connect."""
    answered: int = 0
    """Answers that users got, from the model or on its behalf."""
    latency: tuple[int, ...] = ()
    """Answers per bucket, not cumulated, the open one last."""


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
    requests: dict[str, int] = defaultdict(int)
    errors: dict[str, int] = defaultdict(int)
    answered: dict[str, int] = defaultdict(int)
    buckets: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for name, labels, value in _samples(text):
        model = labels.get("model", "")
        if model in _NO_MODEL:
            continue
        if name == "mlship_latency_bucket":
            buckets[model].append((float(labels["le"]), value))
            continue
        counted, failed = _weigh(name, labels)
        answered[model] += value * (name == "mlship_answers" and labels["code"] != "0")
        requests[model] += value * counted
        errors[model] += value * failed
    return {
        model: Count(
            requests=requests[model],
            errors=errors[model],
            answered=answered[model],
            latency=_apart(buckets[model]),
        )
        for model in requests.keys() | buckets.keys()
    }


def _samples(text: str) -> Iterator[tuple[str, Mapping[str, str], int]]:
    for name, labels, value in _LINE.findall(text):
        yield name, dict(_LABEL.findall(labels)), int(float(value))


def _weigh(name: str, labels: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether a sample counts as requests, and as errors."""
    not_connected = _NO_CONNECTION in labels.get("flags", "").split(",")
    match name:
        case "mlship_answers":
            return not not_connected, not not_connected and int(labels["code"]) >= 500
        case "mlship_attempt_attempts":
            return not_connected, not_connected
        case _:
            return False, False


def _apart(cumulative: list[tuple[float, int]]) -> tuple[int, ...]:
    values = [value for _, value in sorted(cumulative)]
    return tuple(now - before for now, before in zip(values, [0, *values], strict=False))
