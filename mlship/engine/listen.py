"""Looks with the answers that models gave, read exactly once whatever crashes."""

from __future__ import annotations

from msgspec.structs import replace

from mlship.errors import OutOfReach
from mlship.metrics.answers import AnswerSource
from mlship.metrics.look import Look
from mlship.plan.routing import Routing


class Listener:
    """Adds answers to looks. `settled`: the mark that the journal holds."""

    def __init__(self, source: AnswerSource, *, settled: str) -> None:
        self._source = source
        self._settled = settled
        self.mark = ""

    def heard(self, look: Look, routing: Routing, *, since: float) -> Look:
        """The look with what the source has new; without it where the source is out of reach."""
        try:
            return self.listened(look, routing, since=since)
        except OutOfReach as error:
            return replace(look, trouble=look.trouble or error.message)

    def listened(self, look: Look, routing: Routing, *, since: float) -> Look:
        """The look with what the source has new.

        Raises:
            OutOfReach: the source cannot be read.
        """
        self.mark = ""
        # A process that died after its last look could not settle it any more.
        if self._settled:
            self._source.settle(self._settled)
        mirrors = {mirror.model: mirror.share for mirror in routing.mirrors}
        answers, self.mark = self._source.look(routing.segments[-1][0], mirrors, since)
        self._settled = self.mark
        return replace(look, answers=answers)

    def settle(self) -> None:
        """The journal holds the look; where the source cannot be told now, it is with the next look."""
        if self.mark:
            try:
                self._source.settle(self.mark)
            except OutOfReach:
                return
