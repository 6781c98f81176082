"""Which events are worth a line: every act and decision, but a look only when it changes what a person knows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from mlship.journal.events import (
    Chosen,
    Done,
    Entered,
    Event,
    Intended,
    Looked,
    Reallocated,
    Recorded,
    RollbackBegun,
    Settled,
    Started,
)
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome, Verdict
from mlship.views.sentence import looked as sentence_of_look
from mlship.views.sentence import sentence, together

NOTABLE = 0.05
"""Weights that have moved by less than this part of the traffic since they were told are no news."""


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What has been told so far. Looks are told when an outcome changes, and after `every` seconds of silence.

    So are weights that move, when they have moved far or an arm has lost its users; their routing is never told.
    """

    every: float | None = 30.0
    """None: only changes."""
    numbers: bool = True
    """Tell the numbers of a look too, not only the verdicts that changed."""
    steps: tuple[Step, ...] = ()
    outcomes: Mapping[str, Outcome] = msgspec.field(default_factory=dict)
    blind: bool = False
    shares: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Arm → part of the traffic, as told last."""
    moving: bool = False
    """New weights are being put in place."""
    told_at: float | None = None

    def after(self, recorded: Recorded) -> tuple[News, str | None]:
        """What has been told after `recorded`, and the sentence that tells it; None: not worth a line."""
        match recorded.event:
            case Looked() as looked:
                return self._look(looked, recorded.at)
            case Reallocated() as moved:
                return self._move(moved, recorded.at)
            case Intended() | Done() | Settled() if self.moving:
                return replace(self, moving=not isinstance(recorded.event, Settled)), None
            case event:
                known = self._entering(event)
                return replace(known, told_at=recorded.at), sentence(event, known.steps)

    def _entering(self, event: Event) -> News:
        match event:
            case Started():
                return replace(self, steps=event.compiled.steps, outcomes={}, blind=False)
            case Chosen():
                return replace(self, steps=event.compiled.steps)
            case Entered():
                return replace(self, outcomes={}, blind=False, shares={}, moving=False)
            case RollbackBegun():
                return replace(self, moving=False)
            case _:
                return self

    def _look(self, looked: Looked, at: float) -> tuple[News, str | None]:
        changed = _changes(self.outcomes, looked.verdicts)
        blind = looked.look.tallies is None
        known = replace(self, outcomes={verdict.name: verdict.outcome for verdict in looked.verdicts}, blind=blind)
        if not changed and blind == self.blind and not self._silent(at):
            return known, None
        return replace(known, told_at=at), self._told(looked, changed)

    def _move(self, moved: Reallocated, at: float) -> tuple[News, str | None]:
        arms, known = moved.propensities.keys() | self.shares.keys(), replace(self, moving=True)
        furthest = max(abs(moved.propensities.get(arm, 0.0) - self.shares.get(arm, 0.0)) for arm in arms)
        out = self.shares.keys() - moved.propensities.keys()
        if furthest < NOTABLE and not out and not self._silent(at):
            return known, None
        return replace(known, shares=moved.propensities, told_at=at), sentence(moved, self.steps)

    def _told(self, looked: Looked, changed: tuple[Verdict, ...]) -> str:
        if self.numbers or looked.look.tallies is None:
            return " ".join(sentence_of_look(looked, changed, self.steps).split())
        said = (f"{told}: {reason}" for told, reason in together((verdict, verdict.reason) for verdict in changed))
        return " ".join(" | ".join(said).split()) or f"look {looked.look.number}: measured again"

    def _silent(self, at: float) -> bool:
        return self.every is not None and (self.told_at is None or at - self.told_at >= self.every)


def _changes(before: Mapping[str, Outcome], verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    return tuple(verdict for verdict in verdicts if before.get(verdict.name) != verdict.outcome)
