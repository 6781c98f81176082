"""What was asked: a plan as frozen values. No I/O, no defaults that the schema does not state.

Durations are seconds, shares are basis points (10 000 = 100 %), margins and rates are 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from mlship.plan.answergates import Drift, Floor, Quality
from mlship.plan.container import Container
from mlship.plan.hosted import Hosted
from mlship.plan.labelwatch import LabelWatch
from mlship.plan.outcome import Goal, Metric, Race
from mlship.plan.pool import Pool
from mlship.plan.routing import WHOLE, Capture
from mlship.plan.rule import Rule
from mlship.plan.shift import Managed
from mlship.plan.step import AtDeadline


class Capability(StrEnum):
    """What only some drivers can do; a plan that needs more than its driver has is refused before it runs."""

    SPLIT = "split"
    """Divide live traffic between models by weight."""
    STICKY = "sticky"
    """Keep a user on one model, monotone in the weight."""
    MATCH = "match"
    """Route by what a request says: headers, cookies, parameters, users."""
    REPLICAS = "replicas"
    """Run several replicas of a model and change their number."""
    CLOSE = "close"
    """Answer 503 with Retry-After while nothing serves."""
    COUNTERS = "counters"
    """Count requests, errors and latency per model."""
    MIRROR = "mirror"
    """Send copies of live requests to other models."""
    CAPTURE = "capture"
    """Keep the answers that models gave, and take outcomes by request id."""
    SHIFT = "shift"
    """Move the traffic to a new fleet by itself, and back where an alarm says so."""


class DriverSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The backend, named by its key in the plan, and its own settings."""

    name: str
    settings: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a replica shows that it can serve: GET `path` answers 2xx."""

    path: str = "/v2/health/ready"
    within: float = 60.0  # seconds from the start of a replica to its first good answer
    timeout: float = 2.0  # seconds that one check may take


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A version that can serve."""

    name: str
    replicas: int = 1
    health: Health = Health()
    command: tuple[str, ...] = ()
    """Driver `process`: the argument list; `{port}` is replaced by the port to listen on (also in `$PORT`)."""
    env: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Values may hold `${env:NAME}`, which is resolved when a replica starts and never stored."""
    workdir: str | None = None
    timeout: float = 0.0  # seconds that the router waits for an answer; 0 waits for ever
    drain: float = 30.0  # most seconds that a retiring replica gets to finish the requests it has
    faults: Mapping[str, Any] = msgspec.field(default_factory=dict)  # driver `memory`: scripted behaviour
    container: Container | None = None  # driver `docker`: its image, and how that is run
    pool: Pool = Pool()  # balancers: where its servers are
    hosted: Hosted = Hosted()  # driver `sagemaker`: its SageMaker Model and instances


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`metric` of the candidate is not worse than that of the live model by more than `margin`.

    `margin` is in probability points: of errors for `error_rate`; for `latency_pNN`, of requests slower than the live
    model's NNth percentile.
    """

    name: str
    metric: str
    margin: float


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """`metric` of the candidate stays at or under `maximum` (a rate, or seconds for `latency_pNN`)."""

    name: str
    metric: str
    maximum: float
    sustained: float = 0.0
    """Seconds that the evidence against the candidate must last before the gate fails (`for` in the plan)."""


class Manual(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody says `mlship promote`."""

    name: str
    by: str


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """`metric`, a number that somebody else than the router measures, stays within `minimum` and `maximum`."""

    name: str
    metric: Metric
    maximum: float | None = None
    minimum: float | None = None
    sustained: float = 0.0
    """Seconds for which it must be beyond before the gate fails (`for` in the plan)."""


Gate = Comparison | Threshold | Manual | Quality | Floor | Drift | Goal | Race | Outside


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What every strategy shares. None means: the strategy's own default."""

    name: str
    gates: tuple[str, ...] | None = None
    """Names of gates; None: the plan's default gates."""
    requests: int | None = None
    at_most: float | None = None
    at_deadline: AtDeadline = AtDeadline.ROLLBACK


class Canary(Stage, frozen=True, kw_only=True):
    """A growing share of the users."""

    weights: tuple[int, ...]
    hold: float
    managed: Managed | None = None  # the backend moves the traffic by itself; None: mlship does


class BlueGreen(Stage, frozen=True, kw_only=True):
    """A full second environment, tested on the side, then all traffic at once."""

    preview: Rule | None = None
    hold: float
    """Seconds that green runs on the side before the switch."""
    bake: float
    """Seconds after the switch during which blue stays warm and the guards go on."""
    managed: Managed | None = None


class Rolling(Stage, frozen=True, kw_only=True):
    """Replicas replaced batch by batch; ready replicas never fall below the live model's number less `unavailable`."""

    batch: int
    surge: int
    """Replicas above the wanted number while a batch is replaced."""
    unavailable: int
    """Replicas below the wanted number while a batch is replaced."""
    hold: float
    managed: Managed | None = None


class Recreate(Stage, frozen=True, kw_only=True):
    """Stop old, start new. The downtime is announced, measured and reported."""

    bake: float


class Shadow(Stage, frozen=True, kw_only=True):
    """Challengers get copies of live requests; users only ever see the live model's answers."""

    mirror: Mapping[str, int]
    """Challenger → basis points of the live requests that it gets copies of."""
    hold: float


class FeatureFlag(Stage, frozen=True, kw_only=True):
    """Only requests that match a rule get the candidate."""

    rules: tuple[Rule, ...]
    """Their models are "live" and "candidate"."""
    hold: float


class AB(Stage, frozen=True, kw_only=True):
    """Different users get different models, in fixed shares; a test on their outcomes decides."""

    split: Mapping[str, int]
    """Arm → basis points; arms are models, "live" or "candidate"."""
    goal: str
    """Name of the `Goal` among the plan's gates."""
    hold: float


class Bandit(Stage, frozen=True, kw_only=True):
    """The traffic follows the outcomes by itself."""

    arms: tuple[str, ...]
    """Models, "live" or "candidate"; the live model is one of them."""
    race: str
    """Name of the `Race` among the plan's gates."""
    hold: float


AnyStage = Shadow | FeatureFlag | AB | Bandit | Canary | BlueGreen | Rolling | Recreate


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A file of values that drift is measured against: CSV, JSON lines or Parquet."""

    file: str
    columns: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Watched value → column of the file; one that is missing here is looked for under its own name."""


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which answers are kept, for how long, and what is read from them. Expressions are JMESPath.

    Expressions over an answer start at its JSON; those of `segments`, `drift` and `redact` start at `request` or
    `response`.
    """

    sample: int = WHOLE  # basis points of the requests
    limit: int = 64 * 1024  # bytes of a body that are kept
    request: bool = False  # keep the request's body too
    headers: tuple[str, ...] = ()
    """Request headers that are kept; a segment may read them as `headers."x-country"`."""
    redact: tuple[str, ...] = ()
    """What is replaced by null before anything is stored."""
    prediction: str = "outputs[0].data[0]"
    probability: str | None = None
    """Of the positive class, or a list of probabilities by class, for log_loss."""
    positive: str = "1"
    """The class that a plain number in `probability` is about."""
    label: str = "label"
    """Name of the outcome that is the truth."""
    scores: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Name → a number in the answer."""
    segments: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Name → what requests are told apart by."""
    drift: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Name → a number whose distribution is watched, beside the prediction."""
    reference: Reference | None = None  # what the challenger's values are compared with, besides live's
    keep: float = 7 * 24 * 3600.0
    """Seconds after which an answer is forgotten."""
    most: int = 1024**3
    """Bytes that the kept answers may take on the disk."""

    def routed(self) -> Capture:
        """What the router has to know of it."""
        return Capture(sample=self.sample, limit=self.limit, request=self.request, headers=self.headers)


class Alpha(msgspec.Struct, frozen=True, kw_only=True):
    """Error probabilities over a whole rollout."""

    rollback: float = 0.05
    """Most probability of rolling back a harmless candidate, all gates and guards together."""
    promote: float = 0.05
    """Most probability of promoting a candidate that is worse by the margin."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the user wrote, read and checked."""

    service: str
    driver: DriverSpec
    models: Mapping[str, Model]
    live: str | None
    """None: what the last rollout left live."""
    candidate: str | None
    """None: the only model that is not live."""
    assign_by: str | None
    """Request header that holds the unit of assignment."""
    gates: Mapping[str, Gate]
    """Those that the plan names, and those that its stages bring with them."""
    guards: tuple[str, ...]
    stages: tuple[AnyStage, ...]
    alpha: Alpha = Alpha()
    look_every: float = 5.0
    """Seconds between two looks at the counters."""
    warmup: float = 0.0
    """Seconds after a model's first traffic that do not count for latency."""
    bake: float = 0.0
    """Seconds at 100 % after the last stage during which the guards go on and the old model stays warm."""
    capture: CaptureSettings = CaptureSettings()
    """How a stage that compares answers keeps them."""
    metrics: Mapping[str, Metric] = msgspec.field(default_factory=dict)
    """What counts as success, by name."""
    watch_labels: LabelWatch | None = None
    keep_old: bool = False
    """The old model stays up after the promotion, as a warm way back."""
    traffic: float | None = None  # requests per second that the user expects; only the preview uses it
    document: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """The plan as JSON, references unresolved: what the journal keeps."""
