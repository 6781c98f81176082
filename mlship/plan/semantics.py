"""What a plan of the right shape may still get wrong: names, units, and what its driver cannot do."""

from __future__ import annotations

from collections.abc import Mapping

from mlship.plan import units
from mlship.plan.answergates import FLOORS
from mlship.plan.answers import check_answer_gate, check_capture, check_watch, mirrored
from mlship.plan.defaults import DRIVER
from mlship.plan.draft import Draft
from mlship.plan.experimentcheck import check_metrics, rivals_of
from mlship.plan.fault import Steps, shown, suggestion
from mlship.plan.gatebook import is_score
from mlship.plan.gateuse import definitions, gate_uses
from mlship.plan.model import Capability
from mlship.plan.needs import ABILITIES, able, instead, needs_of

Drivers = Mapping[str, frozenset[Capability]]

ONLY_MIRRORED = "only a shadow stage has both models' answers to the same requests"

SLOWEST = 60.0
"""Seconds; the upper edge of the last latency bucket, above which nothing can be told apart."""


def check_meaning(draft: Draft, drivers: Drivers) -> None:
    """Add every fault that is not one of a stage's course."""
    _models(draft)
    _service_models(draft)
    for path in definitions(draft):
        _gate(draft, path)
    for use in gate_uses(draft, ("guards",)):
        if use.kind == "manual":
            draft.fault(use.reference, "a manual gate cannot guard: it never fails", "use it in a stage's `gates`")
        elif use.kind == "answers":
            draft.fault(use.reference, f"cannot guard: {ONLY_MIRRORED}", "use it in the `gates` of a shadow stage")
    check_capture(draft)
    check_metrics(draft)
    check_watch(draft)
    _alpha(draft)
    _timing(draft)
    _driver(draft, drivers)


def driver_name(draft: Draft) -> str:
    """The driver that the plan names."""
    return next(iter(draft.names("driver")), DRIVER.name)


def _service_models(draft: Draft) -> None:
    models = draft.names("models")
    live, candidate = draft.value("live"), draft.value("candidate")
    for role, name in (("live", live), ("candidate", candidate)):
        if name is not None and name not in models and models:
            draft.fault((role,), f"there is no model {shown(name)}", suggestion(name, models, what="models"))
    if live is not None and live == candidate:
        draft.fault(("candidate",), f"{shown(live)} is the live model already", "name the model that replaces it")
    if live is None or live in models:
        _rivals(draft, live)


def _rivals(draft: Draft, live: str | None) -> None:
    others = [name for name in draft.names("models") if name != live]
    most = 1 if live is not None else 2
    chosen = mirrored(draft) or _arms(draft)
    if len(chosen) > 1 and draft.has("candidate"):
        what, whom = ("the shadow stage", "mirrored models") if mirrored(draft) else ("a stage", "arms")
        hint = f"remove it: the best of the {whom} becomes the candidate"
        draft.fault(("candidate",), f"{what} chooses the candidate", hint, at_key=True)
    elif len(others) > most and not draft.has("candidate") and not chosen:
        draft.fault(
            ("models",), "more than one model may replace the live one", f"add `candidate: {others[-1]}`", at_key=True
        )
    elif len(draft.names("models")) > 1 and _has_no_stages(draft):
        draft.fault(
            ("models",),
            "`stages` is missing: nothing says how one model replaces the other",
            "add `stages:` with `- { strategy: canary, weights: [1%, 5%, 25%, 50%] }`",
            at_key=True,
        )
    elif len(draft.names("models")) == 1 and next(draft.places("stages"), None):
        draft.fault(("stages",), "there is no second model to bring live", "add it to `models`", at_key=True)


def _arms(draft: Draft) -> tuple[str, ...]:
    """The models that an A/B test or a bandit chooses from."""
    arms = (name for stage in draft.places("stages") for name in rivals_of(draft, stage))
    return tuple(dict.fromkeys(arms))


def _has_no_stages(draft: Draft) -> bool:
    return not draft.has("stages") or draft.value("stages") == []


def _models(draft: Draft) -> None:
    driver = driver_name(draft)
    for name in draft.names("models"):
        path = ("models", name)
        if driver == "process" and not draft.has(*path, "command") and isinstance(draft.value(*path), dict):
            hint = 'add `command: [python, serve.py, --port, "{port}"]`'
            draft.fault(path, "`command` is missing: driver process starts the model with it", hint, at_key=True)
        if driver != "memory" and draft.has(*path, "faults"):
            draft.fault((*path, "faults"), "only driver memory follows a script of faults", "remove it", at_key=True)
        _command(draft, (*path, "command"))
        for wait in ("within", "timeout"):
            _above_zero(draft, (*path, "health", wait))


def _command(draft: Draft, path: Steps) -> None:
    command = draft.value(*path)
    if not isinstance(command, str):
        if isinstance(command, list) and not command[0].strip():
            draft.fault((*path, 0), "the program to start has no name")
        return
    import shlex

    try:
        words = shlex.split(command)
    except ValueError as error:
        draft.fault(path, f"cannot be split into words: {str(error).lower()}", "write a list of texts")
        return
    if not words or not words[0].strip():
        draft.fault(path, "the program to start has no name")


def _gate(draft: Draft, path: Steps) -> None:
    metric, maximum, margin = (draft.value(*path, key) for key in ("metric", "max", "margin"))
    if isinstance(metric, str) and is_score(metric):
        _limit(draft, path, metric) if _is_limit(draft, path, metric) else check_answer_gate(draft, path)
        return
    if metric is not None and maximum is not None:
        _ceiling(draft, (*path, "max"), metric, maximum)
    if margin is not None and not 0 < units.fraction(margin) < 1:
        hint = "no number of requests proves a margin of 0; 1% is usual" if units.fraction(margin) == 0 else ""
        draft.fault((*path, "margin"), f"expected more than 0% and less than 100%; got {shown(margin)}", hint)


def _is_limit(draft: Draft, path: Steps, metric: str) -> bool:
    """A number from elsewhere, held to fixed limits."""
    known = {"psi", "ks"} if draft.has(*path, "max") else {*FLOORS}
    return (draft.has(*path, "max") or draft.has(*path, "min")) and metric not in known


def _limit(draft: Draft, path: Steps, metric: str) -> None:
    metrics = draft.names("metrics")
    if metric not in metrics:
        known = [*metrics, "error_rate", "latency_p95", *FLOORS]
        draft.fault((*path, "metric"), f"there is no metric {shown(metric)}", suggestion(metric, known, what="known"))
    elif draft.has("metrics", metric, "outcome"):
        hint = "decide by it: `strategy: ab` or `strategy: bandit`"
        draft.fault((*path, "metric"), f"{shown(metric)} is an outcome, which a limit cannot judge", hint)


def _ceiling(draft: Draft, path: Steps, metric: str, maximum: str) -> None:
    is_rate = metric == "error_rate"
    if units.is_percentage(maximum) != is_rate:
        expected = "a percentage such as 5%" if is_rate else "a duration such as 250ms"
        draft.fault(path, f"expected {expected} for {metric}; got {shown(maximum)}")
    elif is_rate and not 0 < units.fraction(maximum) < 1:
        draft.fault(path, f"expected more than 0% and less than 100%; got {shown(maximum)}")
    elif not is_rate and not 0 < units.seconds(maximum) <= SLOWEST:
        draft.fault(path, f"expected more than 0s and at most {SLOWEST:g}s; got {shown(maximum)}")


def _alpha(draft: Draft) -> None:
    for name in draft.names("alpha"):
        value = draft.value("alpha", name)
        if value is not None and not 0 < units.fraction(value) <= 0.5:
            draft.fault(("alpha", name), f"expected more than 0% and at most 50%; got {shown(value)}")


def _timing(draft: Draft) -> None:
    look = draft.value("look-every")
    if look is not None and units.seconds(look) < 0.1:
        draft.fault(("look-every",), f"expected 100ms or more; got {shown(look)}")
    traffic = draft.value("traffic")
    if traffic is not None and units.per_second(traffic) <= 0:
        draft.fault(("traffic",), f"expected more than 0 requests per second; got {shown(traffic)}")


def _above_zero(draft: Draft, path: Steps) -> None:
    duration = draft.value(*path)
    if duration is not None and units.seconds(duration) <= 0:
        draft.fault(path, f"expected more than 0s; got {shown(duration)}")


def _driver(draft: Draft, drivers: Drivers) -> None:
    name = driver_name(draft)
    if name not in drivers:
        path: Steps = ("driver", name) if draft.names("driver") else ()
        draft.fault(path, f"there is no driver {shown(name)}", suggestion(name, drivers, what="known"), at_key=True)
        return
    listen = draft.value("driver", "process", "listen")
    if listen is not None and not 1 <= int(listen.rpartition(":")[2]) <= 65_535:
        draft.fault(("driver", "process", "listen"), f"expected a port from 1 to 65535; got {shown(listen)}")
    needs = needs_of(draft)
    for capability, path in needs.items():
        if capability not in drivers[name]:
            hint = f"{instead(draft, path)}{able(capability, drivers, needs)}"
            draft.fault(path, f"driver {name} cannot {ABILITIES[capability]}", hint)
