"""InvokeEndpoint: which variant answers, and what is published about it.

Documented: shares by weight over the sum of weights, TargetVariant, 6 MiB and 60 s, ModelError with the model's
status, the metrics and their units, that 1/0 per request makes an Average a rate, the extra dimension
EndpointConfigName. Our reading: that a shadow gets a copy of each request of its production variant times the ratio
of their weights (at most 1), that a model which does not answer at all counts as a model error but as neither 4XX nor
5XX, that a variant of weight 0 can be asked by TargetVariant.
"""

from __future__ import annotations

import threading
import time
from typing import Any
from uuid import UUID

import msgspec

from tests.emulators.sagemaker import models, shapes
from tests.emulators.sagemaker.capture import Exchange
from tests.emulators.sagemaker.endpoints import Endpoint
from tests.emulators.sagemaker.errors import Answer, ApiError
from tests.emulators.sagemaker.fleet import Fleet, Variant
from tests.emulators.sagemaker.metrics import Sample
from tests.emulators.sagemaker.models import Reply
from tests.emulators.sagemaker.wire import Request
from tests.emulators.sagemaker.world import ACCOUNT, Region, World

SERVING = {"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"}
LARGEST = 6_291_456
ERRORS = ("Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors")
PREFIX = "x-amzn-sagemaker-"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where one request goes."""

    endpoint: Endpoint
    fleet: Fleet
    variant: Variant
    shadow: Variant | None
    captured: bool
    event: UUID


class Runtime:
    """Answers invocations; copies to shadows go in threads of their own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._copies: list[threading.Thread] = []

    def invoke(self, region: Region, name: str, request: Request) -> Answer:
        """InvokeEndpoint.

        Raises:
            ApiError: ValidationError, or ModelError.
        """
        began = time.perf_counter()
        _check(name, request)
        with self._world.lock:
            route = self._route(region, name, request.headers.get(f"{PREFIX}target-variant"))
        if route.shadow is not None:
            copy = threading.Thread(target=self._ask, args=(region, route, route.shadow, request), daemon=True)
            copy.start()
            with self._world.lock:
                self._copies = [*(thread for thread in self._copies if thread.is_alive()), copy]
        reply = self._ask(region, route, route.variant, request, began)
        if not 200 <= reply.status < 300:
            raise _model_error(route.variant, reply)
        headers = {"content-type": reply.content_type, "x-amzn-invoked-production-variant": route.variant.name}
        if reply.attributes is not None:
            headers[f"{PREFIX}custom-attributes"] = reply.attributes
        return Answer(status=200, headers=headers, body=reply.body)

    def drain(self) -> None:
        """Wait for the copies under way."""
        for copy in list(self._copies):
            copy.join(timeout=models.PATIENCE)

    def _route(self, region: Region, name: str, target: str | None) -> Route:
        endpoint = region.endpoints.get(name)
        if endpoint is None or endpoint.status not in SERVING:
            raise _invalid(f"Endpoint {name} of account {ACCOUNT} not found.")
        chance, other = self._world.chance, endpoint.other()
        fleet = other if other is not None and chance.random() < endpoint.share() else endpoint.fleet
        variant = fleet.variant(target) if target is not None else self._drawn(fleet)
        if variant is None:
            raise _invalid(f"Variant {target} not found for endpoint {name} of account {ACCOUNT}.")
        capture = fleet.config.get("DataCaptureConfig", {"EnableCapture": False})
        sampled = chance.random() * 100.0 < capture.get("InitialSamplingPercentage", 0)
        return Route(
            endpoint=endpoint,
            fleet=fleet,
            variant=variant,
            shadow=self._shadow(fleet, variant),
            captured=bool(capture.get("EnableCapture", True)) and sampled,
            event=UUID(int=chance.getrandbits(128), version=4),
        )

    def _drawn(self, fleet: Fleet) -> Variant:
        shares = [variant.weight for variant in fleet.variants]
        return self._world.chance.choices(fleet.variants, shares)[0]

    def _shadow(self, fleet: Fleet, variant: Variant) -> Variant | None:
        if not fleet.shadows or variant.weight <= 0:
            return None
        shadow = fleet.shadows[0]
        return shadow if self._world.chance.random() < shadow.weight / variant.weight else None

    def _ask(
        self, region: Region, route: Route, variant: Variant, request: Request, began: float | None = None
    ) -> Reply:
        now = self._world.clock.now()
        reply = models.ask(variant, request.body, request.headers)
        whole = reply.latency if began is None else (time.perf_counter() - began) * 1e6
        with self._world.lock:
            self._publish(region, route, variant, reply, max(whole - reply.latency, 0.0))
            if route.captured and reply.status:
                exchange = Exchange(
                    endpoint=route.endpoint.name,
                    variant=variant.name,
                    time=now,
                    event=route.event,
                    inference_id=request.headers.get(f"{PREFIX}inference-id"),
                    asked=(request.headers.get("content-type", "application/octet-stream"), request.body),
                    answered=(reply.content_type, reply.body),
                )
                delay = self._world.settings.seconds(self._world.settings.capture_delay)
                self._world.captures.take(route.fleet.config["DataCaptureConfig"], exchange, delay)
        return reply

    def _publish(self, region: Region, route: Route, variant: Variant, reply: Reply, overhead: float) -> None:
        settings, now = self._world.settings, self._world.clock.now()
        values = {"Invocations": 1.0, "ModelLatency": reply.latency, "OverheadLatency": overhead}
        if variant.instance_type is not None:
            values["InvocationsPerInstance"] = 1.0 / max(variant.count, 1)
        failed = (400 <= reply.status < 500, reply.status >= 500, not 200 <= reply.status < 300)
        values |= {
            name: float(so) for name, so in zip(ERRORS, failed, strict=True) if so or settings.series_without_errors
        }
        names = frozenset({("EndpointName", route.endpoint.name), ("VariantName", variant.name)})
        for dims in (names, names | {("EndpointConfigName", route.fleet.config_name)}):
            for metric, value in values.items():
                sample = Sample(time=now, value=value, visible=now + settings.metric_lag)
                region.metrics.add(("AWS/SageMaker", metric, dims), [sample])


def _check(name: str, request: Request) -> None:
    shape = shapes.operation("sagemaker-runtime", "InvokeEndpoint").input_shape
    asked: dict[str, Any] = {"EndpointName": name, "Body": request.body}
    for key, member in shape.members.items():
        header = str(member.serialization.get("name", "")).lower()
        if member.serialization.get("location") == "header" and header in request.headers:
            asked[key] = request.headers[header]
    if len(request.body) > LARGEST:
        raise _invalid(f"Request of {len(request.body)} bytes is larger than {LARGEST} bytes.")
    try:
        shapes.checked(shape, asked)
    except ApiError as error:
        raise _invalid(error.message) from error
    if f"{PREFIX}inference-component" in request.headers:
        raise _invalid("Inference components are not emulated.")


def _model_error(variant: Variant, reply: Reply) -> ApiError:
    text = reply.body.decode(errors="replace")
    told = f'Received server error ({reply.status}) from {variant.name} with message "{text}"'
    if 400 <= reply.status < 500:
        told = f'Received client error ({reply.status}) from {variant.name} with message "{text}"'
    more: dict[str, object] = {"OriginalStatusCode": reply.status, "OriginalMessage": text}
    return ApiError("ModelError", told, status=424, more=more)


def _invalid(message: str) -> ApiError:
    return ApiError("ValidationError", message)


def statistics(world: World, region: Region, samples: list[dict[str, Any]]) -> None:
    """Publish as AWS would: each has `metric`, `endpoint`, `variant`, `values`, maybe `config` and `ago`, seconds."""
    for item in samples:
        dims = frozenset({("EndpointName", item["endpoint"]), ("VariantName", item["variant"])})
        if "config" in item:
            dims |= {("EndpointConfigName", item["config"])}
        time_ = world.clock.now() - float(item.get("ago", 0.0))
        made = [Sample(time=time_, value=float(value), visible=time_) for value in item["values"]]
        region.metrics.add(("AWS/SageMaker", item["metric"], dims), made)
