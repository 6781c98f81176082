"""Requests, errors and latencies out of Traefik's Prometheus endpoint."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from mlship.metrics.counters import LATENCY_EDGES, Tally

TOTAL = "traefik_service_requests_total"
BUCKET = "traefik_service_request_duration_seconds_bucket"
_LOADED = re.compile(r"^traefik_config_last_reload_success ([0-9.e+]+)$", re.MULTILINE)
_LINE = re.compile(r'^(\w+)\{([^}]*service="([^"@]+)@[^}]*)\} ([0-9.e+]+)$', re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def tallies(text: str) -> Mapping[str, Tally]:
    """Service → answers since Traefik started; its own, such as a 502, are among them."""
    requests: dict[str, int] = {}
    errors: dict[str, int] = {}
    upto: dict[str, dict[float, int]] = {}
    for name, service, labels, count in _samples(text):
        if name == TOTAL:
            requests[service] = requests.get(service, 0) + count
            errors[service] = errors.get(service, 0) + (count if labels["code"] >= "500" else 0)
        elif name == BUCKET:
            edges = upto.setdefault(service, {})
            edges[float(labels["le"])] = edges.get(float(labels["le"]), 0) + count
    return {
        service: Tally(requests=count, errors=errors[service], latency=_buckets(upto.get(service, {})))
        for service, count in requests.items()
    }


def coarse(text: str) -> bool:
    """There are latencies, and their buckets are others than the ones that percentiles are told by."""
    told = {labels["le"] for name, _, labels, _ in _samples(text) if name == BUCKET}
    return bool(told) and not {float(edge) for edge in told} >= set(LATENCY_EDGES)


def loaded_at(text: str) -> float | None:
    """When Traefik last loaded something, in whole seconds since the epoch; None where it does not tell.

    This proves nothing of what it has loaded: a file that is emptied before it is written is loaded twice, or once.
    """
    found = _LOADED.search(text)
    return float(found[1]) if found else None


def _samples(text: str) -> Iterator[tuple[str, str, Mapping[str, str], int]]:
    for name, labels, service, count in _LINE.findall(text):
        yield name, service, dict(_LABEL.findall(labels)), round(float(count))


def _buckets(upto: Mapping[float, int]) -> tuple[int, ...]:
    counts = [0] * (len(LATENCY_EDGES) + 1)
    before = 0
    for edge, count in sorted(upto.items()):
        counts[bisect_left(LATENCY_EDGES, edge)] += count - before
        before = count
    return tuple(counts)
