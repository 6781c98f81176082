"""Numbers of a real Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from mlship.clock import SystemClock
from mlship.errors import Exit, OutOfReach, UsageError
from mlship.metrics.base import Source, Totals, difference
from mlship.metrics.prometheus import PrometheusSource
from mlship.metrics.registry import sourced
from tests.metrics.engines import Monitoring
from tests.support.site import until

CLOCK = SystemClock()


def orders(prometheus: Monitoring) -> Source:
    """Orders of one model: how many, their worth, the squares of that."""
    spec = PrometheusSource(
        url=prometheus.url,
        query='open_orders{model="${model}"}',
        count='sum(orders_total{model="${model}"})',
        sum='sum(order_euros_total{model="${model}"})',
        square='sum(order_square_euros_total{model="${model}"})',
    )
    return sourced(spec)


def counted(*, orders: int, euros: float, square: float, model: str = "v2") -> list[str]:
    return [
        f'orders_total{{model="{model}"}} {orders}',
        f'order_euros_total{{model="{model}"}} {euros}',
        f'order_square_euros_total{{model="{model}"}} {square}',
    ]


def totals(source: Source, model: str = "v2") -> Totals | None:
    return source.totals(model, CLOCK.now() - 60, CLOCK.now())


def value(source: Source, model: str = "v2") -> float | None:
    return source.value(model, CLOCK.now() - 60, CLOCK.now())


def becomes(ask: Callable[[], object], expected: object) -> None:
    """Prometheus has scraped what the application counts; between two scrapes numbers may not fit together."""

    def there() -> bool:
        with suppress(OutOfReach):
            return ask() == expected
        return False

    until(there)


def test_counters_of_a_model(prometheus: Monitoring) -> None:
    """Count, sum and squares as they are counted, and the difference of two readings is what came in between."""
    source = orders(prometheus)
    first, second = Totals(count=100, sum=250.5, square=900), Totals(count=130, sum=300.5, square=1100)

    prometheus.expose(*counted(orders=100, euros=250.5, square=900), *counted(orders=7, euros=7, square=7, model="v1"))
    becomes(lambda: totals(source), first)
    prometheus.expose(*counted(orders=130, euros=300.5, square=1100))
    becomes(lambda: totals(source), second)

    assert difference(first, second) == Totals(count=30, sum=50, square=200)


def test_a_restart_of_the_application_is_a_reset(prometheus: Monitoring) -> None:
    """Counters that start anew are no negative traffic."""
    source = orders(prometheus)
    prometheus.expose(*counted(orders=500, euros=500, square=500))
    becomes(lambda: totals(source), Totals(count=500, sum=500, square=500))
    before = totals(source)

    prometheus.expose(*counted(orders=3, euros=3, square=3))
    becomes(lambda: totals(source), Totals(count=3, sum=3, square=3))

    assert difference(before, totals(source)) is None


def test_a_gauge_of_a_model(prometheus: Monitoring) -> None:
    """The value of the model asked for; of another there is none, which is not zero."""
    prometheus.expose('open_orders{model="v2"} 12.5', 'open_orders{model="v1"} 3')
    source = orders(prometheus)
    becomes(lambda: value(source), 12.5)

    assert value(source, "v1") == 3
    assert value(source, "v9") is None
    assert totals(source, "v9") is None


def test_a_series_that_vanishes_is_no_data(prometheus: Monitoring) -> None:
    """What is no longer scraped is not the last number for ever."""
    source = orders(prometheus)
    prometheus.expose('open_orders{model="v2"} 77')
    becomes(lambda: value(source), 77)

    prometheus.expose("other 1")

    becomes(lambda: value(source), None)


@pytest.mark.parametrize("number", ["NaN", "+Inf", "-Inf"])
def test_no_finite_number_is_no_data(prometheus: Monitoring, number: str) -> None:
    """A ratio of nothing to nothing says nothing."""
    prometheus.expose(f'odd{{kind="{number}"}} {number}', 'odd{kind="control"} 1')

    def odd(kind: str) -> float | None:
        return value(sourced(PrometheusSource(url=prometheus.url, query=f'odd{{kind="{kind}"}}')))

    becomes(lambda: odd("control"), 1)
    assert odd(number) is None


def test_a_conversion_rate_needs_no_squares(prometheus: Monitoring) -> None:
    """Outcomes of 0 and 1 are their own squares."""
    prometheus.expose("visits_total 200", "sales_total 31")
    spec = PrometheusSource(url=prometheus.url, count="visits_total", sum="sales_total")

    becomes(lambda: totals(sourced(spec)), Totals(count=200, sum=31, square=31))


def test_the_window_is_the_time_since_the_last_look(prometheus: Monitoring) -> None:
    """`${window}` is a duration in PromQL, of one second at least."""
    spec = PrometheusSource(url=prometheus.url, query="vector(${window})")

    for seconds, said in ((300.4, "300s"), (0.1, "1s")):
        with pytest.raises(UsageError) as caught:
            sourced(spec).value("v2", CLOCK.now() - seconds, CLOCK.now())
        assert f"vector({said})" in caught.value.hint


def test_a_scalar_is_a_number(prometheus: Monitoring) -> None:
    """A query may come to a number without a series."""
    assert value(sourced(PrometheusSource(url=prometheus.url, query="scalar(vector(2)) * 3"))) == 6


@pytest.mark.parametrize("query", ["vector(1)[5m:1m]", '"a text"'])
def test_what_is_no_number_is_refused(prometheus: Monitoring, query: str) -> None:
    """A range and a text are mistakes of the plan."""
    with pytest.raises(UsageError, match="no number"):
        value(sourced(PrometheusSource(url=prometheus.url, query=query)))


def test_several_series_are_named(prometheus: Monitoring) -> None:
    """Which of them was meant, only the plan can say."""
    prometheus.expose(*(f'queue{{name="{name}"}} 1' for name in "abcd"))
    source = sourced(PrometheusSource(url=prometheus.url, query="queue"))
    becomes(lambda: value(sourced(PrometheusSource(url=prometheus.url, query="sum(queue)"))), 4)

    with pytest.raises(UsageError, match="query has 4 series, and one is needed") as caught:
        value(source)

    assert 'name="a"' in caught.value.message
    assert caught.value.message.endswith(", ...")
    assert "sum(...)" in caught.value.hint


def test_a_mistake_is_told_in_its_own_words(prometheus: Monitoring) -> None:
    """A query that does not parse is a mistake of the plan, found at the first question."""
    source = sourced(PrometheusSource(url=prometheus.url, query='sum(rate(x{model="${model}"}[5m])'))

    with pytest.raises(UsageError) as caught:
        value(source)

    assert caught.value.exit_code is Exit.USAGE
    assert "refuses query" in caught.value.message
    assert "unclosed left parenthesis" in caught.value.message
    assert 'x{model="v2"}' in caught.value.hint


def test_a_query_that_cannot_be_carried_out_is_a_mistake(prometheus: Monitoring) -> None:
    """Prometheus answers 422 to a matching that is not one to one."""
    prometheus.expose('pair{x="a",y="1"} 1', 'pair{x="a",y="2"} 1')
    becomes(lambda: value(sourced(PrometheusSource(url=prometheus.url, query="count(pair)"))), 2)

    with pytest.raises(UsageError, match=r"many-to-many|duplicate series"):
        value(sourced(PrometheusSource(url=prometheus.url, query="pair + on(x) pair")))


def test_a_rate_is_no_count(prometheus: Monitoring) -> None:
    """Counters are differenced here, and nowhere else."""
    spec = PrometheusSource(url=prometheus.url, count="vector(2.5)", sum="vector(1)")

    with pytest.raises(UsageError, match=r"count is 2\.5"):
        totals(sourced(spec))


def test_a_model_cannot_leave_its_quotes(prometheus: Monitoring) -> None:
    """A name is a label's value, whatever characters it holds."""
    source = sourced(PrometheusSource(url=prometheus.url, query='count(up{job="${model}"}) or vector(0)'))

    becomes(lambda: value(source, "shop"), 1)
    assert value(source, 'x"} or vector(9) or up{job="') == 0
    assert value(source, "back\\slash'\n") == 0


def test_a_ping_asks_for_nothing(prometheus: Monitoring) -> None:
    """It answers queries; a path under which there is none is out of reach."""
    sourced(PrometheusSource(url=prometheus.url + "/")).ping()

    with pytest.raises(OutOfReach):
        sourced(PrometheusSource(url=prometheus.url + "/nowhere")).ping()
