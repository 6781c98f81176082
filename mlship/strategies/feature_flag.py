"""Feature flag: only requests that match a rule get the candidate; the others, and all after the stage, do not."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from mlship.plan.model import FeatureFlag
from mlship.plan.rulebook import cast
from mlship.plan.step import Step
from mlship.strategies.pair import Pair

STRATEGY = "feature-flag"


def compile_feature_flag(stage: FeatureFlag, pair: Pair) -> Iterator[Step]:
    """One step: everything to the live model but what the rules say. `mlship flag` may change them meanwhile."""
    live, candidate = pair.live.name, pair.candidate
    routing = replace(pair.split(0), rules=cast(stage.rules, live=live, candidate=candidate.name))
    step = Step(
        stage=stage.name,
        strategy=STRATEGY,
        label="by rules",
        ready={candidate.name: candidate.replicas},
        routing=routing,
        hold=stage.hold,
        requests=pair.least(stage),
        proof=pair.is_split(routing),
    )
    yield pair.waiting(pair.judged(step, stage), stage)
