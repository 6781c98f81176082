"""Gates that a person signs off."""

from __future__ import annotations

from mlship.plan.model import Manual
from mlship.plan.verdict import Outcome, Verdict


def judge_manual(gate: Manual, *, approved: bool) -> Verdict:
    """Pass once `mlship promote` has been said in this step."""
    if approved:
        return Verdict(gate=gate.name, outcome=Outcome.PASS, reason="signed off")
    return Verdict(gate=gate.name, outcome=Outcome.WAIT, reason=f"waits for {gate.by}: mlship promote")
