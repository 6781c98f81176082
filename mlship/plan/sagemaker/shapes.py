"""What AWS says of its fields. botocore checks a call for what is missing and too small, and leaves the rest to AWS."""

from __future__ import annotations

import re
from functools import cache
from typing import Any


@cache
def _service() -> Any:  # noqa: ANN401 - botocore has no types
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def amiss(shape: str, value: str | float) -> str:
    """What AWS expects instead of the value, in words; empty: it takes it. `shape` is a name of botocore's model."""
    found = _service().shape_for(shape)
    size = value if found.type_name in {"integer", "float", "long", "double"} else len(str(value))
    told = found.metadata
    if "enum" in told and value not in told["enum"]:
        return _known(str(value), told["enum"])
    if "pattern" in told and not re.fullmatch(_python(told["pattern"]), str(value)):
        return _WORDS.get(shape, f"expected what matches {told['pattern']}")
    if not told.get("min", size) <= size <= told.get("max", size):
        unit = "" if isinstance(value, int | float) else " characters"
        return f"expected {told.get('min', 0)} to {told.get('max', 'any')}{unit}"
    return ""


_NAME = "expected letters, digits and inner hyphens, 63 at most"
_WORDS = {
    "EndpointName": _NAME,
    "VariantName": _NAME,
    "ModelName": _NAME,
    "RoleArn": "expected the ARN of a role such as arn:aws:iam::123456789012:role/fraud-endpoint",
    "ContainerImage": "expected the address of an image, without spaces, 255 characters at most",
}


def _known(value: str, names: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(value, names, n=3)
    meant = f": {' or '.join(close)}?" if close else f"; AWS has {len(names)} of them"
    return f"AWS knows no {value} here{meant} (newer ones need a newer boto3)"


def _python(pattern: str) -> str:
    """The pattern as Python takes it: AWS's own are of Java's kind."""
    return pattern.replace(r"\p{L}", r"[^\W\d_]").replace(r"\p{Z}", r"\s").replace(r"\p{N}", r"\d")
