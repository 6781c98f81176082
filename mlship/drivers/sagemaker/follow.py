"""What a wait sees, for whoever wants to know how far SageMaker is: each stretch once, as it begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlship.drivers.sagemaker.endpoint import Description
from mlship.drivers.sagemaker.shift import progress


class Follower:
    """Tells of what is seen while it is asked to."""

    def __init__(self) -> None:
        self.whom: Callable[[str], None] | None = None
        self._following = False
        self._last = ""

    @contextmanager
    def following(self, *, wanted: bool) -> Iterator[None]:
        """Tell of what is seen until the end of the block."""
        self._following, self._last = wanted, ""
        try:
            yield
        finally:
            self._following = False

    def __call__(self, seen: Description) -> None:
        """The endpoint as it is now."""
        words = progress(seen)
        if self._following and words and words != self._last:
            self._last = words
            self.say(words)

    def say(self, words: str) -> None:
        """Tell something at once."""
        if self.whom:
            self.whom(words)
