"""Numbers as reasons tell them."""

from __future__ import annotations

import math


def grouped(count: float) -> str:
    """Thousands apart, "7 310"."""
    return f"{round(count):,}".replace(",", " ")


def percent(rate: float) -> str:
    """At most three significant digits, "0.52 %"."""
    return f"{100 * rate:.3g} %"


def seconds(duration: float) -> str:
    """A latency, "7.5 ms" or "1.2 s"."""
    return f"{duration:.3g} s" if duration >= 1 else f"{1000 * duration:.3g} ms"


def about(count: float) -> str:
    """Two significant digits, rounded up: "1 300"."""
    scale = 10 ** max(0, math.floor(math.log10(max(count, 1))) - 1)
    return grouped(math.ceil(count / scale) * scale)


def ratio(low: float, high: float) -> str:
    """An interval of ratios, "[0.4, 3.9]"."""
    return f"[{low:.2g}, {high:.2g}]" if math.isfinite(high) else f"[{low:.2g}, any]"


def signed(gain: float) -> str:
    """A difference of rates in points, with its sign, "+2.1"."""
    digits = 2 if abs(gain) < 0.995 else 3  # With two, 100 would read as 1e+02.
    return f"{100 * gain:+.{digits}g}"


def points(gain: float) -> str:
    """The same with its unit, "+2.1 points"."""
    return f"{signed(gain)} points"
