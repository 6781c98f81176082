"""What a plan of the right shape may still get wrong about an AWS Application Load Balancer."""

from __future__ import annotations

from mlship.plan.able import bandit
from mlship.plan.balancer.asked import splits
from mlship.plan.balancer.countless import check_requests
from mlship.plan.balancer.rest import NO_BANDIT, check_exact
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps

MOST_WEIGHT = 999
"""Of a target group; AWS's own limit, and 0 the least."""
MOST_GROUPS = 5
"""Target groups that a rule may forward to."""
WHOLE_RULE = MOST_WEIGHT * MOST_GROUPS
"""The most that the weights of a rule come to together."""


def check_alb(draft: Draft) -> None:
    """Add every fault of the driver's settings, of the models and of the stages."""
    at: Steps = ("driver", "alb")
    _where(draft, at)
    _groups(draft)
    check_requests(draft, "alb")
    for stage in draft.places("stages"):
        if draft.value(*stage, "strategy") == "bandit":
            draft.fault((*stage, "strategy"), NO_BANDIT, bandit(draft, stage))
        for path, shares in splits(draft, stage):
            check_exact(draft, path, shares, dict.fromkeys(shares, 1), most=MOST_WEIGHT, whole=WHOLE_RULE)


def _where(draft: Draft, at: Steps) -> None:
    rule, listener = (draft.has(*at, key) for key in ("rule-arn", "listener-arn"))
    if rule and listener:
        draft.fault((*at, "listener-arn"), "there is a `rule-arn` already", "keep one of them", at_key=True)
    elif isinstance(draft.value(*at), dict) and not rule and not listener:
        hint = "add `rule-arn`, or `listener-arn` for the default action of a listener"
        draft.fault(at, "nothing says which rule forwards to the target groups", hint, at_key=True)
    arn, region = draft.value(*at, "rule-arn") or draft.value(*at, "listener-arn"), draft.value(*at, "region")
    if isinstance(arn, str) and region is not None and arn.split(":")[3] != region:
        draft.fault((*at, "region"), f"the ARN is one of {arn.split(':')[3]}", "remove it")


def _groups(draft: Draft) -> None:
    taken: dict[str, str] = {}
    names = draft.names("models")
    for name in names:
        path: Steps = ("models", name)
        for key in ("backend", "servers"):
            if draft.has(*path, key):
                draft.fault((*path, key), "an ALB knows target groups", "name it in `target-group`", at_key=True)
        group = draft.value(*path, "target-group")
        if not draft.has(*path, "target-group"):
            draft.fault(path, "`target-group` is missing", "add its ARN", at_key=True)
        elif group in taken:
            hint = "give each model a target group of its own"
            draft.fault((*path, "target-group"), f"is the target group of {taken[group]}", hint)
        taken.setdefault(group, name)
    if len(names) > MOST_GROUPS:
        hint = "leave those out that are not rolled out"
        draft.fault(("models",), f"a rule forwards to at most {MOST_GROUPS} target groups", hint, at_key=True)
