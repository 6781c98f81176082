"""Every gate of a plan by name: those that the user named, those written in place, and the default ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from msgspec.structs import replace

from mlship.plan import defaults, units
from mlship.plan.model import Comparison, Gate, Manual, Threshold

Reference = str | Mapping[str, Any]
"""A gate by name, or written in place."""


class Gatebook:
    """Collects gates. A gate that is written twice is one gate: its evidence is one account."""

    def __init__(self, named: Mapping[str, Mapping[str, Any]]) -> None:
        self._named = tuple(named)
        self.all: dict[str, Gate] = {name: gate(name, document) for name, document in named.items()}

    def of_stage(self, references: Sequence[Reference] | None, *, shares: bool) -> tuple[str, ...]:
        """Names of a stage's gates; None: the default ones. `shares`: both models serve in it."""
        if references is not None:
            return self._names(references)
        if self._named:
            able = [name for name in self._named if shares or not isinstance(self.all[name], Comparison)]
            return tuple(able) or (self._keep(defaults.CEILING),)
        standard = defaults.COMPARISONS if shares else (defaults.CEILING,)
        return tuple(self._keep(each) for each in standard)

    def guards(self, references: Sequence[Reference] | None) -> tuple[str, ...]:
        """Names of the plan's guards; None: the default one."""
        return (self._keep(defaults.CEILING),) if references is None else self._names(references)

    def _names(self, references: Sequence[Reference]) -> tuple[str, ...]:
        names = (each if isinstance(each, str) else self._keep(gate(_name(each), each)) for each in references)
        return tuple(dict.fromkeys(names))

    def _keep(self, wanted: Gate) -> str:
        """The name under which `wanted` is kept: that of its equal, or else its own, numbered where that is taken."""
        for name, known in self.all.items():
            if replace(known, name=wanted.name) == wanted:
                return name
        names = (f"{wanted.name}-{number}" if number > 1 else wanted.name for number in count(1))
        name = next(name for name in names if name not in self.all)
        self.all[name] = replace(wanted, name=name)
        return name


def gate(name: str, document: Mapping[str, Any]) -> Gate:
    """A gate of a checked document."""
    match document:
        case {"manual": by}:
            return Manual(name=name, by=by)
        case {"max": maximum, "metric": metric}:
            limit = units.fraction(maximum) if units.is_percentage(maximum) else units.seconds(maximum)
            return Threshold(name=name, metric=metric, maximum=limit, sustained=units.seconds(document.get("for", 0)))
        case _:
            return Comparison(name=name, metric=document["metric"], margin=units.fraction(document["margin"]))


def _name(document: Mapping[str, Any]) -> str:
    match document:
        case {"manual": _}:
            return "signed-off"
        case {"max": _, "metric": metric}:
            return f"{metric}-max"
        case _:
            return f"{document['metric']}-no-worse"
