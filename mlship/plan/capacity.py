"""What the replicas of a plan may take at once, beside what there is. Limits are read; nothing is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from mlship.plan.container import ALL_GPUS, Resources
from mlship.plan.model import Model
from mlship.plan.step import Step


class Kind(StrEnum):
    """What can run short; as a key of `resources`."""

    CPUS = "cpus"
    MEMORY = "memory"
    GPUS = "gpus"


Room = Mapping[Kind, float]
"""What a backend has in all: cores, bytes, devices. A kind that it does not tell of is left out."""


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """The most that is asked for at once."""

    kind: Kind
    amount: float
    """Cores, bytes or devices."""
    step: int
    """The first step in which it is, counted from 1."""
    replicas: Mapping[str, int]
    """Model → replicas that are there then."""

    def exceeds(self, room: Room) -> bool:
        """There is less than that; False where nobody knows."""
        return self.kind in room and self.amount > room[self.kind]


def crowds(steps: Sequence[Step]) -> Iterator[Mapping[str, int]]:
    """For each step, model → most replicas that are there at once: new ones are up before old ones go."""
    there: dict[str, int] = {}
    for step in steps:
        crowd = {**there, **{model: max(count, there.get(model, 0)) for model, count in step.ready.items()}}
        yield crowd
        kept = {**step.ready, **step.keep}
        there = {model: left for model, count in crowd.items() if (left := kept.get(model, count))}


def peaks(steps: Sequence[Step], models: Mapping[str, Model], room: Room) -> Sequence[Peak]:
    """One for each kind that some model limits. `gpus: all` counts as those that there are, or as one."""
    found = []
    for kind in Kind:
        taken = [
            Peak(kind=kind, amount=_sum(crowd, models, kind, room), step=number, replicas=crowd)
            for number, crowd in enumerate(crowds(steps), start=1)
        ]
        found.append(max(taken, key=lambda peak: peak.amount))
    return [peak for peak in found if peak.amount]


def unlimited(steps: Sequence[Step], models: Mapping[str, Model]) -> Mapping[str, Sequence[Kind]]:
    """Model of the steps → what its replicas may take as much of as there is."""
    used = dict.fromkeys(model for crowd in crowds(steps) for model in crowd)
    missing = {name: [kind for kind in (Kind.CPUS, Kind.MEMORY) if not limit(models[name], kind)] for name in used}
    return {name: kinds for name, kinds in missing.items() if kinds}


def too_large(models: Mapping[str, Model], room: Room) -> Iterator[tuple[str, Kind]]:
    """(model, kind): one replica alone asks for more than there is."""
    for name, model in models.items():
        yield from ((name, kind) for kind in Kind if kind in room and limit(model, kind) > room[kind])


def limit(model: Model, kind: Kind) -> float:
    """What one replica may take; 0: as much as there is, or no GPU. `ALL_GPUS` stays what it is."""
    limits = model.container.resources if model.container else Resources()
    return float(getattr(limits, kind))


def spelled(kind: Kind, amount: float) -> str:
    """As in "1.5 CPUs", "2 GiB of memory", "1 GPU"."""
    if kind is Kind.MEMORY:
        unit, name = next((each for each in _UNITS if amount >= each[0]), _UNITS[-1])
        return f"{amount / unit:.4g} {name} of memory"
    noun = "CPU" if kind is Kind.CPUS else "GPU"
    return f"{amount:g} {noun}{'' if amount == 1 else 's'}"


_UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def _sum(crowd: Mapping[str, int], models: Mapping[str, Model], kind: Kind, room: Room) -> float:
    each = {name: limit(models[name], kind) for name in crowd}
    everything = max(1.0, room.get(kind, 1.0))
    return sum(count * (everything if each[name] == ALL_GPUS else each[name]) for name, count in crowd.items())
