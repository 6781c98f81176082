"""AWS as the driver calls it: what SageMaker refuses has a meaning of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from mlship.drivers.sagemaker.messages import KINDS, meaning
from mlship.errors import MlshipError, ModelNotReady
from mlship.metrics import amazon


def aws_of(*, region: str, profile: str, attempts: int) -> Aws:
    """The account and region that the settings and the environment mean: made once, for clients are slow to make."""
    environment = frozenset(pair for pair in os.environ.items() if pair[0].startswith("AWS_"))
    return _aws_of(region, profile, attempts, environment)


@cache
def _aws_of(region: str, profile: str, attempts: int, environment: frozenset[tuple[str, str]]) -> Aws:
    del environment
    return Aws(region=region, profile=profile, attempts=attempts)


class Aws(amazon.Aws):
    """One account and region."""

    @property
    def region(self) -> str:
        """The region that calls go to.

        Raises:
            MlshipError: none is named, or the profile is not there.
        """
        return str(self.client("sagemaker").meta.region_name)

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

    def refused(self, code: str, text: str) -> MlshipError:
        """Busy, Absent, Existing or Refused by what SageMaker says; ModelNotReady where a quota is used up."""
        if code == "ResourceLimitExceeded":
            hint = "ask for more in Service Quotas, use another instance type, or fewer replicas"
            return ModelNotReady(f"an AWS quota is used up: {text}", hint=hint)
        kind = KINDS[meaning(text)]
        return kind(amazon.said(code, text), hint="`mlship doctor` says what is there", text=text)
