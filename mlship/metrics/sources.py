"""Where the numbers of a rollout come from, beside the counters of its router."""

from __future__ import annotations

from dataclasses import dataclass

from mlship.metrics.answers import AnswerSource
from mlship.metrics.rewards import OutsideSource, RewardSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a plan needs of them; None: it needs none of that kind."""

    answers: AnswerSource | None = None
    """The answers of live and challengers to the same requests."""
    outcomes: RewardSource | None = None
    """What came of the answers that users got."""
    outside: OutsideSource | None = None
    """Numbers that somebody else measures."""
