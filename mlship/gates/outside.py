"""Limits to numbers that somebody else measures: engineering limits, which draw on no error budget."""

from __future__ import annotations

from mlship.gates.limit import STEADY
from mlship.gates.strata import PATIENCE
from mlship.gates.wording import seconds
from mlship.metrics.look import Look
from mlship.plan.model import Outside
from mlship.plan.step import Step
from mlship.plan.verdict import Evidence, Outcome, Verdict


class OutsideJudge:
    """Fails once the number has been beyond for as long as the plan says, or else for three looks in a row."""

    def __init__(self, gate: Outside, *, candidate: str) -> None:
        self._gate = gate
        self._candidate = candidate
        self._stage: str | None = None
        self._active = False
        self._value: float | None = None
        self._beyond = 0
        self._lasted = 0.0
        self._missed = 0
        self._trouble = ""
        self._failed = ""

    def begin(self, step: Step) -> None:
        """A stage starts anew; within one, what has lasted goes on."""
        self._active = self._gate.name in {*step.gates, *step.guards}
        if step.stage != self._stage:
            self._beyond, self._lasted, self._failed = 0, 0.0, ""
        self._stage = step.stage
        self._missed, self._value = 0, None

    def absorb(self, look: Look) -> None:
        """What the source said at the look."""
        said = look.outside.get(self._gate.name)
        if said is None:
            return
        self._value = said.get(self._candidate)
        if self._value is None:
            self._missed += 1
            self._trouble = look.trouble or f"{self._gate.metric.source} has no data"
            return
        self._missed = 0
        holds = self._holds(self._value)
        self._beyond = 0 if holds else self._beyond + 1
        self._lasted = 0.0 if holds else self._lasted + look.end - look.start
        if not holds and self._long_enough:
            self._failed = self._failed or self._told(self._value)

    @property
    def speaks(self) -> bool:
        """The step asks for it."""
        return self._active

    @property
    def e_value(self) -> float:
        """None is kept."""
        return 0.0

    def verdict(self) -> Verdict:
        """Pass within the limits; beyond them wait, and fail where that lasts."""
        outcome, reason = self._answer()
        evidence = Evidence(measure=self._gate.metric.name, estimate=self._value)
        return Verdict(gate=self._gate.name, outcome=outcome, reason=reason, evidence=evidence)

    def accusation(self) -> Verdict:
        """It keeps no evidence, so no panel makes a case of it."""
        return self.verdict()

    def _answer(self) -> tuple[Outcome, str]:
        if self._failed:
            return Outcome.FAIL, self._failed
        if self._missed >= PATIENCE:
            return Outcome.BLIND, f"{self._trouble}, for {self._missed} looks"
        if self._value is None:
            return Outcome.WAIT, self._trouble or "nothing measured yet"
        return (Outcome.PASS if self._holds(self._value) else Outcome.WAIT), self._told(self._value)

    @property
    def _long_enough(self) -> bool:
        return self._lasted >= self._gate.sustained if self._gate.sustained else self._beyond >= STEADY

    def _holds(self, value: float) -> bool:
        gate = self._gate
        above = gate.minimum is None or value >= gate.minimum
        return above and (gate.maximum is None or value <= gate.maximum)

    def _told(self, value: float) -> str:
        limits = [f"at most {self._gate.maximum:g}"] if self._gate.maximum is not None else []
        limits += [f"at least {self._gate.minimum:g}"] if self._gate.minimum is not None else []
        lasted = f", for {seconds(self._lasted)}" if self._lasted and self._gate.sustained else ""
        return f"{self._gate.metric.name} is {value:.4g}, {' and '.join(limits)}{lasted}"
