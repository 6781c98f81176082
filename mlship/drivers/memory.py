"""A backend without processes: a made-up world with scripted faults, for tests, rehearsals and simulations.

The world is a small JSON file under the state folder, so every shell sees the same one. Its traffic follows the clock:
`rate` requests per second, divided exactly by weight, with each model's error rate and latency, no randomness.

Settings of the driver (`driver: {memory: {...}}`):
    rate         requests per second that users send (default 100)
    outage       [from, to] seconds after the first routing in which `measure` is out of reach
    refuse       number of routings that the router refuses
    refuse-after number of routings that it takes before that (default 0)
    matching     share of the requests that meet a rule (default 0)
    labels-after seconds after which these truths become known (default 0)
    labels       share of the copied requests whose truth becomes known (default 0)
Script of a model (`faults:`):
    error-rate   share of its answers that are errors, 0..1
    accuracy     share of its answers that are right (default 1)
    conversion   share of its users who do what is hoped for (default 0.1); value: what a user brings (default 1)
    latency      seconds that most of its answers take (default 0.02)
    start        seconds until a replica is ready
    never-ready  true: its replicas never pass their health check
    dies-after   seconds after which its replicas die
    errs-after   seconds of serving after which `error-rate` begins
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from mlship.dataplane.files import writing
from mlship.drivers.abilities import MEMORY
from mlship.drivers.base import Observed, ObservedModel, Opening
from mlship.drivers.scripted import bucket, cohort, pairs_between, pairs_of, tally, whole
from mlship.errors import LeaseLost, ModelNotReady, OutOfReach, RoutingRefused
from mlship.metrics.answers import Answers, Pairs
from mlship.metrics.counters import Counters
from mlship.metrics.rewards import Asked, Rewards, next_cohort
from mlship.plan.outcome import Metric
from mlship.plan.routing import WHOLE, Routing
from mlship.private import make_private

SLOWNESS = ((1.0, 0.5), (1.5, 0.4), (2.5, 0.09), (5.0, 0.01))
"""How latency spreads: (multiple of the scripted latency, share of the answers)."""

World = dict[str, Any]


class MemoryDriver:
    """`Driver` over a world in a file."""

    capabilities = MEMORY

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._models = opening.models
        self._clock = opening.clock
        self._file = opening.state / "memory" / f"{opening.service}.json"
        if opening.fence is not None:
            with self._changing():
                pass

    def observe(self) -> Observed:
        """What the world holds now."""
        world = self._read()
        models = {name: self._observed(name, model) for name, model in world["models"].items() if model["replicas"]}
        routing = msgspec.convert(world["routing"], Routing) if world["routing"] else None
        return Observed(routing=routing, models=models, router=world["router"], address="memory")

    def ensure(self, model: str, replicas: int) -> None:
        """Start or stop replicas; a start takes the scripted time."""
        with self._changing() as world:
            before = world["models"].get(model, {"replicas": 0, "since": self._clock.now()})
            healthy = before["replicas"] > 0 and self._alive(model, before)
            since = before["since"] if healthy else self._clock.now()
            world["models"][model] = {"replicas": replicas, "since": since}
        if healthy or not replicas:
            return
        self._clock.sleep(min(self._script(model, "start", 0.0), self._models[model].health.within))
        if self._script(model, "never-ready", 0) or self._slow_start(model):
            with self._changing() as world:
                world["models"].pop(model, None)
            raise ModelNotReady(
                f"{model} did not pass its health check within {self._models[model].health.within:g} s",
                hint=f"read the model's log, or raise models.{model}.health.within",
            )

    def route(self, routing: Routing) -> None:
        """Make `routing` live, unless the script refuses it or a model of it is not there."""
        with self._changing() as world:
            missing = sorted(model for model in routing.models if not self._serves(world, model))
            if missing and not routing.closed:
                raise RoutingRefused(
                    f"no replica of {', '.join(missing)} is ready", hint="bring the model up first; nothing was changed"
                )
            world["routings"] += 1
            if world["routings"] > self._setting("refuse-after", 0) and world["refused"] < self._setting("refuse", 0):
                world["refused"] += 1
                refused = True
            else:
                refused = False
                world["routing"] = msgspec.to_builtins(routing)
                world["course"].append([self._clock.now(), dict(routing.weights)])
                world["router"] = True
        if refused:
            raise RoutingRefused("the router refused the routing", hint="the world's script says so")

    def measure(self) -> Counters:
        """Counters up to now."""
        now = self._clock.now()
        with self._locked() as world:
            since = now - world["born"]
            start, end = self._outage()
            if start <= since < end:
                raise OutOfReach("the counters cannot be read", hint="the world's script says so")
            if not world["router"]:
                raise OutOfReach("the router is down", hint="`mlship resume` starts it again")
        return Counters(at=now, epoch=str(world["epoch"]), models={m: tally(t) for m, t in world["counters"].items()})

    def look(self, live: str, mirrors: Mapping[str, int], since: float) -> tuple[Mapping[str, Answers], str]:
        """Pairs of live and each challenger since the mark; who is right follows the script, independently."""
        del since  # a world has one comparison
        with self._locked() as world:
            late = self._clock.now() - world["born"] < self._setting("labels-after", 0.0)
            share = 0.0 if late else self._setting("labels", 0.0)
            now = {name: [world["kept"].get(name, 0.0), share] for name in mirrors}
            before = {name: world["mark"].get(name, [0.0, 0.0]) for name in mirrors}
        found = {
            name: Answers(
                total=pairs_between(self._pairs(live, name, *before[name]), self._pairs(live, name, *now[name]))
            )
            for name in mirrors
        }
        return found, json.dumps(now)

    def rewards(self, metric: Metric, asked: Asked, mark: str) -> tuple[Rewards, str]:
        """Outcomes by the script; each request is a user."""
        with self._locked() as world:
            courses, now = [(at, weights) for at, weights in world["course"] if world["router"]], self._clock.now()
        scripts = {arm: (self._script(arm, "conversion", 0.1), self._script(arm, "value", 1.0)) for arm in asked.arms}
        span = next_cohort(asked, mark, until=now - metric.within)
        return cohort(metric.kind, courses, (*span, now), scripts, rate=self._setting("rate", 100)), repr(span[1])

    def settle(self, mark: str) -> None:
        """Pairs up to `mark` are not new any more."""
        with self._locked() as world:
            world["mark"].update(json.loads(mark))

    def retire(self, model: str) -> None:
        """Stop every replica of a model."""
        with self._changing() as world:
            world["models"].pop(model, None)

    def shutdown(self) -> None:
        """Stop everything."""
        with self._changing() as world:
            world["models"] = {}
            world["router"] = False
            world["routing"] = None

    def kill(self, model: str) -> None:
        """For tests: the replicas of `model` die, as if killed from outside."""
        with self._locked() as world:
            world["models"].get(model, {})["killed"] = True

    def kill_router(self) -> None:
        """For tests: the router dies; its routing comes back with it, its counters start anew."""
        with self._locked() as world:
            world["router"] = False
            world["epoch"] += 1
            world["counters"] = {}

    def _pairs(self, live: str, challenger: str, kept: float, labels: float) -> Pairs:
        accuracies = self._script(live, "accuracy", 1.0), self._script(challenger, "accuracy", 1.0)
        return pairs_of(kept, labels=labels, accuracies=accuracies)

    def _observed(self, name: str, model: dict[str, Any]) -> ObservedModel:
        alive = model["replicas"] if self._alive(name, model) else 0
        return ObservedModel(running=alive, ready=alive)

    def _serves(self, world: World, model: str) -> bool:
        placed = world["models"].get(model)
        return bool(placed and placed["replicas"] and self._alive(model, placed))

    def _alive(self, name: str, model: dict[str, Any]) -> bool:
        age = self._clock.now() - model["since"]
        return not model.get("killed") and age < self._script(name, "dies-after", float("inf"))

    def _slow_start(self, model: str) -> bool:
        return self._script(model, "start", 0.0) > self._models[model].health.within

    def _script(self, model: str, key: str, default: float) -> float:
        spec = self._models.get(model)
        return float(spec.faults.get(key, default)) if spec else default

    def _setting(self, key: str, default: float) -> float:
        return float(self._opening.spec.settings.get(key, default))

    def _outage(self) -> tuple[float, float]:
        start, end = self._opening.spec.settings.get("outage", (0.0, 0.0))
        return float(start), float(end)

    @contextmanager
    def _changing(self) -> Iterator[World]:
        """The world, for a change: only the highest fencing number may."""
        fence = self._opening.fence
        with self._locked() as world:
            if fence is None or fence < world["fence"]:
                raise LeaseLost(
                    f"another run took over {self._opening.service}", hint="nothing was changed by this one"
                )
            world["fence"] = fence
            yield world

    @contextmanager
    def _locked(self) -> Iterator[World]:
        with self._lock():
            world = self._read()
            self._serve(world)
            yield world
            _write(self._file, world)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        path = self._file.with_suffix(".lock")
        with writing(path):
            make_private(path.parent)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> World:
        if self._file.exists():
            world: World = json.loads(self._file.read_text())
            return world
        now = self._clock.now()
        return {
            "fence": 0, "born": now, "served": now, "epoch": 1, "router": False, "routing": None,
            "refused": 0, "routings": 0, "models": {}, "counters": {}, "owed": {}, "kept": {}, "mark": {}, "course": [],
        }  # fmt: skip

    def _serve(self, world: World) -> None:
        """Let the users' requests since the last change happen."""
        now = self._clock.now()
        seconds, world["served"] = now - world["served"], now
        if not world["router"] or not world["routing"] or world["routing"]["closed"] or seconds <= 0:
            return
        routing = msgspec.convert(world["routing"], Routing)
        requests = self._setting("rate", 100) * seconds
        matching = self._setting("matching", 0.0) if routing.picked else 0.0
        for model, width in routing.asked.items():
            self._answer(world, model, requests * (1 - matching) * width / WHOLE)
        for model in routing.picked:
            self._answer(world, model, requests * matching / len(routing.picked))
        for mirror in routing.mirrors:
            copies = requests * routing.share(routing.segments[-1][0]) * mirror.share / WHOLE
            self._answer(world, mirror.model, copies)
            if routing.capture is not None:
                kept = copies * routing.capture.sample / WHOLE * self._serves(world, mirror.model)
                world["kept"][mirror.model] = world["kept"].get(mirror.model, 0.0) + kept

    def _answer(self, world: World, model: str, requests: float) -> None:
        placed = world["models"].get(model)
        alive = placed is not None and self._alive(model, placed)
        serving = self._clock.now() - placed["since"] if placed else 0.0
        error_rate = (
            self._script(model, "error-rate", 0.0) if serving >= self._script(model, "errs-after", 0.0) else 0.0
        )
        counter = world["counters"].setdefault(model, {"requests": 0, "errors": 0, "latency": {}})
        count = whole(world["owed"], f"{model} requests", requests)
        counter["requests"] += count
        counter["errors"] += whole(world["owed"], f"{model} errors", count * (error_rate if alive else 1.0))
        left = count
        for multiple, share in reversed(SLOWNESS):
            slow = (
                left
                if multiple == SLOWNESS[0][0]
                else min(left, whole(world["owed"], f"{model} {multiple}", count * share))
            )
            left -= slow
            place = str(bucket(multiple * self._script(model, "latency", 0.02)))
            counter["latency"][place] = counter["latency"].get(place, 0) + slow


def _write(file: Path, world: World) -> None:
    """Whole or not at all; a made-up world need not outlive a power cut, so nothing waits for the disk."""
    partial = file.with_suffix(".partial")
    with writing(file):
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as sink:
            sink.write(json.dumps(world))
        partial.replace(file)
