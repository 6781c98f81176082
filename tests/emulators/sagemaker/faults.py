"""What goes wrong between the caller and the service, on order."""

from __future__ import annotations

import fnmatch
import threading
from typing import Literal

import msgspec

from tests.emulators.sagemaker.errors import ApiError


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One kind of trouble for the calls that match."""

    kind: Literal["throttle", "500", "503", "drop", "lose", "slow", "error"]
    """`drop` ends the connection before anything happens, `lose` after it has: the caller cannot tell them apart."""
    on: str = "*"
    """`service:Operation`, with wildcards: `sagemaker:*`, `s3:PUT`, `sagemaker-runtime:InvokeEndpoint`."""
    times: int = 1
    """Calls that it befalls, after `skip`."""
    skip: int = 0
    """Matching calls that pass first."""
    seconds: float = 0.0
    """How long `slow` keeps the caller waiting, in real time."""
    code: str = "ValidationException"
    message: str = ""
    status: int = 400
    """These three are those of `error`."""


class Faults:
    """Those still to come."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def order(self, fault: Fault) -> None:
        """Have it befall the next calls that match."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget those still to come."""
        with self._lock:
            self._waiting.clear()

    def take(self, call: str) -> Fault | None:
        """The fault that befalls this call, `service:Operation`."""
        with self._lock:
            for fault in self._waiting:
                if not fnmatch.fnmatchcase(call, fault.on):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None


def error(fault: Fault, service: str) -> ApiError | None:
    """The answer that a fault puts in place of the service's; None where it is no answer."""
    match fault.kind:
        case "throttle" if service == "s3":
            return ApiError("SlowDown", "Please reduce your request rate.", status=503)
        case "throttle":
            return ApiError("Throttling" if service == "cloudwatch" else "ThrottlingException", "Rate exceeded")
        case "500":
            return ApiError(
                "InternalFailure", "The request processing has failed because of an unknown error.", status=500
            )
        case "503":
            message = "The request has failed due to a temporary failure of the server."
            return ApiError("ServiceUnavailable", message, status=503)
        case "error":
            return ApiError(fault.code, fault.message, status=fault.status)
        case _:
            return None
