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


def points(gain: float) -> str:
    """A difference of rates with its sign, "+2.1 points"."""
    return f"{100 * gain:+.2g} points"
