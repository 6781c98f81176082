"""Who asks, what they may do, and how much: STS, IAM's simulation, Service Quotas."""

from __future__ import annotations

import fnmatch
import hashlib

from tests.emulators.sagemaker.errors import ApiError
from tests.emulators.sagemaker.settings import Settings
from tests.emulators.sagemaker.world import ACCOUNT, Asked, Handler, Region, World

CALLER = f"arn:aws:iam::{ACCOUNT}:user/deployer"
QUOTA_NAME = "{} for endpoint usage"


def caller_identity(world: World, region: Region, asked: Asked) -> Asked:
    """GetCallerIdentity, which no policy can deny."""
    return {"UserId": "AIDAEMULATED00000000", "Account": ACCOUNT, "Arn": CALLER}


def simulate(world: World, region: Region, asked: Asked) -> Asked:
    """SimulatePrincipalPolicy for the actions asked about, on the first resource or all."""
    resource = (asked.get("ResourceArns") or ["*"])[0]
    results = []
    for action in asked["ActionNames"]:
        decision = "implicitDeny" if denies(world.settings, action) else "allowed"
        results.append({"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision})
    return {"EvaluationResults": results, "IsTruncated": False}


def list_quotas(world: World, region: Region, asked: Asked) -> Asked:
    """ListServiceQuotas, paged."""
    _only_sagemaker(asked)
    rows = [_quota(world, region, kind) for kind in sorted(world.settings.quotas)]
    first, size = int(asked.get("NextToken", "0")), int(asked.get("MaxResults", 100))
    found: Asked = {"Quotas": rows[first : first + size]}
    return found | ({"NextToken": str(first + size)} if first + size < len(rows) else {})


def get_quota(world: World, region: Region, asked: Asked) -> Asked:
    """GetServiceQuota."""
    _only_sagemaker(asked)
    for kind in world.settings.quotas:
        if _code(kind) == asked["QuotaCode"]:
            return {"Quota": _quota(world, region, kind)}
    raise ApiError(
        "NoSuchResourceException",
        f"The request failed because the specified service quota {asked['QuotaCode']} does not exist.",
    )


def denies(settings: Settings, action: str) -> bool:
    """Whether the caller may not do that."""
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in settings.denied)


def _only_sagemaker(asked: Asked) -> None:
    if asked["ServiceCode"] != "sagemaker":
        raise ApiError(
            "NoSuchResourceException",
            f"The request failed because the specified service {asked['ServiceCode']} does not exist.",
        )


def _code(kind: str) -> str:
    return f"L-{hashlib.sha256(kind.encode()).hexdigest()[:8].upper()}"


def _quota(world: World, region: Region, kind: str) -> Asked:
    return {
        "ServiceCode": "sagemaker",
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": f"arn:aws:servicequotas:{region.name}:{ACCOUNT}:sagemaker/{_code(kind)}",
        "QuotaCode": _code(kind),
        "QuotaName": QUOTA_NAME.format(kind),
        "Value": float(world.settings.quotas[kind]),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


HANDLERS: dict[str, dict[str, Handler]] = {
    "sts": {"GetCallerIdentity": caller_identity},
    "iam": {"SimulatePrincipalPolicy": simulate},
    "service-quotas": {"ListServiceQuotas": list_quotas, "GetServiceQuota": get_quota},
}
