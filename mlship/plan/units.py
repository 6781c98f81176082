"""Durations, percentages and rates, as people write them."""

from __future__ import annotations

import re

from mlship.plan.routing import WHOLE

_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[dhms])")


def seconds(duration: str | int) -> float:
    """`250ms`, `10m`, `1h30m` or 0, in seconds."""
    if isinstance(duration, int | float):
        return float(duration)
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(duration))


def is_percentage(text: str) -> bool:
    """The text ends in a percent sign: `0.5%`."""
    return text.endswith("%")


def fraction(percentage: str) -> float:
    """`0.5%` as 0.005."""
    return float(percentage.removesuffix("%")) / 100


def amount(written: str | float) -> float:
    """`1%` as 0.01; a number as it is."""
    return fraction(written) if isinstance(written, str) else float(written)


def basis_points(percentage: str) -> int | None:
    """`0.5%` as 50; None where it is finer than a basis point."""
    whole, _, part = percentage.removesuffix("%").partition(".")
    if part[2:].strip("0"):
        return None
    return int(whole) * (WHOLE // 100) + int(part[:2].ljust(2, "0"))


def size(text: str) -> int:
    """`64KiB` in bytes."""
    number = text.rstrip("BGKMi")
    return int(number) * _BYTES[text.removeprefix(number)]


def per_second(rate: str | float) -> float:
    """`200/s` or 200, in requests per second."""
    return float(rate.removesuffix("/s")) if isinstance(rate, str) else float(rate)
