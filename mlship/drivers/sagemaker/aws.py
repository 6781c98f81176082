"""AWS: one session, its clients made at first use, and every error of theirs as one of ours.

botocore repeats what was throttled or not answered (its own mode, pinned here): nobody repeats that again.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mlship.drivers.sagemaker.messages import KINDS, NoAccess, meaning
from mlship.errors import MlshipError, ModelNotReady, OutOfReach, UsageError

CONNECT_WITHIN = 5.0
READ_WITHIN = 30.0
"""Seconds; one try of a call may take them."""

THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException"}
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN = frozenset(
    {"UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSignatureException"}
    | {"AuthFailure", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "InvalidAccessKeyId"}
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})

RENEW = "renew them (`aws sso login`, or your own way), then `mlship resume`; the endpoint goes on meanwhile"
WHOSE = "`aws sts get-caller-identity` says whether AWS knows them; AWS_PROFILE or `profile` names others"
LATER = "the endpoint goes on as it is; try again"

IAM_PREFIX = {"sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas"}
"""Clients whose actions IAM knows by another prefix."""


class Aws:
    """One account and region. Clients may be used by several threads."""

    def __init__(self, *, region: str = "", profile: str = "", attempts: int = 6) -> None:
        self._named = {"region_name": region or None, "profile_name": profile or None}
        self._attempts = attempts
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()
        """Calls so far, by operation."""

    @property
    def region(self) -> str:
        """The region that calls go to.

        Raises:
            MlshipError: none is named, or the profile is not there.
        """
        return str(self.client("sagemaker").meta.region_name)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """The client of a service.

        Raises:
            MlshipError: no region is named, or the profile is not there.
        """
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """One call: `operation` as botocore names its methods.

        Raises:
            Busy, Absent, Existing, Refused: what SageMaker says of names and states.
            ModelNotReady: a quota is used up.
            OutOfReach: no answer, throttled, or credentials that AWS does not take.
            UsageError: a permission is missing, or a parameter is wrong.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client(service)
        self.calls[operation] += 1
        try:
            answer: dict[str, Any] = getattr(client, operation)(**parameters)
        except (ClientError, BotoCoreError) as error:
            raise _mapped(error, service) from error
        return answer

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
        """The items under `key` of every page.

        Raises:
            MlshipError: as `call`.
        """
        token: dict[str, str] = {}
        while True:
            page = self.call(service, operation, **parameters, **token)
            yield from page[key]
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def _made(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            retries={"mode": "standard", "total_max_attempts": self._attempts},
            connect_timeout=CONNECT_WITHIN,
            read_timeout=READ_WITHIN,
            user_agent_extra="mlship",
        )
        try:
            self._session = self._session or boto3.Session(**self._named)
            return self._session.client(service, config=config)
        except (BotoCoreError, ValueError) as error:
            raise _mapped(error, service) from error


def _mapped(error: Exception, service: str) -> MlshipError:
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return _answered(error, service)
    return _unanswered(error)


def _unanswered(error: Exception) -> MlshipError:  # noqa: PLR0911 - one per cause
    from botocore import exceptions as boto

    text = " ".join(str(error).split())
    match error:
        case boto.NoRegionError():
            return UsageError("no AWS region is named", hint="say `region` in the plan's driver, or set AWS_REGION")
        case boto.ProfileNotFound():
            return UsageError(f"AWS: {text}", hint="`aws configure list-profiles` shows those that are there")
        case boto.NoCredentialsError() | boto.PartialCredentialsError():
            return NoAccess(
                "there are no AWS credentials", hint="`aws configure`, AWS_PROFILE, or a role of the machine"
            )
        case boto.ParamValidationError():
            return UsageError(f"AWS: {text}", hint="`mlship validate` says where")
        case boto.SSOError() | boto.CredentialRetrievalError() | boto.TokenRetrievalError():
            return NoAccess(f"the AWS credentials cannot be had: {text}", hint=RENEW)
        case boto.EndpointConnectionError() | boto.ConnectTimeoutError():
            hint = "check the network, and whether the region exists; nothing was changed"
            return OutOfReach(f"AWS is out of reach: {text}", hint=hint)
        case _:
            return OutOfReach(f"AWS does not answer: {text}", hint=LATER)


def _answered(error: Any, service: str) -> MlshipError:  # noqa: ANN401 - a ClientError
    told = error.response.get("Error", {})
    code, text = str(told.get("Code", "")), " ".join(str(told.get("Message", "")).split())
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"AWS says {code}: {text}" if text else f"AWS says {code}"
    if code in EXPIRED:
        return NoAccess("the AWS credentials have expired", hint=RENEW)
    if code in UNKNOWN:
        return NoAccess(f"AWS does not take the credentials ({code})", hint=WHOSE)
    if code in DENIED:
        return _denied(text, f"{IAM_PREFIX.get(service, service)}:{error.operation_name}")
    if code == "ResourceLimitExceeded":
        hint = "ask for more in Service Quotas, use another instance type, or fewer replicas"
        return ModelNotReady(f"an AWS quota is used up: {text}", hint=hint)
    if code in THROTTLED or status >= 500:
        return OutOfReach(said, hint=LATER)
    kind = KINDS[meaning(text)]
    return kind(said, hint="`mlship doctor` says what is there", text=text)


def _denied(text: str, operation: str) -> UsageError:
    named = re.search(r"not authorized to perform: ([\w-]+:\w+)", text)
    action = named[1] if named else operation
    whom = f" ({text})" if text else ""
    return UsageError(
        f"AWS denies {action}{whom}", hint=f"let the caller's policy allow {action}; docs/sagemaker.md has it all"
    )
