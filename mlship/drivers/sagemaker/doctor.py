"""What stands in the way of the next change of an endpoint. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlship.drivers.sagemaker.autoscaling import Autoscaling
from mlship.drivers.sagemaker.aws import Aws
from mlship.drivers.sagemaker.endpoint import BUSY, Description, Endpoint, broken
from mlship.drivers.sagemaker.ledger import Ledger
from mlship.drivers.sagemaker.permissions import missing
from mlship.drivers.sagemaker.settings import Settings
from mlship.drivers.sagemaker.shift import alarm_states, progress
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError, OutOfReach, UsageError


def examine(endpoint: Endpoint, settings: Settings, ledger: Ledger, scaling: Autoscaling) -> Iterator[Trouble]:
    """Reach, rights, state, alarms, autoscaling, captures; where AWS cannot be asked at all, only that."""
    aws = endpoint.aws
    try:
        seen = endpoint.find()
    except OutOfReach as error:
        yield Trouble(message=error.message, hint=error.hint)
        return
    except UsageError as error:
        yield Trouble(message=error.message, hint=error.hint)
        seen = None
    yield from missing(aws)
    yield from _state(endpoint.name, seen)
    yield from _alarms(aws, settings.alarms)
    yield from _scaling(scaling, ledger, seen)
    yield from _captures(aws, settings.capture)


def _state(name: str, seen: Description | None) -> Iterator[Trouble]:
    if seen is None:
        return
    if seen.status in BUSY:
        hint = "`mlship resume` waits for it where a rollout is under way"
        yield Trouble(message=f"endpoint {name} is {seen.status}. {progress(seen)}".strip(), hint=hint, grave=False)
    elif seen.status != "InService":
        found = broken(name, seen)
        yield Trouble(message=found.message, hint=found.hint)
    elif seen.reason:
        hint = "what served before it serves"
        yield Trouble(message=f"the last update of endpoint {name} failed: {seen.reason}", hint=hint, grave=False)


def _alarms(aws: Aws, names: Sequence[str]) -> Iterator[Trouble]:
    try:
        states = alarm_states(aws, names)
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint, grave=False)
        return
    for name in names:
        if name not in states:
            hint = "make it, or name the right one in `alarms`"
            yield Trouble(message=f"there is no CloudWatch alarm {name} in {aws.region}", hint=hint)
        elif states[name] == "ALARM":
            hint = "SageMaker would undo every managed update at once: put right what it tells of first"
            yield Trouble(message=f"alarm {name} is in ALARM", hint=hint)


def _scaling(scaling: Autoscaling, ledger: Ledger, seen: Description | None) -> Iterator[Trouble]:
    there = seen.wanted if seen else {}
    off = [each.variant for each in ledger.unscaled if each.variant in there]
    gone = [each.variant for each in ledger.unscaled if each.variant not in there]
    if off:
        hint = "the next command that changes the service switches it on; `mlship resume` or `mlship rollback` does"
        message = f"autoscaling of variant {', '.join(off)} is off since an update was cut short"
        yield Trouble(message=message, hint=hint, grave=False)
    if gone and there and not scaling.of(there):
        hint = "register it with Application Auto Scaling, as the old one was"
        message = f"variant {', '.join(gone)} was autoscaled, and {', '.join(there)} is not"
        yield Trouble(message=message, hint=hint, grave=False)


def _captures(aws: Aws, place: str) -> Iterator[Trouble]:
    if not place:
        return
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    try:
        aws.call("s3", "list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except MlshipError as error:
        message = f"captures in {place} cannot be read: {error.message}"
        yield Trouble(message=message, hint=error.hint, grave=False)
