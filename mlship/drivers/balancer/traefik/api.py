"""Traefik's API: what it has loaded, and whether that is enabled. A file that it took may still lead nowhere."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from mlship.errors import OutOfReach, RoutingRefused

ANSWERS_WITHIN = 2.0
"""Seconds that Traefik gets for an answer before it counts as out of reach."""

PRINTED = "its static configuration needs what `mlship init --driver traefik` prints"

Document = Mapping[str, Any]


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """One Traefik's."""

    url: str
    """Before `/api`."""

    @property
    def name(self) -> str:
        """Where it answers."""
        return urlsplit(self.url).netloc

    def services(self, search: str = "") -> Sequence[Document]:
        """All of them, or those that have the text in them.

        Raises:
            OutOfReach: nobody answers.
            RoutingRefused: there is no API.
        """
        return self._list("services", search)

    def routers(self, search: str = "") -> Sequence[Document]:
        """As `services`."""
        return self._list("routers", search)

    def started(self) -> str:
        """When this process began; raises as `services`."""
        return str(self._json("/api/version")["startDate"])

    def text(self, url: str) -> str:
        """A page of it.

        Raises:
            OutOfReach: nobody answers.
            RoutingRefused: it is not there.
        """
        told = urlsplit(url)
        connection = http.client.HTTPConnection(told.netloc, timeout=ANSWERS_WITHIN)
        try:
            connection.request("GET", f"{told.path}?{told.query}" if told.query else told.path)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            hint = "start Traefik, or correct `api`"
            raise OutOfReach(f"Traefik {self.name} does not answer: {why}", hint=hint) from error
        finally:
            connection.close()
        if response.status != 200:
            raise RoutingRefused(f"Traefik {self.name} has no {told.path}: it answers {response.status}", hint=PRINTED)
        return text

    def _list(self, what: str, search: str) -> Sequence[Document]:
        # One page holds more than any installation has; a cut list would say that the service is not there.
        return list(self._json(f"/api/http/{what}?per_page=100000&search={search}"))

    def _json(self, path: str) -> Any:  # noqa: ANN401 - JSON
        try:
            return json.loads(self.text(f"{self.url}{path}"))
        except ValueError as error:
            raise RoutingRefused(f"{self.url}{path} is no API of Traefik", hint=PRINTED) from error
