"""AWS: one session, its clients made at first use, and every error of theirs as one of ours.

botocore repeats what was throttled or not answered (its own mode, pinned here): nobody repeats that again.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from mlship.errors import MlshipError, OutOfReach, UsageError

CONNECT_WITHIN = 5.0
READ_WITHIN = 30.0
"""Seconds; one try of a call may take them."""
ATTEMPTS = 6
"""Tries of one call in all."""

THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})

RENEW = "renew them (`aws sso login`, or your own way), then `mlship resume`; what runs on AWS goes on meanwhile"
WHOSE = "`aws sts get-caller-identity` says whether AWS knows them; AWS_PROFILE or `profile` names others"
LATER = "what runs on AWS goes on as it is; try again"

_ACTIONS = {("s3", "ListObjectsV2"): "ListBucket", ("s3", "HeadObject"): "GetObject"}
"""Operations that IAM knows by another name."""
_PREFIXES = {"sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas"}
"""Clients whose actions IAM knows by another prefix."""


class NoAccess(OutOfReach):
    """Credentials are missing, have expired, or are not taken: waiting does not help."""


class Calls(Protocol):
    """Whatever calls AWS, and says its errors as ours."""

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """One call: `operation` as botocore names its methods."""
        ...


class Aws:
    """One account and region. Clients may be used by several threads."""

    def __init__(
        self, *, region: str = "", profile: str = "", attempts: int = ATTEMPTS, read_within: float = READ_WITHIN
    ) -> None:
        self._named = {"region_name": region or None, "profile_name": profile or None}
        self._attempts = attempts
        self._read_within = read_within
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()
        """Calls so far, by operation."""

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """The client of a service.

        Raises:
            UsageError: no region is named, or the profile is not there.
        """
        with self._lock:
            if service not in self._clients:
                with self._answering(service):
                    self._clients[service] = self._made(service)
            return self._clients[service]

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """One call: `operation` as botocore names its methods.

        Raises:
            OutOfReach: no answer, throttled, or credentials that AWS does not take.
            UsageError: a permission is missing, or AWS refuses what it is asked.
        """
        client = self.client(service)
        self.calls[operation] += 1
        with self._answering(service):
            answer: dict[str, Any] = getattr(client, operation)(**parameters)
        return answer

    def streamed(self, body: Any) -> Iterator[bytes]:  # noqa: ANN401 - the body of an answer of S3
        """The chunks of an answer's body.

        Raises:
            OutOfReach: it is cut off.
        """
        with self._answering("s3"):
            yield from body.iter_chunks(1 << 20)

    def refused(self, code: str, text: str) -> MlshipError:
        """What it means that AWS refuses, for another reason than who asks."""
        return UsageError(said(code, text), hint="correct what the plan or the command asks of AWS")

    def _made(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        import boto3
        from botocore.config import Config

        retries: Any = {"mode": "standard", "total_max_attempts": self._attempts}
        config = Config(
            retries=retries,
            connect_timeout=CONNECT_WITHIN,
            read_timeout=self._read_within,
            user_agent_extra="mlship",
        )
        self._session = self._session or boto3.Session(**self._named)
        return self._session.client(service, config=config)

    @contextmanager
    def _answering(self, service: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            yield
        except ClientError as error:
            raise self._answered(error, service) from error
        except (BotoCoreError, HTTPClientError, ValueError) as error:
            raise _unanswered(error) from error

    def _answered(self, error: Any, service: str) -> MlshipError:  # noqa: ANN401 - a ClientError
        told = error.response.get("Error", {})
        code, text = str(told.get("Code", "")), " ".join(str(told.get("Message", "")).split())
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in EXPIRED:
            return NoAccess("the AWS credentials have expired", hint=RENEW)
        if code in UNKNOWN:
            return NoAccess(f"AWS does not take the credentials ({code})", hint=WHOSE)
        if code in DENIED:
            return _denied(text, service, error.operation_name)
        if code in THROTTLED or status >= 500:
            return OutOfReach(said(code, text), hint=LATER)
        return self.refused(code, text)


def said(code: str, text: str) -> str:
    """What AWS says, as a message."""
    return f"AWS says {code}: {text}" if text else f"AWS says {code}"


def _denied(text: str, service: str, operation: str) -> UsageError:
    named = re.search(r"not authorized to perform: ([\w-]+:\w+)", text)
    own = f"{_PREFIXES.get(service, service)}:{_ACTIONS.get((service, operation), operation)}"
    action = named[1] if named else own
    whom = f" ({text})" if text else ""
    return UsageError(f"AWS denies {action}{whom}", hint=f"let the caller's policy allow {action}")


def _unanswered(error: Exception) -> MlshipError:
    from botocore import exceptions as boto

    text = " ".join(str(error).split())
    match error:
        case boto.NoRegionError():
            return UsageError("no AWS region is named", hint="write `region` in the plan, or set AWS_REGION")
        case boto.ProfileNotFound():
            return UsageError(f"AWS: {text}", hint="`aws configure list-profiles` shows those that are there")
        case boto.ParamValidationError():
            return UsageError(f"AWS: {text}", hint="correct it in the plan")
        case boto.NoCredentialsError() | boto.PartialCredentialsError():
            hint = "`aws configure`, AWS_PROFILE, or a role of the machine"
            return NoAccess("there are no AWS credentials", hint=hint)
        case boto.SSOError() | boto.CredentialRetrievalError() | boto.TokenRetrievalError():
            return NoAccess(f"the AWS credentials cannot be had: {text}", hint=RENEW)
        case _:
            return _silent(error, text)


def _silent(error: Exception, text: str) -> OutOfReach:
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        hint = "check the network, and whether the region exists; nothing was changed"
        return OutOfReach(f"AWS is out of reach: {text}", hint=hint)
    return OutOfReach(f"AWS does not answer: {text}", hint=LATER)
