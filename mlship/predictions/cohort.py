"""Units of an experiment and what came of them, cohort by cohort. DuckDB joins; what is counted is not read again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.metrics.rewards import Asked, Reward, Rewards, next_cohort
from mlship.plan.outcome import Kind, Metric

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SETTLE = 2.0
"""Seconds for which lines may still be on their way when the time of a unit is over."""
LATE = 30.0
"""Seconds after which an outcome is no longer waited for by its answer: the router tells of an answer at its end."""
SEARCH = 60.0
"""Seconds between two searches among all answers for those of reported outcomes."""

# A unit is known by the hash of its arm and itself: a row is small, so all units of a long comparison can stay.
_UNIT = "hash(model, CASE WHEN $sticky THEN unit END, CASE WHEN $sticky AND unit IS NOT NULL THEN '' ELSE id END)"
_LIVE = "role = 'live' AND list_contains($arms::VARCHAR[], model)"
_FRESH = f"""
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT who AS unit, any_value(model) AS arm, min("at") AS "at", greatest(min("at"), $clamp) AS place,
    arg_min(struct_pack(known := covariate), "at").known AS covariate
FROM (
    SELECT {_UNIT} AS who, model, "at", covariate FROM predictions
    WHERE seq > $read AND "at" >= $since AND {_LIVE})
GROUP BY who
"""  # noqa: S608 - constants
_EARLIER = """
UPDATE units SET "at" = fresh."at", place = least(units.place, fresh.place), covariate = fresh.covariate
FROM fresh WHERE units.unit = fresh.unit AND units."at" > fresh."at" AND units.place > $behind
"""
_BEGUN = "INSERT INTO units BY NAME SELECT * FROM fresh ANTI JOIN units USING (unit)"
_READ = "UPDATE comparison SET read = coalesce((SELECT max(seq) FROM predictions WHERE seq > ?), read)"

_COHORT = """
CREATE OR REPLACE TEMP TABLE cohort AS
SELECT unit, arm, "at", "at" + $within AS until,
    coalesce(covariate, (SELECT favg(covariate) FROM units WHERE covariate IS NOT NULL AND place <= $end), 0) AS before
FROM units WHERE place > $behind AND place <= $end
"""
_SPAN = 'SELECT min("at"), max(until) FROM cohort'
# Sums stay finite, and what is no number under JSON's rules is none.
_NUMBER = r"""
CASE WHEN value = 'true' THEN 1 WHEN value = 'false' THEN 0
    WHEN regexp_full_match(value, '-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?') AND abs(try_cast(value AS DOUBLE)) <= 1e100
    THEN try_cast(value AS DOUBLE) END"""
# An outcome comes after its request, so those before the cohort need not be read. One of a repeated id counts once.
_EARNED = f"""
CREATE OR REPLACE TEMP TABLE earned AS
WITH said AS (
    SELECT rowid AS number, key, id, "at", value FROM outcomes
    WHERE name = $name AND arrived >= $first - $settle AND "at" <= $last
), asked AS (
    SELECT seq, key, id, unit, model, "at" FROM predictions WHERE "at" >= $first AND "at" <= $last AND {_LIVE}
), met AS (
    SELECT DISTINCT ON (number) {_UNIT} AS unit, asked."at" AS "at", said."at" AS told, value
    FROM said JOIN asked USING (key, id) ORDER BY asked.seq
)
SELECT unit, coalesce(fsum({_NUMBER}), 0) AS sum FROM met JOIN cohort USING (unit)
WHERE met."at" <= until AND told <= until GROUP BY unit
"""  # noqa: S608 - constants
_SUMS = """
SELECT arm, count(*), fsum(value), fsum(value ** 2), count(*) FILTER (reported), fsum(before), fsum(before ** 2),
    fsum(before * value)
FROM (
    SELECT arm, before, sum IS NOT NULL AS reported,
        CASE WHEN $rate THEN (coalesce(sum, 0) > 0)::DOUBLE ELSE coalesce(sum, 0) END AS value
    FROM cohort LEFT JOIN earned USING (unit))
GROUP BY arm
"""
_PENDING = "SELECT arm, count(*) FROM units WHERE place > ? GROUP BY arm"

# An outcome is looked for once, when its answer must have been read.
_UNKNOWN = """
WITH due AS MATERIALIZED (
    SELECT key FROM outcomes WHERE seq > $checked AND seq <= $upto AND name = $name AND "at" >= $since
), kept AS (
    SELECT DISTINCT key FROM predictions WHERE role = 'live' AND key IN (SELECT key FROM due)
)
SELECT count(*) FROM due WHERE key NOT IN (SELECT key FROM kept)
"""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a look wants to know. Times are seconds since the epoch."""

    metric: Metric
    asked: Asked
    mark: str
    sticky: bool
    """Units are what requests are assigned by, where they have it; else each request is one."""
    read: float
    """Up to when the router's files have been read."""

    @property
    def scope(self) -> str:
        """What tells one comparison from another."""
        told = (self.asked.since, sorted(self.asked.arms), self.metric.outcome, self.sticky)
        return msgspec.json.encode(told).decode()

    @property
    def behind(self) -> float:
        """Cohorts up to this moment are on record."""
        return float(self.mark) if self.mark else -math.inf

    @property
    def interval(self) -> tuple[float, float]:
        """When the units of the cohort began; without length where no further unit's time has come."""
        return next_cohort(self.asked, self.mark, until=self.read - self.metric.within - SETTLE)


def told(question: Question, connection: DuckDBPyConnection) -> tuple[Rewards, str]:
    """The cohort behind the mark, and the mark behind the cohort: the moment up to which units are counted.

    A covariate that is missing counts as the mean of those of all units so far: sums are over all units then.
    """
    _begin(question, connection)
    unknown = _unknown(question, connection)
    start, end = question.interval
    some = end > start
    rewards = Rewards(
        start=start,
        end=end,
        arms=_arms(question, end, connection) if some else {},
        pending=_pending(question, end if some else question.behind, connection),
        unknown=unknown,
    )
    return rewards, repr(end) if some else question.mark


def _begin(question: Question, connection: DuckDBPyConnection) -> None:
    """Take in the units of what was read since the last look.

    A line that comes when its cohort is on record already puts its unit into the next one: no unit is lost. Where the
    comparison is read anew, nobody knows which lines were late, and what is before the mark has been counted.
    """
    found = connection.execute("SELECT scope, read FROM comparison").fetchone()
    known = found is not None and found[0] == question.scope
    if not known:
        connection.execute("DELETE FROM units; DELETE FROM comparison")
        connection.execute("INSERT INTO comparison VALUES (?, 0, ?, 0, 0)", [question.scope, question.read])
    read = found[1] if found and known else 0
    fresh = {
        "read": read,
        "since": question.asked.since,
        "clamp": math.nextafter(question.behind, math.inf) if known else -math.inf,
    }
    connection.execute(_FRESH, {**fresh, **_who(question)})
    connection.execute(_EARLIER, {"behind": question.behind})
    connection.execute(_BEGUN)
    connection.execute(_READ, [read])


def _arms(question: Question, end: float, connection: DuckDBPyConnection) -> Mapping[str, Reward]:
    metric = question.metric
    connection.execute(_COHORT, {"behind": question.behind, "end": end, "within": metric.within})
    first, last = connection.execute(_SPAN).fetchone() or (None, None)
    span = {"name": metric.outcome, "first": first, "last": last, "settle": SETTLE}
    connection.execute(_EARNED, {**span, **_who(question)})
    sums = connection.execute(_SUMS, {"rate": metric.kind is Kind.RATE}).fetchall()
    found = {arm: Reward(**dict(zip(Reward.__struct_fields__, each, strict=True))) for arm, *each in sums}
    return {arm: found.get(arm, Reward()) for arm in question.asked.arms}


def _pending(question: Question, end: float, connection: DuckDBPyConnection) -> Mapping[str, int]:
    found = dict(connection.execute(_PENDING, [end]).fetchall())
    return {arm: found.get(arm, 0) for arm in question.asked.arms}


def _unknown(question: Question, connection: DuckDBPyConnection) -> int:
    """Outcomes so far whose request is not among the answers that are kept, as the last search found."""
    found = connection.execute("SELECT searched, checked, unknown FROM comparison").fetchone()
    searched, checked, unknown = found or (0.0, 0, 0)
    if 0 <= question.read - searched < SEARCH:
        return int(unknown)
    due = "SELECT coalesce(max(seq), 0) FROM outcomes WHERE seq > ? AND arrived <= ?"
    (upto,) = connection.execute(due, [checked, question.read - LATE]).fetchone() or (0,)
    which = {"checked": checked, "upto": upto, "name": question.metric.outcome, "since": question.asked.since}
    (more,) = connection.execute(_UNKNOWN, which).fetchone() or (0,)
    connection.execute(
        "UPDATE comparison SET searched = ?, checked = ?, unknown = ?",
        [question.read, max(checked, upto), unknown + more],
    )
    return int(unknown + more)


def _who(question: Question) -> Mapping[str, Any]:
    return {"arms": list(question.asked.arms), "sticky": question.sticky}
