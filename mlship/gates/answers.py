"""Gates over answers: what they have in common, whatever they compare."""

from __future__ import annotations

from collections.abc import Callable

from mlship.gates.segments import Account, Segments
from mlship.gates.strata import PATIENCE, copied
from mlship.metrics.answers import Answers
from mlship.plan.step import Step
from mlship.plan.verdict import Evidence, Outcome, Verdict

_Found = tuple[tuple[str, Account], Outcome, str]
_ORDER = (Outcome.PASS, Outcome.WAIT, Outcome.BLIND, Outcome.FAIL)


class AnswersJudge:
    """One gate's accounts over the rollout, or over the stage at work where it keeps no evidence.

    Pairs come with copies, and their truth comes when it comes: a label that arrives in a later step counts there.
    """

    def __init__(
        self, *, name: str, segment: str | None, make: Callable[[float], Account], lasting: bool, candidate: str
    ) -> None:
        self._name = name
        self._segment = segment
        self._make = make
        self._lasting = lasting
        self._candidate = candidate
        self._segments = Segments(segment, make)
        self._stage: str | None = None
        self._mirrored = False
        self._silent = 0

    def begin(self, step: Step) -> None:
        """Evidence goes on from step to step; limits are about the stage that sends copies, whenever truth comes."""
        self._mirrored = copied(step.routing, self._candidate) > 0
        if self._mirrored and step.stage != self._stage:
            self._stage = step.stage
            if not self._lasting:
                self._segments = Segments(self._segment, self._make)
        self._silent = 0

    def absorb(self, answers: Answers | None) -> None:
        """What a look says of the candidate's answers, if anything."""
        if answers is None or answers == Answers():
            self._silent += 1
            return
        self._segments.absorb(answers)
        self._silent = 0

    @property
    def speaks(self) -> bool:
        """There are copies to compare, or there have been."""
        return self._mirrored or self._segments.worst is not None

    @property
    def e_value(self) -> float:
        """Evidence against the candidate, over all segments."""
        return self._segments.e_value if self._lasting else 0.0

    def verdict(self) -> Verdict:
        """Every segment that is large enough to be judged must hold."""
        segment, outcome, reason = self._answer()
        return self._verdict(segment, outcome, reason)

    def accusation(self) -> Verdict:
        """Of the segment with most evidence of harm."""
        found = self._segments.worst
        assert found
        return self._verdict(found, Outcome.FAIL, _within(found[0], found[1].told()))

    def _answer(self) -> tuple[tuple[str, Account] | None, Outcome, str]:
        judged = [(segment, *segment[1].found()) for segment in self._segments]
        decides = _deciding(judged)
        if decides and decides[1] is Outcome.FAIL:
            return self._in_words(decides)
        if self._mirrored and self._silent >= PATIENCE:
            return None, Outcome.BLIND, f"no answers of {self._candidate} to compare, for {self._silent} looks"
        if decides is None:
            why = "no answers to compare yet" if self._mirrored else "this step sends no copies to compare"
            return None, Outcome.WAIT, why
        return self._in_words(decides)

    def _in_words(self, found: _Found) -> _Found:
        segment, outcome, reason = found
        if not segment[0]:
            return found
        count, passed_over = sum(1 for _ in self._segments), self._segments.passed_over
        others = f" ({count} segments, {passed_over} too small)" if passed_over else f" ({count} segments)"
        return segment, outcome, f"{_within(segment[0], reason)}{others}"

    def _verdict(self, segment: tuple[str, Account] | None, outcome: Outcome, reason: str) -> Verdict:
        evidence: Evidence | None = segment[1].evidence if segment else None
        return Verdict(gate=self._name, outcome=outcome, reason=reason, evidence=evidence)


def _deciding(judged: list[_Found]) -> _Found | None:
    """The segment whose outcome decides; of several, that with most evidence against the candidate."""
    return max(judged, key=lambda each: (_ORDER.index(each[1]), each[0][1].e_value), default=None)


def _within(segment: str, reason: str) -> str:
    return f"{segment}: {reason}" if segment else reason
