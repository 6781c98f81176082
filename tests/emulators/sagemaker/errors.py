"""What AWS answers instead of a result."""

from __future__ import annotations

import msgspec


class ApiError(Exception):
    """An error in AWS's own form."""

    def __init__(self, code: str, message: str, *, status: int = 400, more: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.more = more or {}
        """Further members of a modelled error."""


class Dropped(Exception):
    """The connection ends without an answer."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is not made from a shape."""

    status: int
    headers: dict[str, str]
    body: bytes


def invalid(message: str) -> ApiError:
    """What the service refuses for its meaning; also what is absent, and what is busy."""
    return ApiError("ValidationException", message)


def absent(kind: str, arn: str) -> ApiError:
    """`kind` is AWS's word: `endpoint`, `endpoint configuration`, `model`."""
    return invalid(f'Could not find {kind} "{arn}".')


def existing(kind: str, arn: str) -> ApiError:
    """The name is taken."""
    return invalid(f'Cannot create already existing {kind} "{arn}".')


def limit(message: str) -> ApiError:
    """A quota is used up."""
    return ApiError("ResourceLimitExceeded", message)
