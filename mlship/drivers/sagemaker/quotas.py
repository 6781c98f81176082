"""How many instances the account may have for endpoints, beside what a rollout asks for at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from mlship.drivers.sagemaker.aws import Aws
from mlship.plan.capacity import crowds
from mlship.plan.model import Model
from mlship.plan.step import Step

_NAME = "{} for endpoint usage"


def asked(steps: Sequence[Step], models: Mapping[str, Model], *, instance_type: str) -> Mapping[str, tuple[int, int]]:
    """Instance type → (most instances at once, the first step in which they are, from 1).

    Old and new instances stand side by side while SageMaker replaces a fleet; batch by batch it needs one batch more.
    """
    most: dict[str, tuple[int, int]] = {}
    for number, (step, crowd) in enumerate(zip(steps, crowds(steps), strict=True), start=1):
        for kind, count in _by_type(_at_once(step, crowd), models, instance_type).items():
            if count > most.get(kind, (0, 0))[0]:
                most[kind] = count, number
    return most


def _at_once(step: Step, crowd: Mapping[str, int]) -> Mapping[str, int]:
    shift = step.routing.shift
    if not shift or not shift.batch:
        return crowd
    return {name: shift.batch if name in step.routing.weights else count for name, count in crowd.items()}


def _by_type(crowd: Mapping[str, int], models: Mapping[str, Model], instance_type: str) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for name, count in crowd.items():
        if not models[name].hosted.serverless:
            kind = models[name].hosted.instance_type or instance_type
            counts[kind] = counts.get(kind, 0) + count
    return counts


def quotas(aws: Aws, kinds: Collection[str]) -> Mapping[str, float]:
    """Instance type → what the account may have; one that AWS does not tell of is left out.

    Raises:
        MlshipError: AWS does not tell.
    """
    wanted, found = {_NAME.format(kind): kind for kind in kinds}, dict[str, float]()
    for told in aws.pages("service-quotas", "list_service_quotas", "Quotas", ServiceCode="sagemaker", MaxResults=100):
        if told["QuotaName"] in wanted:
            found[wanted[told["QuotaName"]]] = told["Value"]
        if len(found) == len(wanted):
            break
    return found


def shortages(aws: Aws, steps: Sequence[Step], models: Mapping[str, Model], *, instance_type: str) -> Iterator[str]:
    """What the account's quotas do not allow, whatever else is in it; one sentence each.

    Raises:
        MlshipError: AWS does not tell.
    """
    most = asked(steps, models, instance_type=instance_type)
    for kind, quota in quotas(aws, most).items():
        count, step = most[kind]
        if count > quota:
            yield (
                f"{count} instances of {kind} in step {step}, and the account may have {quota:g} for endpoints: ask "
                "for more in Service Quotas, or run fewer `replicas`"
            )
