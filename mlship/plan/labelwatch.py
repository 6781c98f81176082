"""Labels that come after a promotion."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class LateAction(StrEnum):
    """What follows when labels that come after the promotion speak against it."""

    REPORT = "report"
    ROLLBACK = "rollback"


class LabelWatch(msgspec.Struct, frozen=True, kw_only=True):
    """Labels may come after the promotion, and reopen its verdict."""

    period: float
    """Seconds after the promotion."""
    then: LateAction = LateAction.REPORT
