"""What a plan says of a balancer's REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mlship.drivers.balancer.wholes import Scale
from mlship.plan.units import seconds


class Written(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """As the plan writes it."""


class NodeSettings(Written, frozen=True, kw_only=True):
    """One balancer."""

    url: str
    """Of its API; may hold ${env:NAME}."""
    users: str = ""
    """Where it takes the requests of users."""


class Auth(Written, frozen=True, kw_only=True):
    """How the API knows who asks; values hold ${env:NAME}."""

    type: Literal["none", "header", "basic", "bearer"] = "none"
    header: str = ""
    value: str = ""
    user: str = ""
    password: str = ""
    token: str = ""


class Extract(Written, frozen=True, kw_only=True):
    """Where a text or a number stands in a reply."""

    json: str = ""
    header: str = ""
    regex: str = ""
    """Its first group."""
    zero_if: str = ""
    """Where this regular expression is found, a weight is 0 whatever else is said of it."""
    default: int | None = None


Where = str | Extract
"""A text is JMESPath."""


class Request(Written, frozen=True, kw_only=True):
    """A template."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    json: Any | UnsetType = UNSET
    form: Mapping[str, str] | UnsetType = UNSET
    text: str | UnsetType = UNSET
    lines: str | UnsetType = UNSET
    """A line of the body for each server whose weight is not 0."""


class Prepared(Written, frozen=True, kw_only=True):
    """A request before each reading and each change."""

    request: Request
    capture: Mapping[str, Where] = {}


class Read(Written, frozen=True, kw_only=True):
    """How the weights are had."""

    request: Request
    weight: Where
    rest_of: str = ""
    """The model that has what the other one leaves of `total`."""
    token: Where = ""


class Write(Written, frozen=True, kw_only=True):
    """How they are set."""

    request: Request
    for_each: Literal["", "model", "server"] = ""
    request_zero: Request | None = None
    ok: tuple[int, ...] = tuple(range(200, 300))
    conflict: tuple[int, ...] = (409, 412)


class Verify(Written, frozen=True, kw_only=True):
    """How long a change may take."""

    within: str | int = "2s"
    every: str | int = "50ms"


class Probe(Written, frozen=True, kw_only=True):
    """Requests of users, which tell who answers."""

    who: Where
    """Where an answer tells which model it is of."""
    path: str = "/"
    requests: int = 400
    headers: Mapping[str, str] = {}
    answers: Mapping[str, str] = {}
    """Model → what its answers tell, where that is not the name of its backend."""


class Settings(Written, frozen=True, kw_only=True):
    """The driver's settings."""

    nodes: tuple[NodeSettings, ...]
    write: Write
    read: Read | None = None
    probe: Probe | None = None
    prepare: tuple[Prepared, ...] = ()
    verify: Verify = Verify()
    scale: Scale = Scale()
    auth: Auth = Auth()
    vars: Mapping[str, Any] = {}
    timeout: str | int = "2s"
    retries: int = 2
    listen: str = ""

    @property
    def patience(self) -> float:
        """Seconds that one request may take."""
        return seconds(self.timeout)


def settings_of(told: Mapping[str, Any]) -> Settings:
    """The settings of a checked plan."""
    return msgspec.convert(told, Settings)
