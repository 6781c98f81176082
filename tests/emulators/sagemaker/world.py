"""Everything there is: a region's resources, and what all regions share."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from tests.emulators.sagemaker.clock import EmulatedClock
from tests.emulators.sagemaker.errors import absent
from tests.emulators.sagemaker.faults import Faults
from tests.emulators.sagemaker.metrics import Metrics
from tests.emulators.sagemaker.settings import Settings

if TYPE_CHECKING:
    from tests.emulators.sagemaker.alarms import Alarm
    from tests.emulators.sagemaker.capture import Captures
    from tests.emulators.sagemaker.endpoints import Endpoint

Asked = dict[str, Any]
"""Members of a request, or of its answer."""
ACCOUNT = "123456789012"
"""AWS's own example of an account."""


class Region:
    """The account's resources in one region: another region has none of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.models: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tags: dict[str, dict[str, str]] = {}
        """By ARN."""
        self.unseen: Counter[str] = Counter()
        """Reads, by ARN, that will not find it yet."""
        self.metrics = Metrics()
        self.alarms: dict[str, Alarm] = {}
        self.targets: dict[str, dict[str, Any]] = {}
        """Scalable targets by ResourceId."""
        self.policies: dict[tuple[str, str], dict[str, Any]] = {}
        """Scaling policies by ResourceId and name."""
        self.actions: dict[tuple[str, str], dict[str, Any]] = {}
        """Scheduled actions by ResourceId and name."""

    def arn(self, kind: str, name: str) -> str:
        """`kind` is `model`, `endpoint` or `endpoint-config`; SageMaker keeps names in ARNs in lower case."""
        return f"arn:aws:sagemaker:{self.name}:{ACCOUNT}:{kind}/{name.lower()}"

    def seen(self, kind: str, words: str, name: str) -> None:
        """Reads are eventually consistent: the first ones after a creation may not find it.

        Raises:
            ApiError: this read does not.
        """
        arn = self.arn(kind, name)
        if self.unseen[arn] > 0:
            self.unseen[arn] -= 1
            raise absent(words, arn)


class World:
    """Regions, clock, settings, faults and counts; `lock` guards them all."""

    def __init__(self, *, clock: EmulatedClock, settings: Settings, captures: Captures) -> None:
        self.clock = clock
        self.captures = captures
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        """Calls since the start, by `service:Operation`; those that faults answered count too."""
        self.lock = threading.RLock()
        self.regions: dict[str, Region] = {}
        self.apply(settings)

    def reset(self, settings: Settings) -> None:
        """Forget all but the time."""
        with self.lock:
            self.faults.clear()
            self.calls.clear()
            self.regions.clear()
            self.captures.clear()
            self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Take over all settings, and start the routing's chance anew."""
        self.settings = settings
        self.chance = Random(settings.seed)

    def region(self, name: str) -> Region:
        """Its resources; none at first."""
        with self.lock:
            return self.regions.setdefault(name, Region(name))


Handler = Callable[[World, Region, Asked], Asked]
"""An operation."""
