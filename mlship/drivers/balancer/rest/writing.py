"""A change, carried out: one request, or one for each model or server."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mlship.drivers.balancer.rest.request import sent
from mlship.drivers.balancer.rest.settings import Request, Write
from mlship.drivers.balancer.rest.template import Context
from mlship.drivers.balancer.rest.web import Api, Lost
from mlship.errors import MlshipError, RoutingRefused


class Conflict(RoutingRefused):
    """Somebody else has changed it since it was read."""


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """How one balancer's weights are set."""

    api: Api
    template: Write

    def carry_out(self, context: Context, *, whole: bool) -> bool:
        """Send all of it; False: an answer was lost, and only a look can tell.

        Args:
            context: what the placeholders may look at.
            whole: stop at the first request that fails; False sends the others, too, before it tells.

        Raises:
            Conflict: it is no longer as it was read.
            RoutingRefused: a request was not taken.
            OutOfReach: the balancer does not answer; nothing of the request that failed was done.
        """
        failed: MlshipError | None = None
        answered = True
        for request, each in self._requests(context):
            try:
                self._send(request, each)
            except Lost:
                answered = False
            except MlshipError as error:
                if whole:
                    raise
                failed = failed or error
        if failed is not None:
            raise failed
        return answered

    @property
    def divisible(self) -> bool:
        """It may end half-way: there is more than one request."""
        return bool(self.template.for_each)

    def _requests(self, context: Context) -> Iterator[tuple[Request, Context]]:
        if not self.template.for_each:
            yield self.template.request, context
            return
        # What rises comes first, so that somebody always serves.
        for each in sorted(context[f"{self.template.for_each}s"], key=lambda one: -int(one["weight"])):
            zero = self.template.request_zero if not each["weight"] else None
            yield zero or self.template.request, {**context, "each": each}

    def _send(self, request: Request, context: Context) -> None:
        asked = sent(request, context)
        reply = self.api.ask(asked)
        if reply.status in self.template.ok:
            return
        refusal = f"balancer {self.api.name} answers {reply.status} to {asked.method} {asked.path}"
        if reply.status in self.template.conflict:
            raise Conflict(refusal, hint=reply.said)
        raise RoutingRefused(refusal, hint=reply.hint)
