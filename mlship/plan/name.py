"""The name of a service outside of a plan, by the rule that plans are checked by."""

from __future__ import annotations

import re

from mlship.errors import UsageError
from mlship.plan.fault import shown
from mlship.plan.schema import shipped_schema


def check_name(service: str) -> None:
    """Refuse what no plan may call its service.

    Raises:
        UsageError: in the words of a plan's fault.
    """
    rule = shipped_schema("plan")["properties"]["service"]
    # Without its `$`, which matches before a last newline, too.
    if not re.fullmatch(rule["pattern"].removesuffix("$"), service):
        raise UsageError(f"service: {rule['errorMessage']}; got {shown(service)}")
