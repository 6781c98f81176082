"""Steering from another process: `POST /_control/WHAT` with JSON; what can be asked is in the package's docstring."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from tests.emulators.sagemaker import lifecycle, runtime
from tests.emulators.sagemaker.errors import Answer, ApiError
from tests.emulators.sagemaker.faults import Fault
from tests.emulators.sagemaker.service import Service
from tests.emulators.sagemaker.settings import Outcome, Settings

PREFIX = "/_control/"
HOME = "us-east-1"
"""The region meant where none is named."""


class Control:
    """The same orders that a test gives in process, by name."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._world = service.world
        self._orders: dict[str, Callable[[dict[str, Any]], Any]] = {
            "settings": self._settings,
            "outcome": lambda asked: self._world.settings.outcomes.append(msgspec.convert(asked, Outcome)),
            "fault": lambda asked: self._world.faults.order(msgspec.convert(asked, Fault)),
            "clear": lambda _: self._clear(),
            "reset": lambda asked: self._service.reset(msgspec.convert(asked, Settings)),
            "advance": lambda asked: self._world.clock.advance(float(asked["seconds"])),
            "release": lambda asked: lifecycle.release(self._world, self._region(asked), asked["endpoint"]),
            "system-update": self._system_update,
            "metrics": lambda asked: runtime.statistics(self._world, self._region(asked), asked["samples"]),
            "drain": lambda _: self._service.runtime.drain(),
            "calls": lambda _: dict(self._world.calls),
            "reset-calls": lambda _: self._world.calls.clear(),
            "now": lambda _: self._world.clock.now(),
        }

    def answer(self, path: str, body: bytes) -> Answer:
        """Carry out an order; its answer is JSON."""
        order = self._orders.get(path.removeprefix(PREFIX))
        if order is None:
            return _json(404, {"error": f"there is no {path}"})
        try:
            with self._world.lock:
                self._service.settle()
                found = order(json.loads(body or b"{}"))
                self._service.settle()
        except (ApiError, KeyError, ValueError, msgspec.ValidationError) as error:
            return _json(400, {"error": repr(error)})
        return _json(200, found)

    def _settings(self, asked: dict[str, Any]) -> Any:
        """Change those named, keep the others; answer all."""
        world = self._world
        merged = msgspec.to_builtins(world.settings) | asked
        merged["timings"] = msgspec.to_builtins(world.settings.timings) | asked.get("timings", {})
        settings = msgspec.convert(merged, Settings)
        if "seed" in asked:
            world.apply(settings)
        else:
            world.settings = settings
        return msgspec.to_builtins(world.settings)

    def _clear(self) -> None:
        self._world.faults.clear()
        self._world.settings.outcomes.clear()

    def _system_update(self, asked: dict[str, Any]) -> None:
        seconds = float(asked.get("seconds", 60.0))
        lifecycle.system_update(self._world, self._region(asked), asked["endpoint"], seconds)

    def _region(self, asked: dict[str, Any]) -> Any:
        return self._world.region(asked.get("region", HOME))


def _json(status: int, value: Any) -> Answer:
    return Answer(status=status, headers={"content-type": "application/json"}, body=json.dumps(value).encode())
