"""A file to a made-up world; every fault of it at once, with the place where it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mlship.drivers.simulated.spec import Change, Incident, Labels, Latency, Nature, Spread, Traffic, Users, World
from mlship.plan import units

if TYPE_CHECKING:
    from mlship.plan.draft import Draft
    from mlship.plan.fault import Steps

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays in the world: the models of the plan, and which of them are live and candidate."""

    models: Sequence[str]
    live: str
    candidate: str
    traffic: float | None = None
    """Requests per second that the plan expects."""

    @property
    def parts(self) -> Mapping[str, str]:
        """Every name that a model may have in a world's file → its name in the plan."""
        return {**{name: name for name in self.models}, "live": self.live, "candidate": self.candidate}


def read_world(path: Path | None, cast: Cast) -> World:
    """The world in a file; None: one in which nothing goes wrong and all models are the same.

    Raises:
        PlanError: with every fault, by position.
    """
    if path is None:
        return build_world({}, cast)
    from mlship.plan.document import plain
    from mlship.plan.draft import Draft
    from mlship.plan.fault import Findings, Place
    from mlship.plan.schema import check_shape
    from mlship.plan.text import read, tree

    findings, data = Findings(), read(path, Place(str(path)), kind="world")
    draft = Draft(root=tree(data, str(path), findings, kind="world"), findings=findings, kind="world")
    check_shape(draft)
    draft.taint()
    _check_names(draft, cast)
    _check_order(draft)
    findings.raise_if_any(first=str(path))
    return build_world(plain(draft.root), cast)


def _check_names(draft: Draft, cast: Cast) -> None:
    known: dict[str, str] = {}
    for name in draft.names("models"):
        _check_name(draft, ("models", name), name, cast)
        first = known.setdefault(cast.parts.get(name, name), name)
        if first != name:
            draft.fault(("models", name), f"is the same model as {first}", "leave one of them out", at_key=True)
    for place in draft.places("incidents"):
        for at, name in enumerate(draft.value(*place, "models") or ()):
            _check_name(draft, (*place, "models", at), name, cast)


def _check_name(draft: Draft, path: Steps, name: str, cast: Cast) -> None:
    from mlship.plan.fault import shown, suggestion

    if name not in cast.parts:
        hint = suggestion(name, cast.parts, what="known")
        draft.fault(path, f"the plan has no model {shown(name)}", hint, at_key=path[0] == "models")


def _check_order(draft: Draft) -> None:
    before = -1.0
    for place in draft.places("traffic"):
        start = draft.value(*place, "from")
        if start is None:
            continue
        if units.seconds(start) <= before:
            draft.fault((*place, "from"), "is not later than the moment before", "write moments in their order")
        before = units.seconds(start)


def build_world(document: Document, cast: Cast) -> World:
    """The world of a checked document."""
    drift = document.get("drift", {})
    settings = _given(
        document,
        {
            "history": units.seconds,
            "matching": units.fraction,
            "users": _users,
            "incidents": lambda written: tuple(_incident(each, cast) for each in written),
            "outages": lambda written: tuple(map(_outage, written)),
            "labels": _labels,
            "signed-after": units.seconds,
        },
    )
    return World(
        models=_natures(document.get("models", {}), cast),
        traffic=_traffic(document.get("traffic", 100.0 if cast.traffic is None else cast.traffic)),
        errors=_change(drift.get("errors", {})),
        conversion=_change(drift.get("conversion", {})),
        outcomes=_delay(document.get("outcomes", {}).get("delay", {})),
        **settings,
    )


def _natures(documents: Mapping[str, Document], cast: Cast) -> Mapping[str, Nature]:
    told = {cast.parts[name]: document for name, document in documents.items()}
    live = _nature(told.get(cast.live, {}), Nature())
    # How a model starts and dies is its own; everything else is as it is of the live one.
    like = replace(live, start=Nature().start, dies_after=Nature().dies_after)
    return {name: live if name == cast.live else _nature(told.get(name, {}), like) for name in cast.models}


def _nature(document: Document, like: Nature) -> Nature:
    readers: Mapping[str, Callable[[Any], Any]] = {
        "errors": units.fraction,
        "latency": lambda written: _latency(written, like.latency),
        "conversion": units.fraction,
        "value": float,
        "deviation": float,
        "accuracy": units.fraction,
        "start": units.seconds,
        "dies-after": units.seconds,
    }
    return replace(like, **_given(document, readers))


def _latency(document: Document, like: Latency) -> Latency:
    readers: Mapping[str, Callable[[Any], Any]] = {
        "median": units.seconds,
        "spread": float,
        "slow": units.fraction,
        "slow-by": units.seconds,
    }
    return replace(like, **_given(document, readers))


def _traffic(written: str | float | Document | Sequence[Document]) -> Traffic:
    if isinstance(written, str | int | float):
        return Traffic(rates=((0.0, units.per_second(written)),))
    if isinstance(written, Mapping):
        swing, peak = units.fraction(written.get("swing", "50%")), units.seconds(written.get("peak", 0))
        return Traffic(rates=((0.0, units.per_second(written["mean"])),), swing=swing, peak=peak)
    return Traffic(rates=tuple((units.seconds(each["from"]), units.per_second(each["rate"])) for each in written))


def _change(document: Document) -> Change:
    names = {"from": "start", "for": "length", "factor": "factor"}
    return Change(**{names[key]: _time_or_factor(key, value) for key, value in document.items()})


def _time_or_factor(key: str, value: Any) -> float:  # noqa: ANN401 - JSON
    return float(value) if key == "factor" else units.seconds(value)


def _incident(document: Document, cast: Cast) -> Incident:
    return Incident(
        start=units.seconds(document["from"]),
        length=units.seconds(document["for"]),
        factor=float(document["factor"]),
        models=frozenset(cast.parts[name] for name in document.get("models", ())),
    )


def _outage(document: Document) -> tuple[float, float]:
    start = units.seconds(document["from"])
    return start, start + units.seconds(document["for"])


def _users(document: Document) -> Users:
    return Users(**_given(document, {"requests": float, "alike": units.fraction}))


def _labels(document: Document) -> Labels:
    return Labels(**_given(document, {"share": units.fraction, "delay": _delay, "alike": units.fraction}))


def _delay(document: Document) -> Spread:
    given = _given(document, {"median": units.seconds, "spread": float})
    return Spread(**({"median": 0.0, "spread": 2.0} | given))


def _given(document: Document, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    return {name.replace("-", "_"): read(document[name]) for name, read in readers.items() if name in document}
