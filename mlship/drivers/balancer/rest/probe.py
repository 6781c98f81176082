"""Requests as users send them, counted by who answers: what a balancer does, whatever its API says."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Mapping
from math import exp, lgamma, log
from urllib.parse import urlsplit

import msgspec

from mlship.drivers.balancer.rest.finding import text_in
from mlship.drivers.balancer.rest.settings import Probe
from mlship.drivers.balancer.rest.web import MOST_BODY, Reply
from mlship.errors import OutOfReach
from mlship.plan.references import resolve

FOUR_SIGMA = 3.17e-5
"""Probability of a normal variable beyond four standard deviations, on one side."""
ASTRAY = 0.01
"""Part of the requests that nobody of the plan may answer: a model, too, has errors."""


class Prober(msgspec.Struct, frozen=True, kw_only=True):
    """Asks one balancer as its users do."""

    url: str
    """Where it takes requests."""
    template: Probe
    models: Mapping[str, str]
    """What an answer tells → the model."""
    units: Mapping[str, str]
    """What has a weight of its own → its model."""
    timeout: float
    env: Mapping[str, str]

    def weights(self, value: Mapping[str, int]) -> Mapping[str, int]:
        """The weights of models that those of a value come to."""
        sums = dict.fromkeys(self.models.values(), 0)
        for unit, weight in value.items():
            model = self.units.get(unit, unit)
            sums[model] = sums.get(model, 0) + weight
        return sums

    def counts(self, most: int | None = None) -> Counter[str]:
        """How many requests each model answers; under "" those that nobody of the plan answers.

        Args:
            most: of so many at most, where that is less than the plan asks for.

        Raises:
            OutOfReach: nobody answers at all.
        """
        found: Counter[str] = Counter()
        connection = self._connected()
        try:
            for _ in range(min(most or self.template.requests, self.template.requests)):
                found[self._answer(connection)] += 1
        finally:
            connection.close()
        return found

    def told(self) -> Reply:
        """One answer.

        Raises:
            OutOfReach: there is none.
        """
        connection = self._connected()
        try:
            return self._asked(connection)
        except (OSError, http.client.HTTPException) as error:
            raise self._silence(error) from error
        finally:
            connection.close()

    def who(self, reply: Reply) -> str | None:
        """What the answer tells; None: it does not."""
        try:
            return text_in(self.template.who, reply, {})
        except OutOfReach:
            return None

    def _connected(self) -> http.client.HTTPConnection:
        parts = urlsplit(resolve(self.url, self.env))
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self.timeout)
        try:
            connection.connect()
        except OSError as error:
            raise self._silence(error) from error
        return connection

    def _answer(self, connection: http.client.HTTPConnection) -> str:
        try:
            return self.models.get(self.who(self._asked(connection)) or "", "")
        except (OSError, http.client.HTTPException):
            # A connection that has ended is opened anew by the next request.
            connection.close()
            return ""

    def _asked(self, connection: http.client.HTTPConnection) -> Reply:
        path = urlsplit(resolve(self.url, self.env)).path.rstrip("/") + self.template.path
        headers = {name: resolve(value, self.env) for name, value in self.template.headers.items()}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        text = response.read(MOST_BODY).decode("utf-8", "replace")
        found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(status=response.status, headers=found, text=text, said="")

    def _silence(self, error: Exception) -> OutOfReach:
        hint = "`users` of the node is where it takes the requests of users"
        return OutOfReach(f"{self.url} does not answer: {error}", hint=hint)


def deviation(counts: Mapping[str, int], weights: Mapping[str, int]) -> str:
    """Words for how answers differ from what weights make likely, by the binomial law; empty: they do not."""
    astray, everything = counts.get("", 0), sum(counts.values())
    answered, total = everything - astray, sum(weights.values())
    fits = astray <= ASTRAY * everything and all(
        likely(counts.get(model, 0), answered, weight / total) for model, weight in weights.items()
    )
    told = [f"{model} {counts.get(model, 0)}" for model in weights] + ([f"nobody {astray}"] if astray else [])
    return "" if fits else f"of {everything} requests were answered by {', '.join(told)}"


def likely(count: int, trials: int, probability: float) -> bool:
    """Neither tail of the binomial law from `count` on is below four sigma; a share of 0 or 1 has to be met exactly."""
    if probability in {0.0, 1.0}:
        return count == trials * probability
    below = sum(_mass(each, trials, probability) for each in range(count + 1))
    above = 1 - below + _mass(count, trials, probability)
    return min(below, above) >= FOUR_SIGMA


def _mass(count: int, trials: int, probability: float) -> float:
    ways = lgamma(trials + 1) - lgamma(count + 1) - lgamma(trials - count + 1)
    return exp(ways + count * log(probability) + (trials - count) * log(1 - probability))
