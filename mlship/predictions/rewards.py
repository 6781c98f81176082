"""The outcomes that applications report to the router, as cohorts of users or requests."""

from __future__ import annotations

from mlship.metrics.rewards import Asked, Rewards
from mlship.plan.outcome import Metric
from mlship.predictions.source import Captures
from mlship.predictions.store import Predictions


class CapturedRewards:
    """`RewardSource` over a driver's files and the service's store."""

    def __init__(self, predictions: Predictions, captures: Captures, *, sticky: bool) -> None:
        """`sticky`: units are users, where the router says which one asked; else each request is one.

        A covariate is read as the lines are: `predictions` is made with it.
        """
        self._predictions = predictions
        self._captures = captures
        self._sticky = sticky

    def rewards(self, metric: Metric, asked: Asked, mark: str) -> tuple[Rewards, str]:
        """The cohort behind `mark` (empty: the first), and the mark behind it."""
        # It may take its time, in which others want the file of the answers: `mlship outcome` is one.
        self._captures.rotate()
        with self._predictions.session():
            self._predictions.ingest(self._captures.captures())
            return self._predictions.rewards(metric, asked, mark, sticky=self._sticky)
