"""Events to write, one of each kind or at random, and processes that write them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from mlship.journal.codec import KINDS
from mlship.journal.events import (
    BroughtUp,
    Done,
    Entered,
    Event,
    Intended,
    Looked,
    Promoted,
    Recorded,
    Requested,
    RolledBack,
    Settled,
    Started,
)
from mlship.metrics.look import Look
from mlship.plan.routing import WHOLE, Routing, all_to
from mlship.plan.step import CompiledPlan, Step


def examples(count: int) -> settings:
    """That many random cases, however slow the machine is."""
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


T0 = 1_800_000_000.0


def step(label: str) -> Step:
    return Step(stage="canary", strategy="canary", label=label, routing=all_to("v1"), ready=MappingProxyType({"v2": 1}))


def started(live: str = "v1", candidate: str | None = "v2", base: str = "/plans") -> Started:
    names = [live] + ([candidate] if candidate else [])
    return Started(
        plan={"service": "fraud", "models": {name: {"command": [name]} for name in names}},
        base=base,
        by="ana@ci",
        compiled=CompiledPlan(
            service="fraud",
            live=live,
            candidate=candidate,
            steps=(step("1 %"), step("50 %"), step("100 %")),
            way_back=step("way back"),
        ),
    )


def look(number: int) -> Look:
    return Look(number=number, start=T0 + number, end=T0 + number + 1, weights={"v1": WHOLE}, tallies=None)


def recorded(*events: Event, rollout: str = "r1", first: int = 1) -> list[Recorded]:
    return [
        Recorded(seq=seq, service="fraud", rollout=rollout, at=T0 + seq, event=event)
        for seq, event in enumerate(events, start=first)
    ]


def promoted_rollout() -> tuple[Event, ...]:
    return (
        started(),
        Entered(step=0),
        Intended(verb="route", routing=all_to("v2")),
        Done(verb="route"),
        Settled(step=0),
        Looked(step=0, look=look(0)),
        Looked(step=0, look=look(1)),
        Promoted(model="v2", previous="v1"),
    )


_names = st.sampled_from(["v1", "v2", "v3"])
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def routings() -> st.SearchStrategy[Routing]:
    """Any routing: cuts of 0..10 000, each part with some model."""
    cuts = st.sets(st.integers(1, WHOLE - 1), max_size=3).map(lambda cut: [0, *sorted(cut), WHOLE])
    return cuts.flatmap(_routing)


def _routing(cuts: list[int]) -> st.SearchStrategy[Routing]:
    widths = [high - low for low, high in pairwise(cuts)]
    models = st.lists(_names, min_size=len(widths), max_size=len(widths))
    optional = {name: kind for name, kind in get_type_hints(Routing).items() if name != "segments"}
    return st.builds(
        Routing,
        segments=models.map(lambda names: tuple(zip(names, widths, strict=True))),
        **{name: values(kind) for name, kind in optional.items()},
    )


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911 - any annotation of an event
    """Every value that an annotation allows, all fields of a dataclass filled in."""
    arguments = get_args(kind)
    match get_origin(kind) or kind:
        case origin if origin is UnionType or origin is Union:
            return st.one_of(*map(values, arguments))
        case origin if origin is tuple and arguments[-1:] == (...,):
            return st.lists(values(arguments[0]), max_size=3).map(tuple)
        case origin if origin is tuple:
            return st.tuples(*map(values, arguments))
        case origin if origin is frozenset:
            return st.frozensets(values(arguments[0]), max_size=3)
        case origin if origin is Mapping:
            return st.dictionaries(_names, values(arguments[1]), max_size=3).map(MappingProxyType)
        case origin if origin is Routing:
            return routings()
        case origin if is_dataclass(origin):
            hints = get_type_hints(origin)
            return st.builds(kind, **{field.name: values(hints[field.name]) for field in fields(origin)})
        case origin if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
            hints = get_type_hints(origin)
            return st.builds(kind, **{name: values(hints[name]) for name in origin.__struct_fields__})
        case origin if isinstance(origin, type) and issubclass(origin, StrEnum):
            return st.sampled_from(list(origin))
        case _:
            return _PLAIN[kind]


_PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    Any: _json,
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(0, 5) | st.integers(-(2**62), 2**62),
    str: _names | st.sampled_from(["pause", "resume", "promote", "abort", "route"]) | st.text(max_size=8),
    type(None): st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
}


def events() -> st.SearchStrategy[Event]:
    """Any event, with any values."""
    return st.one_of(*map(values, KINDS.values()))


def likely_events() -> st.SearchStrategy[Event]:
    """Events as a service meets them, in any order: few models, few steps, every order."""
    return st.one_of(
        st.builds(started, live=_names, candidate=st.none() | _names),
        st.builds(Looked, step=st.integers(0, 2), look=st.builds(look, st.integers(0, 4))),
        st.builds(Requested, order=st.sampled_from(["pause", "resume", "promote", "abort"]), by=st.just("ana")),
        st.builds(Promoted, model=_names, previous=_names),
        st.builds(RolledBack, to=_names, seconds=st.just(1.0)),
        st.builds(BroughtUp, model=_names),
        events(),
    )


@contextmanager
def running(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process that runs `script`; gone when the block ends, whatever happened."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def output_of(script: str, *arguments: object) -> str:
    """What a Python process prints that runs `script` to its end."""
    with running(script, *arguments) as process:
        said, _ = process.communicate(timeout=120)
    return said
