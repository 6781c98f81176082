"""A description that is fresh enough to look at: a look every few seconds is not a call every few seconds."""

from __future__ import annotations

from mlship.clock import Clock
from mlship.drivers.sagemaker.endpoint import Description, Endpoint


class Glance:
    """What the endpoint was like a moment ago. Nothing is ever changed on the strength of it."""

    def __init__(self, *, endpoint: Endpoint, clock: Clock, fresh: float) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._fresh = fresh
        self._at: float | None = None
        self._seen: Description | None = None

    def look(self) -> Description | None:
        """The endpoint as it was at most `fresh` seconds ago; None: it is not there.

        Raises:
            OutOfReach: AWS does not answer.
        """
        now = self._clock.now()
        if self._at is None or not 0 <= now - self._at < self._fresh:
            self._seen = self._endpoint.find()
            self._at = now
        return self._seen

    def forget(self) -> None:
        """The endpoint was changed."""
        self._at = None
