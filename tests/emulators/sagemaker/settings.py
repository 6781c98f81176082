"""What a test may set: how long things take, what goes wrong next, what reads do not see yet."""

from __future__ import annotations

from typing import Literal

import msgspec

INTERNAL = "Request to service failed. If failure persists after retry, contact customer support."
"""The FailureReason of AWS's own errors, the only ones after which the same update is worth another try."""


class Timings(msgspec.Struct, kw_only=True):
    """Seconds at speed 1. AWS promises none of them; these are of the usual order."""

    provision: float = 240.0
    shift: float = 30.0
    terminate: float = 30.0
    weights: float = 60.0
    counts: float = 180.0
    rollback: float = 120.0
    delete: float = 30.0
    alarm: float = 60.0
    """Between two evaluations of an alarm."""


class Outcome(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How the next change of an endpoint ends, instead of well."""

    kind: Literal["rolled-back", "failed", "rollback-failed", "stuck"]
    reason: str | None = None
    """FailureReason; None leaves it out, as AWS sometimes does."""
    after: Literal["Creating", "ActivatingTraffic", "Baking", "Updating"] | None = None
    """The VariantStatus at whose end it happens; None is the first."""
    endpoint: str | None = None
    """None is whichever comes next."""
    on: Literal["create", "update", "weights", "any"] = "any"


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything a test may set before and in between, in process or by `POST /_control/settings`."""

    speed: float = 1.0
    """Divides every duration of `timings` and of deployment policies; timestamps stay the clock's."""
    timings: Timings = msgspec.field(default_factory=Timings)
    outcomes: list[Outcome] = []
    unseen_reads: int = 0
    """So many reads of what was just created answer that it is not there."""
    stale_describes: int = 0
    """So many DescribeEndpoint after an update still tell the state before it."""
    metric_lag: float = 0.0
    """Seconds until a datapoint of the runtime can be read."""
    series_without_errors: bool = True
    """Whether 4XX, 5XX and model-error metrics get a 0 for an invocation without error, or no datapoint at all."""
    datapoints_per_page: int = 100_800
    """Of an answer of GetMetricData."""
    metric_troubles: list[Literal["InternalError", "PartialData", "Forbidden", "message"]] = []
    """Of the next answers of GetMetricData: the StatusCode of their results, or a message of what is left out."""
    quotas: dict[str, int] = {}
    """Instances per type for endpoint usage; what is not named is not limited."""
    health_path: str | None = None
    """A local model passes its health check when this answers 200; None: when its port takes connections."""
    capture_delay: float = 60.0
    """Seconds until captured lines are in S3."""
    seed: int = 0
    """Of the routing's chance; setting it starts the sequence anew."""
    denied: list[str] = []
    """IAM actions (`sagemaker:UpdateEndpoint`, `iam:*`) that the caller may not do."""
    expired: bool = False
    """The caller's security token has expired."""

    def seconds(self, nominal: float) -> float:
        """How long something takes that takes `nominal` seconds at AWS."""
        return nominal / self.speed
