"""A driver whose acts may take hours: on the way it tells how far they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Telling(Protocol):
    """A driver that can say more of an act than that it is not over."""

    def tell(self, whom: Callable[[str], None]) -> None:
        """Call `whom` from now on, during an act, with words for each stretch of it that begins."""
        ...
