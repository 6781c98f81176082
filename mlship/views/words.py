"""Numbers and times as people read them. Rates and shares are 0..1, durations and times are seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from mlship.plan.routing import WHOLE, Routing
from mlship.plan.rule import Condition, Part, Rule
from mlship.plan.sagemaker.course import TARGET
from mlship.plan.shift import Shift, ShiftKind

NOTHING = "-"
"""What stands where there is no number."""


def percent(rate: float | None) -> str:
    """Three significant digits, "12.3 %"; the smallest rates keep enough of them not to read as zero."""
    if rate is None or not math.isfinite(rate):
        return NOTHING
    hundredths = 100 * rate
    if 0 < abs(hundredths) < 0.01:
        return "<0.01 %" if hundredths > 0 else ">-0.01 %"
    digits = 1 if abs(hundredths) >= 9.995 else 2
    return f"{_trimmed(hundredths, digits)} %"


def points(gain: float | None) -> str:
    """A difference of rates with its sign, "+3.1 points"."""
    return NOTHING if gain is None or not math.isfinite(gain) else f"{hundredths(gain, '+')} points"


def hundredths(rate: float, sign: str = "") -> str:
    """Two significant digits, "3.1"; all three of 100, which would read as 1e+02."""
    return f"{100 * rate:{sign}.{2 if abs(rate) < 0.995 else 3}g}"


def share(basis_points: int) -> str:
    """A weight, "5 %" or "33.33 %"."""
    return f"{_trimmed(100 * basis_points / WHOLE, 2)} %"


def weights(routing: Routing) -> str:
    """Where requests go, "v2 5 %, v1 95 %", and who gets copies, "v1 100 %, copies: v2 100 %, v3 20 %"."""
    if routing.closed:
        return "closed (503)"
    split = ", ".join(f"{model} {share(points)}" for model, points in routing.weights.items())
    way = shift(routing.shift) if routing.shift else ""
    return ", ".join(part for part in (split, way, *map(rule, routing.rules), copies(routing)) if part)


def shift(way: Shift) -> str:
    """How the backend moves the traffic by itself, "10 % for 10m, then all"."""
    match way.kind:
        case ShiftKind.ALL_AT_ONCE:
            return "all at once"
        case ShiftKind.CANARY:
            return f"{share(way.share)} for {duration(way.interval)}, then all"
        case ShiftKind.LINEAR:
            return f"{share(way.share)} more every {duration(way.interval)}"
        case ShiftKind.ROLLING:
            return f"{plural(way.batch, 'instance')} every {duration(way.interval)}"


def stacked(routing: Routing) -> str:
    """As `weights`, in several lines: below the shares one challenger each."""
    each = [f"{mirror.model} {share(mirror.share)}" for mirror in routing.mirrors]
    first, indent = "copies: ", " " * len("copies: ")
    below = (f"{indent if number else first}{told}" for number, told in enumerate(each))
    way = [shift(routing.shift)] if routing.shift else []
    return "\n".join([weights(replace(routing.reached, mirrors=())), *way, *below])


def copies(routing: Routing) -> str:
    """Who gets copies of the live model's requests, "copies: v2 100 %, v3 20 %"; empty: nobody."""
    each = ", ".join(f"{mirror.model} {share(mirror.share)}" for mirror in routing.mirrors)
    return f"copies: {each}" if each else ""


def rule(rule: Rule) -> str:
    """Who gets which model, "x-beta: yes to v2", "10 % of cookie plan: pro to v2", "everybody to v2"."""
    who = " and ".join(_condition(condition) for condition in rule.when)
    if rule.share < WHOLE:
        who = f"{share(rule.share)} of {who or 'users'}"
    return f"{who or 'everybody'} to {rule.model}"


def _condition(condition: Condition) -> str:
    if condition.name == TARGET:
        return f"InvokeEndpoint(TargetVariant={'|'.join(condition.values)})"
    name = f"{_KINDS[condition.part]}{condition.name}"
    if condition.absent:
        return f"no {name}"
    if condition.pattern is not None:
        return f"{name} like {condition.pattern}"
    if condition.part is Part.USER:
        return _values("user", condition.values)
    return f"{name}: {_values('value', condition.values)}" if condition.values else f"any {name}"


_KINDS = {Part.HEADER: "", Part.COOKIE: "cookie ", Part.QUERY: "query ", Part.USER: "user"}
_MOST_VALUES = 3


def _values(noun: str, values: tuple[str, ...]) -> str:
    if len(values) > _MOST_VALUES:
        return plural(len(values), noun)
    return f"{'user ' if noun == 'user' else ''}{'|'.join(values)}"


def replicas(models: Mapping[str, int]) -> str:
    """How many of which, "2 of v1, 1 of v2"."""
    return ", ".join(f"{number} of {model}" for model, number in models.items())


def duration(seconds: float | None) -> str:
    """The two largest units, "250ms", "5s", "1m 05s", "2h 10m", "3d 04h"."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds <= 0:
        return "0s"
    if seconds < 0.9995:
        return f"{max(1, round(1000 * seconds))}ms"
    whole = round(seconds)
    if seconds < 10 and abs(seconds - whole) >= 0.05:
        return f"{seconds:.1f}s"
    for unit, smaller, name, below in ((86400, 3600, "d", "h"), (3600, 60, "h", "m"), (60, 1, "m", "s")):
        if whole >= unit:
            return f"{whole // unit}{name} {whole % unit // smaller:02d}{below}"
    return f"{whole}s"


def ticking(seconds: float) -> str:
    """A duration that is counted down or up on a screen: whole seconds only."""
    return duration(float(max(0, math.floor(seconds))))


def count(number: int) -> str:
    """Groups of three, "12 400"."""
    return f"{number:,}".replace(",", " ")


def compact(number: int) -> str:
    """At most five characters, "12.4k"."""
    for size, suffix in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if number >= size:
            unit = 1_000 if suffix == "k" else size
            return f"{number / unit:.3g}{suffix}" if number / unit < 999.5 else f"{number / unit:.0f}{suffix}"
    return str(number)


def size(of_bytes: int) -> str:
    """As in "64 KiB", "1.5 GiB"."""
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if of_bytes >= unit:
            return f"{_trimmed(of_bytes / unit, 1)} {name}"
    return plural(of_bytes, "byte")


def rate(per_second: float | None) -> str:
    """Requests per second, without the unit."""
    if per_second is None or not math.isfinite(per_second):
        return NOTHING
    return count(round(per_second)) if per_second >= 99.95 else _trimmed(per_second, 1)


def number(value: float | None) -> str:
    """Three significant digits over many sizes, "0.93", "41", "1 200", "1.2e9"."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    size = abs(value)
    if 0 < size < 0.001 or size >= 99_950:
        return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    if size >= 99.95:
        return count(round(value))
    return _trimmed(value, 3 if size < 0.1 else 2 if size < 9.995 else 1)


def latency(seconds: float | None) -> str:
    """As in "0.8 ms", "12 ms", "1.25 s"."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds >= 0.9995:
        return f"{_trimmed(seconds, 2 if seconds < 9.995 else 1)} s"
    thousandths = 1000 * seconds
    return f"{_trimmed(thousandths, 0 if thousandths >= 9.95 else 1)} ms"


def plural(number_of: int, noun: str) -> str:
    """As in "1 step", "2 steps"."""
    return f"{count(number_of)} {noun}" if number_of == 1 else f"{count(number_of)} {noun}s"


def listed(names: Sequence[str], joint: str = "and") -> str:
    """As in "v2", "v2 and v3", "v2, v3 and v4"."""
    return f" {joint} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def local_time(at: float) -> str:
    """The time of day where the reader is."""
    return datetime.fromtimestamp(at, tz=UTC).astimezone().strftime("%H:%M:%S")


def local_day(at: float) -> str:
    """Day and minute where the reader is."""
    return datetime.fromtimestamp(at, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def utc(at: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trimmed(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
