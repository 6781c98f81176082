"""A backend that exists only in numbers: the made-up world in the hands of one simulated rollout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from mlship.clock import Clock
from mlship.drivers.base import Observed, ObservedModel
from mlship.drivers.simulated import draws
from mlship.drivers.simulated.answers import Deck
from mlship.drivers.simulated.course import Course
from mlship.drivers.simulated.ledger import Ledger
from mlship.drivers.simulated.spec import World
from mlship.errors import ModelNotReady, OutOfReach, RoutingRefused
from mlship.metrics.answers import Answers
from mlship.metrics.counters import LATENCY_EDGES, Counters, Tally
from mlship.metrics.rewards import Asked, Reward, Rewards, next_cohort
from mlship.plan.model import Capability, Plan
from mlship.plan.outcome import Kind, Metric
from mlship.plan.routing import WHOLE, Routing, all_to
from mlship.plan.shift import Shift

NO_LATENCY = (0,) * (len(LATENCY_EDGES) + 1)


@dataclass(slots=True)
class Placed:
    """Replicas of a model, and when they were ready."""

    replicas: int
    since: float


@dataclass(slots=True)
class Counter:
    """What the router has counted of a model."""

    requests: int = 0
    errors: int = 0
    unconnected: int = 0
    latency: list[int] = field(default_factory=lambda: list(NO_LATENCY))

    def tally(self) -> Tally:
        """As the router tells it."""
        return Tally(
            requests=self.requests, errors=self.errors, unconnected=self.unconnected, latency=tuple(self.latency)
        )


class SimulatedWorld:
    """`Driver`, `AnswerSource` and `RewardSource` over chance: counts are drawn per look, by the routing at the time.

    Time is that of `clock`; the world's own begins with it. The same `rng` and the same calls make the same world.
    """

    capabilities = frozenset(Capability)

    def __init__(self, world: World, plan: Plan, *, live: str, clock: Clock, rng: draws.Rng) -> None:
        self._world = world
        self._plan = plan
        self._clock = clock
        self._rng = rng
        self._course = Course(world)
        self._born = clock.now()
        self._routing = all_to(live)
        self._placed = {live: Placed(plan.models[live].replicas, 0.0)}
        self._counters: dict[str, Counter] = {}
        self._decks: dict[str, Deck] = {}
        self._routings = [(-math.inf, self._routing)]
        self._shares = {name: draws.buckets(nature.latency) for name, nature in world.models.items()}
        self._served = -world.history
        self.ledger = Ledger(live=live)
        """What users got so far."""

    def observe(self) -> Observed:
        """What runs now."""
        self._serve()
        models = {
            name: ObservedModel(running=placed.replicas, ready=placed.replicas)
            for name, placed in self._placed.items()
            if self._alive(name, self._now)
        }
        return Observed(routing=self._routing, models=models, router=True, address="simulated")

    def ensure(self, model: str, replicas: int) -> None:
        """Start or stop replicas; a start takes the time that the world says."""
        self._serve()
        placed, nature, health = self._placed.get(model), self._world.models[model], self._plan.models[model].health
        if placed and self._alive(model, self._now):
            placed.replicas = replicas
            return
        self._clock.sleep(min(nature.start, health.within))
        if nature.start > health.within:
            raise ModelNotReady(
                f"{model} did not pass its health check within {health.within:g} s",
                hint="the made-up world says how long it takes to start",
            )
        self._placed[model] = Placed(replicas, self._now)

    def route(self, routing: Routing) -> None:
        """Make `routing` live, unless a model of it is not there."""
        self._serve()
        if routing.shift:
            self._shift(routing.reached, routing.shift)
            return
        missing = sorted(model for model in routing.models if not self._alive(model, self._now))
        if missing and not routing.closed:
            raise RoutingRefused(f"no replica of {', '.join(missing)} is ready", hint="nothing was changed")
        self._set(routing)

    def _shift(self, routing: Routing, shift: Shift) -> None:
        """Move by move, as the backend would; no made-up alarm ever goes off."""
        before = self._routing
        (new,) = routing.weights
        self.ensure(new, self._plan.models[new].replicas)
        for share, seconds in shift.course():
            weights = {new: share, before.segments[-1][0]: WHOLE - share}
            segments = tuple((model, width) for model, width in weights.items() if width)
            self._set(replace(routing, segments=segments))
            self._clock.sleep(seconds)
            self._serve()

    def _set(self, routing: Routing) -> None:
        self._routing = routing
        self._routings.append((self._now, routing))

    def measure(self) -> Counters:
        """Counters up to now."""
        self._serve()
        self._refuse_outage()
        tallies = {model: counter.tally() for model, counter in self._counters.items()}
        return Counters(at=self._clock.now(), epoch="1", models=tallies)

    def retire(self, model: str) -> None:
        """Stop every replica of a model."""
        self._serve()
        self._placed.pop(model, None)

    def shutdown(self) -> None:
        """Stop every model."""
        self._serve()
        self._placed.clear()

    def look(self, live: str, mirrors: Mapping[str, int], since: float) -> tuple[Mapping[str, Answers], str]:
        """Pairs that nobody has settled yet; a simulated rollout has one comparison, and settles every look."""
        del live, since
        self._serve()
        self._refuse_outage()
        opened = {name: self._decks[name].open(self._now) for name in mirrors if name in self._decks}
        return {name: Answers(total=pairs) for name, pairs in opened.items()}, repr(self._now)

    def settle(self, mark: str) -> None:
        """What was looked at is not new any more; a simulated rollout settles only its last look."""
        del mark
        for deck in self._decks.values():
            deck.settle()

    def rewards(self, metric: Metric, asked: Asked, mark: str) -> tuple[Rewards, str]:
        """The cohort behind `mark`; units are users where the plan assigns them, else requests."""
        self._refuse_outage()
        start, end = next_cohort(asked, mark, until=self._clock.now() - metric.within)
        arms = {arm: self._rewarded(metric, arm, (start - self._born, end - self._born)) for arm in asked.arms}
        self.ledger.count(metric, arms, self._world)
        return Rewards(start=start, end=end, arms=arms), repr(end)

    @property
    def _now(self) -> float:
        """Seconds since the world began."""
        return self._clock.now() - self._born

    def _alive(self, model: str, at: float) -> bool:
        placed = self._placed.get(model)
        return placed is not None and placed.replicas > 0 and at < self._death(model)

    def _death(self, model: str) -> float:
        placed = self._placed.get(model)
        return placed.since + self._world.models[model].dies_after if placed else -math.inf

    def _refuse_outage(self) -> None:
        if self._course.is_out(self._now):
            raise OutOfReach("the numbers cannot be read", hint="the made-up world has an outage")

    def _serve(self) -> None:
        """Let the requests since the last change happen."""
        begun, self._served = self._served, self._now
        if self._routing.closed:
            self.ledger.turn_away(self._rng, self._course, (begun, self._served))
            return
        deaths = map(self._death, self._routing.models)
        for start, end in self._course.slices(begun, self._served, *deaths):
            self._serve_slice(start, end)

    def _serve_slice(self, start: float, end: float) -> None:
        routing, expected = self._routing, self._course.requests(start, end)
        matching = self._world.matching if routing.picked else 0.0
        served: dict[str, int] = {}
        for model, width in routing.asked.items():
            served[model] = self._answer(model, expected * (1 - matching) * width / WHOLE, (start, end))
        for model in routing.picked:
            served[model] = self._answer(model, expected * matching / len(routing.picked), (start, end))
        for mirror in routing.mirrors:
            primary = routing.segments[-1][0]
            copies = int(self._rng.binomial(served.get(primary, 0), mirror.share / WHOLE))
            self._copy(primary, mirror.model, copies, (start + end) / 2)

    def _answer(self, model: str, expected: float, span: tuple[float, float]) -> int:
        number, middle = draws.requests(self._rng, expected, self._world.users), sum(span) / 2
        self._count(model, number, middle)
        if span[0] >= 0:
            self.ledger.serve(model, number, self._errors(model, middle), self._course.errors(self.ledger.live, middle))
        return number

    def _copy(self, live: str, model: str, copies: int, at: float) -> None:
        self._count(model, copies, at)
        capture = self._routing.capture
        if capture is None or not copies:
            return
        kept = int(self._rng.binomial(copies, capture.sample / WHOLE))
        paired = int(self._rng.binomial(kept, 1 - self._errors(model, at)))
        accuracies = self._world.models[live].accuracy, self._world.models[model].accuracy
        deck = self._decks.setdefault(model, Deck(self._world.labels, accuracies))
        deck.deal(self._rng, paired, kept - paired, at)

    def _errors(self, model: str, at: float) -> float:
        return self._course.errors(model, at) if self._alive(model, at) else 1.0

    def _count(self, model: str, number: int, at: float) -> None:
        counter, alive = self._counters.setdefault(model, Counter()), self._alive(model, at)
        counter.requests += number
        counter.unconnected += 0 if alive else number
        share = self._course.errors(model, at)
        counter.errors += draws.errors(self._rng, number, share, self._world.users) if alive else number
        drawn = self._rng.multinomial(number, self._shares[model])
        counter.latency = [before + int(more) for before, more in zip(counter.latency, drawn, strict=True)]

    def _rewarded(self, metric: Metric, arm: str, span: tuple[float, float]) -> Reward:
        """Units of an arm that began in `span`, in which the routing did not change."""
        routing = next(routing for at, routing in reversed(self._routings) if at <= span[0])
        per_unit = self._world.users.requests if self._plan.assign_by else 1.0
        nature, reported, total = self._world.models[arm], self._world.outcomes.within(metric.within), Reward()
        for start, end in self._course.slices(*span):
            expected = self._course.requests(start, end) * routing.weights.get(arm, 0) / WHOLE / per_unit
            rate = metric.kind is Kind.RATE
            law = (self._course.conversion(arm, (start + end) / 2), 0.0) if rate else (nature.value, nature.deviation)
            units = int(self._rng.poisson(expected))
            fresh = draws.reward(self._rng, metric.kind, units, law=law, reported=reported)
            total = draws.together(total, fresh)
        return total
