"""From a request to its answer: who asks, what goes wrong on order, what the operation does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.emulators.sagemaker import account, catalogue, cloudwatch, lifecycle, models, scaling, shapes, wire
from tests.emulators.sagemaker.endpoints import Watch
from tests.emulators.sagemaker.errors import Answer, ApiError, Dropped
from tests.emulators.sagemaker.faults import Fault, error
from tests.emulators.sagemaker.runtime import Runtime
from tests.emulators.sagemaker.s3 import S3
from tests.emulators.sagemaker.settings import Settings
from tests.emulators.sagemaker.wire import Call, Request
from tests.emulators.sagemaker.world import Handler, Region, World

HANDLERS: dict[str, dict[str, Handler]] = {
    "sagemaker": catalogue.HANDLERS | lifecycle.HANDLERS,
    "cloudwatch": cloudwatch.HANDLERS,
    "application-autoscaling": scaling.HANDLERS,
    **account.HANDLERS,
}
SOONEST = 0.25
"""Seconds between two evaluations of an alarm at the least, however fast all else goes."""
EXPIRED = "expired"
"""A session token that is past its time."""
UNDENIED = {"sts:GetCallerIdentity"}


class Service:
    """All services behind one address."""

    def __init__(self, world: World, s3: S3) -> None:
        self.world = world
        self.runtime = Runtime(world)
        self._s3 = s3
        self._closing = threading.Event()

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closing.set()

    def reset(self, settings: Settings) -> None:
        """Forget all but the time."""
        self.runtime.drain()
        self.world.reset(settings)
        self._s3.reset()

    def answer(self, request: Request) -> Answer:
        """The answer to a request.

        Raises:
            Dropped: the caller gets none.
        """
        protocol = "json"
        try:
            invoked = wire.INVOKE_PATH.match(request.path.split("?")[0])
            if invoked:
                protocol = "rest"
                return self._invoke(invoked["endpoint"], request)
            asked = wire.read(request)
            if asked is None:
                protocol = "s3"
                name, action = f"s3:{request.method}", _s3_action(request)
                return self._befallen(name, action, request, lambda: self._s3.forward(request))
            protocol = asked.protocol
            name = f"{asked.service}:{asked.operation}"
            return self._befallen(name, _action(asked), request, lambda: self._operate(asked, request))
        except ApiError as failure:
            return wire.failure(protocol, failure)

    def settle(self) -> None:
        """Let everything happen that has happened by now."""
        world = self.world
        with world.lock:
            now = world.clock.now()
            for region in world.regions.values():
                watch = self._watch(region)
                for endpoint in list(region.endpoints.values()):
                    endpoint.settle(now, watch)
                    if endpoint.gone:
                        del region.endpoints[endpoint.name]
                        region.tags.pop(endpoint.arn, None)
                self._breaching(region, [], now)
            world.captures.settle(now)

    def _watch(self, region: Region) -> Watch:
        return Watch(
            settings=self.world.settings,
            breaching=lambda names, time: self._breaching(region, names, time),
            unhealthy=lambda fleet: models.unhealthy(fleet, self.world.settings.health_path),
        )

    def _breaching(self, region: Region, names: list[str], time: float) -> list[str]:
        settings = self.world.settings
        every = max(settings.seconds(settings.timings.alarm), SOONEST)
        for alarm in region.alarms.values():
            alarm.settle(time, every, region.metrics)
        return [name for name in names if name in region.alarms and region.alarms[name].state == "ALARM"]

    def _befallen(self, name: str, action: str, request: Request, call: Callable[[], Answer]) -> Answer:
        with self.world.lock:
            self.world.calls[name] += 1
        self._admit(name, action, request)
        fault = self.world.faults.take(name)
        if fault is not None:
            self._befall(fault, name.split(":", maxsplit=1)[0])
        self.settle()
        answer = call()
        self.settle()
        if fault is not None and fault.kind == "lose":
            raise Dropped
        return answer

    def _invoke(self, endpoint: str, request: Request) -> Answer:
        def call() -> Answer:
            return self.runtime.invoke(self._region(request), endpoint, request)

        return self._befallen("sagemaker-runtime:InvokeEndpoint", "sagemaker:InvokeEndpoint", request, call)

    def _befall(self, fault: Fault, service: str) -> None:
        if fault.kind == "drop":
            raise Dropped
        if fault.kind == "slow":
            self._closing.wait(fault.seconds)
        if (failure := error(fault, service)) is not None:
            raise failure

    def _admit(self, name: str, action: str, request: Request) -> None:
        if request.scope() is None and not name.startswith("s3:"):
            raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
        settings = self.world.settings
        of_s3 = name.startswith("s3:")
        if settings.expired or request.headers.get("x-amz-security-token") == EXPIRED:
            code = "ExpiredToken" if of_s3 else "ExpiredTokenException"
            raise ApiError(code, "The security token included in the request is expired", status=403)
        if action not in UNDENIED and account.denies(settings, action):
            message = (
                f"User: {account.CALLER} is not authorized to perform: {action}"
                f" because no identity-based policy allows the {action} action"
            )
            raise ApiError("AccessDenied" if of_s3 else "AccessDeniedException", message, status=403 if of_s3 else 400)

    def _operate(self, call: Call, request: Request) -> Answer:
        model = shapes.operation(call.service, call.operation)
        handler = HANDLERS[call.service].get(call.operation)
        if handler is None:
            raise ApiError("NotEmulated", f"{call.service} {call.operation} is not emulated", status=501)
        asked = {} if model.input_shape is None else shapes.checked(model.input_shape, call.parameters)
        with self.world.lock:
            return wire.answer(call, handler(self.world, self._region(request), asked))

    def _region(self, request: Request) -> Region:
        scope = request.scope()
        assert scope is not None
        return self.world.region(scope["region"])


def _action(call: Call) -> str:
    prefix = {"service-quotas": "servicequotas"}.get(call.service, call.service)
    return f"{prefix}:{call.operation}"


def _s3_action(request: Request) -> str:
    """The IAM action, as far as a key makes the difference."""
    _, _, key = request.path.split("?")[0].lstrip("/").partition("/")
    if not key and request.method in {"GET", "HEAD"}:
        return "s3:ListBucket"
    verb = {"PUT": "Put", "POST": "Put", "DELETE": "Delete"}.get(request.method, "Get")
    return f"s3:{verb}Object"
