"""A comparison of two arms: what the router writes of it, and looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlship.metrics.rewards import Asked, Rewards, RewardSource
from mlship.plan.outcome import Kind, Metric
from mlship.predictions.cohort import SETTLE
from mlship.predictions.rewards import CapturedRewards
from mlship.predictions.store import Predictions

from .made import SETTINGS, Site, feedback, line

SINCE = 1000.0
WITHIN = 60.0
RATE = Metric(name="conversion", outcome="bought", within=WITHIN)
MEAN = Metric(name="revenue", outcome="bought", within=WITHIN, kind=Kind.MEAN)


class Files:
    """The router's side of the files: `rotate` gives those that grow another name."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._number = 0

    def captures(self) -> Path:
        """The folder of the files."""
        return self._site.spool

    def rotate(self) -> None:
        """Close the files at work."""
        self._number += 1
        for kind in ("predictions", "feedback"):
            if (self._site.spool / f"{kind}.jsonl").exists():
                self._site.rotate(self._number, kind)


class Trial:
    """Requests of users to the arms `v1` and `v2` since second 1000, and looks, each of which is put on record."""

    def __init__(
        self, folder: Path, metric: Metric = RATE, *, sticky: bool = True, covariate: str | None = None
    ) -> None:
        self.site = Site(folder)
        self.metric = metric
        self.mark = ""
        self._sticky = sticky
        self._covariate = covariate
        self._files = Files(self.site)
        self.reopen()

    def reopen(self) -> None:
        """Another process goes on."""
        self.kept = Predictions(self.site.folder / "kept", SETTINGS, self.site.clock, covariate=self._covariate)
        self.source: RewardSource = CapturedRewards(self.kept, self._files, sticky=self._sticky)

    def ask(self, request_id: str, at: float, *, user: str | None = None, arm: str = "v1", **more: Any) -> None:
        """A request, of whose answer the router keeps the line alone."""
        said: dict[str, Any] = {"body": b"", "at": at, "model": arm, "unit": user, "response_bytes": 9}
        self.site.write(line(request_id, **{**said, **more}))

    def report(self, request_id: str, value: object, at: float, name: str = "bought") -> None:
        """An outcome reaches the router."""
        self.site.write(feedback(request_id, value, at=at, name=name), kind="feedback")

    def peek(self, *, now: float, since: float = SINCE, changes: Sequence[float] = ()) -> tuple[Rewards, str]:
        """A look that does not get into the record."""
        self.site.clock.sleep(now - self.site.clock.now())
        return self.source.rewards(self.metric, Asked(arms=("v1", "v2"), since=since, changes=changes), self.mark)

    def look(self, *, now: float, changes: Sequence[float] = ()) -> Rewards:
        """A look that does."""
        rewards, self.mark = self.peek(now=now, changes=changes)
        return rewards

    def whole(self, *, upto: float) -> Rewards:
        """A look when the time of all units is over that began up to then."""
        return self.look(now=upto + self.metric.within + SETTLE)
