"""Retries within one reading: a few, in a time that is given, and never across looks."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Annotated, TypeVar

import msgspec

from mlship.errors import OutOfReach

RETRIES = 2
"""Tries after the first one."""
TIMEOUT = 10.0
"""Seconds that one question to a source may take, retries included."""

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Retries = Annotated[int, msgspec.Meta(ge=0)]
T = TypeVar("T")


class Passing(OutOfReach):
    """It may be over at the next try."""


def patiently(act: Callable[[float], T], *, timeout: float, retries: int = RETRIES) -> T:
    """`act(seconds that are left)`, tried again where it raises `Passing`, all within `timeout` seconds."""
    from tenacity import (
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        stop_after_delay,
        wait_random_exponential,
    )

    ends = monotonic() + timeout
    retried = Retrying(
        retry=retry_if_exception_type(Passing),
        wait=wait_random_exponential(multiplier=0.1, max=1.0),
        stop=stop_after_attempt(retries + 1) | stop_after_delay(timeout),
        reraise=True,
    )
    return retried(lambda: act(max(ends - monotonic(), 0.001)))
