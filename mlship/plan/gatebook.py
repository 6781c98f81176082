"""Every gate of a plan by name: those that the user named, those written in place, and the default ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from msgspec.structs import replace

from mlship.plan import defaults, units
from mlship.plan.answergates import FLOORS, Direction, Drift, Floor, Quality
from mlship.plan.model import Comparison, Gate, Manual, Outside, Threshold
from mlship.plan.outcome import Metric

_NONE: Mapping[str, Metric] = {}

DRIFTS = ("psi", "ks")
OVER_ANSWERS = (Quality, Floor, Drift)
"""Gates that need the answers of both models to the same requests."""

Reference = str | Mapping[str, Any]
"""A gate by name, or written in place."""


class Gatebook:
    """Collects gates. A gate that is written twice is one gate: its evidence is one account."""

    def __init__(self, named: Mapping[str, Mapping[str, Any]], metrics: Mapping[str, Metric] = _NONE) -> None:
        self._named = tuple(named)
        self.metrics = metrics
        self.all: dict[str, Gate] = {name: gate(name, document, metrics) for name, document in named.items()}

    def of_stage(
        self, references: Sequence[Reference] | None, *, shares: bool, answers: bool = False
    ) -> tuple[str, ...]:
        """Names of a stage's gates; None: the default ones.

        `shares`: both models serve in it. `answers`: both answer the same requests.
        """
        if references is not None:
            return self._names(references)
        if self._named:
            deaf = (() if shares else (Comparison,)) + (() if answers else OVER_ANSWERS)
            able = [name for name in self._named if not isinstance(self.all[name], deaf)]
            return tuple(able) or (self.keep(defaults.CEILING),)
        standard = defaults.COMPARISONS if shares else (defaults.CEILING,)
        return tuple(self.keep(each) for each in standard)

    def guards(self, references: Sequence[Reference] | None) -> tuple[str, ...]:
        """Names of the plan's guards; None: the default one."""
        return (self.keep(defaults.CEILING),) if references is None else self._names(references)

    def _names(self, references: Sequence[Reference]) -> tuple[str, ...]:
        names = (
            each if isinstance(each, str) else self.keep(gate(_name(each), each, self.metrics)) for each in references
        )
        return tuple(dict.fromkeys(names))

    def keep(self, wanted: Gate) -> str:
        """The name under which `wanted` is kept: that of its equal, or else its own, numbered where that is taken."""
        for name, known in self.all.items():
            if replace(known, name=wanted.name) == wanted:
                return name
        names = (f"{wanted.name}-{number}" if number > 1 else wanted.name for number in count(1))
        name = next(name for name in names if name not in self.all)
        self.all[name] = replace(wanted, name=name)
        return name


def gate(name: str, document: Mapping[str, Any], metrics: Mapping[str, Metric] = _NONE) -> Gate:
    """A gate of a checked document."""
    match document:
        case {"manual": by}:
            return Manual(name=name, by=by)
        case {"metric": metric} if metric in metrics:
            return _outside(name, document, metrics[metric])
        case {"metric": metric} if metric in {*DRIFTS, *FLOORS} or is_score(metric):
            return _over_answers(name, document)
        case {"max": maximum, "metric": metric}:
            limit = units.fraction(maximum) if units.is_percentage(maximum) else units.seconds(maximum)
            return Threshold(name=name, metric=metric, maximum=limit, sustained=units.seconds(document.get("for", 0)))
        case _:
            return Comparison(name=name, metric=document["metric"], margin=units.fraction(document["margin"]))


def _outside(name: str, document: Mapping[str, Any], metric: Metric) -> Outside:
    limits = {key: units.amount(document[key]) if key in document else None for key in ("max", "min")}
    sustained = units.seconds(document.get("for", 0))
    return Outside(name=name, metric=metric, maximum=limits["max"], minimum=limits["min"], sustained=sustained)


def _over_answers(name: str, document: Mapping[str, Any]) -> Gate:
    match document:
        case {"metric": "psi" | "ks" as metric}:
            of = document.get("of", "prediction")
            return Drift(name=name, metric=metric, of=of, maximum=float(document["max"]), **_which(document))
        case {"min": minimum, "metric": metric}:
            positive = document.get("positive")
            return Floor(
                name=name, metric=metric, minimum=units.fraction(minimum), positive=positive, **_which(document)
            )
        case _:
            return _quality(name, document)


def signatures(gates: Mapping[str, Gate]) -> frozenset[str]:
    """Those of a plan's gates that somebody has to sign."""
    return frozenset(name for name, each in gates.items() if isinstance(each, Manual))


def is_score(metric: str) -> bool:
    """The metric is about what models answered, not about how they served."""
    return metric != "error_rate" and not metric.startswith("latency_p")


def _quality(name: str, document: Mapping[str, Any]) -> Quality:
    margin = document.get("margin", 0.0)
    return Quality(
        name=name,
        metric=document["metric"],
        direction=Direction.BETTER_THAN if "better-than" in document else Direction.NO_WORSE_THAN,
        margin=units.fraction(margin) if isinstance(margin, str) else float(margin),
        higher_is_better=document.get("higher-is-better", False),
        **_which(document),
    )


def _which(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: document[key] for key in ("segment", "least") if key in document}


def _name(document: Mapping[str, Any]) -> str:
    match document:
        case {"manual": _}:
            return "signed-off"
        case {"max": _, "metric": metric}:
            return f"{metric}-max"
        case {"min": _, "metric": metric}:
            return f"{metric}-min"
        case {"better-than": _, "metric": metric}:
            return f"{metric}-better"
        case _:
            return f"{document['metric']}-no-worse"
