"""The claim of the process driver: that of every driver whose state is in a folder of this machine."""

from __future__ import annotations

from mlship.drivers.claim import LOCKED_WITHIN, Claim

__all__ = ["LOCKED_WITHIN", "Claim"]
