import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mlship.plan.routing import Mirror, Routing, all_to
from mlship.plan.rule import header_is
from mlship.views import words


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (0.123, "12.3 %"),
        (0.05, "5 %"),
        (0.0046, "0.46 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.00001, "<0.01 %"),
        (-0.00001, ">-0.01 %"),
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_rates_read_as_percentages(rate: float | None, said: str) -> None:
    """A rate keeps enough digits not to read as zero, and no number is a dash."""
    assert said == words.percent(rate)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0s"),
        (-3.0, "0s"),
        (0.0004, "1ms"),
        (0.25, "250ms"),
        (0.9999, "1s"),
        (1.5, "1.5s"),
        (5.0, "5s"),
        (59.7, "1m 00s"),
        (65.0, "1m 05s"),
        (3600.0, "1h 00m"),
        (7800.0, "2h 10m"),
        (273600.0, "3d 04h"),
        (None, "-"),
        (math.inf, "-"),
    ],
)
def test_durations_have_two_units(seconds: float | None, said: str) -> None:
    """A duration is said in its two largest units."""
    assert said == words.duration(seconds)


@pytest.mark.parametrize(("seconds", "said"), [(12.9, "12s"), (0.4, "0s"), (-1.0, "0s"), (61.0, "1m 01s")])
def test_a_running_clock_shows_whole_seconds(seconds: float, said: str) -> None:
    """What is counted down on a screen never shows fractions."""
    assert said == words.ticking(seconds)


@pytest.mark.parametrize(("number", "said"), [(0, "0"), (999, "999"), (12400, "12 400"), (1234567, "1 234 567")])
def test_counts_are_grouped(number: int, said: str) -> None:
    """Thousands stand apart."""
    assert said == words.count(number)


@given(st.integers(min_value=0, max_value=999_000_000_000))
def test_a_compact_count_keeps_its_column(number: int) -> None:
    """However many requests there are, the column of the dashboard does not grow, and the figure is right to 1 %."""
    said = words.compact(number)
    assert len(said) <= 5
    scale = {"k": 1e3, "M": 1e6, "G": 1e9}
    value = float(said[:-1]) * scale[said[-1]] if said[-1] in scale else float(said)
    assert value == pytest.approx(number, rel=0.01)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.93, "0.93"),
        (0.02, "0.02"),
        (41.0, "41"),
        (1234.0, "1 234"),
        (1.2e9, "1.2e9"),
        (0.0, "0"),
        (4.2e-7, "4.2e-7"),
        (1.5e12, "1.5e12"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "-"),
        (None, "-"),
    ],
)
def test_evidence_is_said_over_many_sizes(value: float | None, said: str) -> None:
    """E-values from nearly nothing to astronomical stay short."""
    assert said == words.number(value)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0008, "0.8 ms"), (0.012, "12 ms"), (0.9999, "1 s"), (1.25, "1.25 s"), (12.34, "12.3 s"), (None, "-")],
)
def test_latencies_choose_their_unit(seconds: float | None, said: str) -> None:
    """Milliseconds below a second, seconds from there on."""
    assert said == words.latency(seconds)


@pytest.mark.parametrize(("per_second", "said"), [(None, "-"), (0.0, "0"), (11.43, "11.4"), (12345.6, "12 346")])
def test_request_rates_are_short(per_second: float | None, said: str) -> None:
    """One digit after the point, and none where it would not matter."""
    assert said == words.rate(per_second)


def test_a_routing_is_said_with_its_rules_and_its_closed_door() -> None:
    """Weights, header rules and an announced downtime are all told."""
    rule = header_is("x-preview", "yes", "v2")
    routing = Routing(segments=(("v2", 500), ("v1", 9500)), rules=(rule,))
    assert words.weights(routing) == "v2 5 %, v1 95 %, x-preview: yes to v2"
    assert words.weights(all_to("v1", closed=True)) == "closed (503)"


def test_a_routing_says_who_gets_copies() -> None:
    """Users' shares and copies are told apart."""
    mirrors = (Mirror(model="v2", share=10000), Mirror(model="v3", share=2000))
    assert words.weights(replace(all_to("v1"), mirrors=mirrors)) == "v1 100 %, copies: v2 100 %, v3 20 %"
    assert words.copies(all_to("v1")) == ""


@pytest.mark.parametrize(
    ("names", "said"),
    [((), ""), (("v2",), "v2"), (("v2", "v3"), "v2 and v3"), (("v2", "v3", "v4"), "v2, v3 and v4")],
)
def test_names_are_listed_as_people_do(names: tuple[str, ...], said: str) -> None:
    """Commas, and one joint before the last."""
    assert said == words.listed(names)


def test_times_are_local_for_people_and_utc_for_machines() -> None:
    """One moment, three readers."""
    assert words.local_time(1_767_225_600.25) == "00:00:00"
    assert words.local_day(1_767_225_600.25) == "2026-01-01 00:00"
    assert words.utc(1_767_225_600.25) == "2026-01-01T00:00:00.250Z"
