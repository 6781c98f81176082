"""A checked plan document to values, defaults filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlship.plan import defaults, units
from mlship.plan.capturing import build_capture
from mlship.plan.container import build_container
from mlship.plan.gatebook import Gatebook
from mlship.plan.hosted import build_hosted
from mlship.plan.labelwatch import LabelWatch, LateAction
from mlship.plan.managed import build_managed
from mlship.plan.model import (
    AB,
    Alpha,
    AnyStage,
    Bandit,
    BlueGreen,
    Canary,
    DriverSpec,
    FeatureFlag,
    Health,
    Model,
    Plan,
    Recreate,
    Rolling,
    Shadow,
)
from mlship.plan.outcome import Metric
from mlship.plan.pool import build_pool
from mlship.plan.rule import Rule, drawn_alone, header_is
from mlship.plan.rulebook import build_rules
from mlship.plan.sharing import canary_shares, rolling_shares
from mlship.plan.shift import Managed
from mlship.plan.step import AtDeadline

Document = Mapping[str, Any]


def build(document: Document, *, base: Path) -> Plan:
    """The plan that a checked document means; relative paths in it start from `base`."""
    metrics = _metrics(document, base)
    gates = Gatebook(document.get("gates", {}), metrics)
    models = {name: build_model(name, model, base=base) for name, model in document["models"].items()}
    stages = tuple(_Stages(document, models, gates).all())
    guards, driver = gates.guards(document.get("guards")), _driver(document)
    times = _given(document, {"look-every": units.seconds, "warmup": units.seconds, "bake": units.seconds})
    return Plan(
        service=document["service"],
        driver=driver,
        models=models,
        live=document.get("live"),
        candidate=document.get("candidate"),
        assign_by=_header(document.get("assign-by")),
        metrics=metrics,
        gates=gates.all,
        guards=guards,
        stages=stages,
        alpha=Alpha(**{name: units.fraction(text) for name, text in document.get("alpha", {}).items()}),
        watch_labels=_watch(document["watch-labels"]) if "watch-labels" in document else None,
        capture=build_capture(document.get("capture", {}), base=base),
        traffic=units.per_second(document["traffic"]) if "traffic" in document else None,
        document=document,
        **{**defaults.LOOKS.get(driver.name, {}), **times},
        **_given(document, {"keep-old": bool}),
    )


def build_model(name: str, document: Document, *, base: Path) -> Model:
    """One model of a checked document."""
    return Model(
        name=name,
        command=_command(document.get("command", ())),
        workdir=str(base / document.get("workdir", "")),
        env=document.get("env", {}),
        faults=document.get("faults", {}),
        container=build_container(document, base=base),
        pool=build_pool(document),
        hosted=build_hosted(document),
        **_given(document, {"replicas": int, "health": _health, "timeout": units.seconds, "drain": units.seconds}),
    )


def _metrics(document: Document, base: Path) -> dict[str, Metric]:
    if "metrics" not in document:
        return {}
    from mlship.plan.experiments import build_metric

    return {name: build_metric(name, metric, base=base) for name, metric in document["metrics"].items()}


def _given(document: Document, readers: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the document gives; what it leaves out keeps the default of the value that is built."""
    return {name.replace("-", "_"): read(document[name]) for name, read in readers.items() if name in document}


def _command(command: str | list[str]) -> tuple[str, ...]:
    if isinstance(command, str):
        import shlex

        return tuple(shlex.split(command))
    return tuple(command)


def _health(health: str | Document) -> Health:
    if isinstance(health, str):
        return Health(path=health)
    return Health(**_given(health, {"path": str, "within": units.seconds, "timeout": units.seconds}))


def _driver(document: Document) -> DriverSpec:
    if "driver" not in document:
        return defaults.DRIVER
    ((name, settings),) = document["driver"].items()
    standard = defaults.DRIVER.settings if name == defaults.DRIVER.name else {}
    return DriverSpec(name=name, settings={**standard, **settings})


def _watch(watch: str | Document) -> LabelWatch:
    if isinstance(watch, str):
        return LabelWatch(period=units.seconds(watch))
    return LabelWatch(period=units.seconds(watch["for"]), **_given(watch, {"then": LateAction}))


def _header(unit: str | None) -> str | None:
    # Header names do not tell case apart, and routers keep them in lower case.
    return unit.removeprefix("header:").lower() if unit else None


class _Stages:
    """The stages of a document, with what they need to know of the rest of it."""

    def __init__(self, document: Document, models: Mapping[str, Model], gates: Gatebook) -> None:
        self._document = document
        self._gates = gates
        self._live, self._candidate = rivals(document)
        self._replicas = {name: model.replicas for name, model in models.items()}

    def all(self) -> Iterator[AnyStage]:
        """Every stage, in order."""
        return (self._stage(stage) for stage in self._document.get("stages", ()))

    def _stage(self, stage: Document) -> AnyStage:
        readers: Mapping[str, Callable[[Document], AnyStage]] = {
            "shadow": self._shadow,
            "feature-flag": self._feature_flag,
            "ab": self._ab,
            "bandit": self._bandit,
            "canary": self._canary,
            "blue-green": self._blue_green,
            "rolling": self._rolling,
            "recreate": self._recreate,
        }
        return readers[stage["strategy"]](stage)

    def _shared(self, stage: Document, *, shares: bool, answers: bool = False) -> dict[str, Any]:
        return {
            "name": stage.get("name", stage["strategy"]),
            "gates": self._gates.of_stage(stage.get("gates"), shares=shares, answers=answers),
            **_given(stage, {"requests": int, "at-most": units.seconds, "at-deadline": AtDeadline}),
        }

    def _shadow(self, stage: Document) -> Shadow:
        mirror = {name: units.basis_points(share) or 0 for name, share in stage["mirror"].items()}
        shared = {"at_deadline": AtDeadline.PARK, **self._shared(stage, shares=True, answers=True)}
        return Shadow(**shared, mirror=mirror, hold=_seconds(stage, "hold", defaults.SHADOW_HOLD))

    def _feature_flag(self, stage: Document) -> FeatureFlag:
        rules = build_rules(stage["rules"])
        shared = self._shared(stage, shares=drawn_alone(rules) is not None)
        return FeatureFlag(**shared, rules=rules, hold=_seconds(stage, "hold", defaults.FLAG_HOLD))

    def _ab(self, stage: Document) -> AB:
        from mlship.plan.experiments import build_goal

        goal = self._gates.keep(build_goal(stage, self._gates.metrics[stage["goal"]]))
        split = {arm: units.basis_points(share) or 0 for arm, share in stage["split"].items()}
        return AB(
            **self._decided_by(goal, stage), split=split, goal=goal, hold=_seconds(stage, "hold", defaults.AB_HOLD)
        )

    def _bandit(self, stage: Document) -> Bandit:
        from mlship.plan.experiments import build_race

        race = self._gates.keep(build_race(stage, self._gates.metrics[stage["goal"]]))
        arms = tuple(dict.fromkeys(("live", *stage.get("arms", self._replicas))))
        return Bandit(
            **self._decided_by(race, stage), arms=arms, race=race, hold=_seconds(stage, "hold", defaults.BANDIT_HOLD)
        )

    def _decided_by(self, gate: str, stage: Document) -> dict[str, Any]:
        shared = self._shared(stage, shares=True)
        gates = tuple(dict.fromkeys((gate, *shared["gates"])))
        return {"at_most": defaults.EXPERIMENT, **shared, "gates": gates}

    def _canary(self, stage: Document) -> Canary:
        weights = tuple(units.basis_points(weight) or 0 for weight in stage["weights"])
        managed = self._managed(stage)
        shared = self._shared(stage, shares=not managed and canary_shares(weights))
        usual = defaults.MANAGED_HOLD if managed else defaults.CANARY_HOLD
        return Canary(**shared, managed=managed, weights=weights, hold=_seconds(stage, "hold", usual))

    def _managed(self, stage: Document) -> Managed | None:
        return build_managed(stage, _driver(self._document))

    def _blue_green(self, stage: Document) -> BlueGreen:
        return BlueGreen(
            **self._shared(stage, shares=False),
            managed=self._managed(stage),
            preview=self._preview(stage.get("preview")),
            hold=_seconds(stage, "hold", defaults.BLUE_GREEN_HOLD),
            bake=_seconds(stage, "bake", defaults.BAKE),
        )

    def _preview(self, preview: str | Document | None) -> Rule | None:
        match preview:
            case None:
                return None
            case str():
                header, _, value = preview.removeprefix("header:").partition("=")
            case _:
                header, value = preview["header"], preview["value"]
        return header_is(header, value, self._candidate or "")

    def _rolling(self, stage: Document) -> Rolling:
        batch = int(stage.get("batch", defaults.BATCH))
        surge = int(stage.get("surge", defaults.SURGE))
        unavailable = int(stage.get("unavailable", defaults.UNAVAILABLE))
        old, new = self._replicas.get(self._live or "", 1), self._replicas.get(self._candidate or "", 1)
        managed = self._managed(stage)
        shares = rolling_shares(old=old, new=new, batch=batch, surge=surge, unavailable=unavailable)
        return Rolling(
            **self._shared(stage, shares=shares and not managed),
            managed=managed,
            batch=batch,
            surge=surge,
            unavailable=unavailable,
            hold=_seconds(stage, "hold", defaults.MANAGED_HOLD if managed else defaults.ROLLING_HOLD),
        )

    def _recreate(self, stage: Document) -> Recreate:
        return Recreate(**self._shared(stage, shares=False), bake=_seconds(stage, "bake", defaults.BAKE))


def rivals(document: Document) -> tuple[str | None, str | None]:
    """The live model and its candidate, as far as the plan alone tells."""
    models = list(document["models"])
    live, candidate = document.get("live"), document.get("candidate")
    if live is not None and candidate is None:
        candidate = next((name for name in models if name != live), None)
    elif candidate is not None and live is None:
        live = next((name for name in models if name != candidate), None)
    return live, candidate


def _seconds(stage: Document, name: str, default: float) -> float:
    return units.seconds(stage[name]) if name in stage else default
