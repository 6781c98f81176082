"""Elastic Load Balancing: the few calls that are needed, and every error of theirs as one of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from mlship.errors import MlshipError, OutOfReach, RoutingRefused, UsageError

CONNECT_WITHIN = 3.0
ANSWERS_WITHIN = 10.0
"""Seconds that one try of a call may take."""
TRIES = 2
"""Of each call, by botocore itself: all of them may be repeated."""

ABSENT = frozenset({"RuleNotFound", "ListenerNotFound", "TargetGroupNotFound"})
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
UNKNOWN = frozenset({"ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "AuthFailure"})

Action = Mapping[str, Any]


class Api:
    """One rule, or one listener's default action."""

    def __init__(self, *, arn: str, region: str, profile: str) -> None:
        self.arn = arn
        self._region = region
        self._profile = profile

    @property
    def by_rule(self) -> bool:
        """It is a rule."""
        return ":listener-rule/" in self.arn

    def actions(self) -> Sequence[Action]:
        """What it does with a request.

        Raises:
            OutOfReach: AWS does not answer.
            UsageError: there is no such rule or listener, or it may not be looked at.
        """
        if self.by_rule:
            found: Sequence[Action] = self._call("describe_rules", RuleArns=[self.arn])["Rules"][0]["Actions"]
        else:
            found = self._call("describe_listeners", ListenerArns=[self.arn])["Listeners"][0]["DefaultActions"]
        return found

    def act(self, actions: Sequence[Action]) -> None:
        """Have it do that.

        Raises:
            OutOfReach: AWS does not answer.
            RoutingRefused: AWS does not take it.
            UsageError: it may not be changed.
        """
        if self.by_rule:
            self._call("modify_rule", RuleArn=self.arn, Actions=actions)
        else:
            self._call("modify_listener", ListenerArn=self.arn, DefaultActions=actions)

    def health(self, group: str) -> Sequence[Mapping[str, Any]]:
        """The targets of a group, and how AWS finds them.

        Raises:
            OutOfReach: AWS does not answer.
            UsageError: there is no such group, or it may not be looked at.
        """
        told = self._call("describe_target_health", TargetGroupArn=group)
        found: Sequence[Mapping[str, Any]] = told["TargetHealthDescriptions"]
        return found

    def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(**parameters)
        except ClientError as error:
            raise self._answered(error.response["Error"], operation) from error
        except BotoCoreError as error:
            hint = "`aws sts get-caller-identity` says whether AWS can be reached, and whom it takes you for"
            raise OutOfReach(f"AWS does not answer: {' '.join(str(error).split())}", hint=hint) from error
        return answer

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        import boto3
        from botocore.config import Config

        retries = {"mode": "standard", "total_max_attempts": TRIES}
        config = Config(
            retries=retries, connect_timeout=CONNECT_WITHIN, read_timeout=ANSWERS_WITHIN, user_agent_extra="mlship"
        )
        session = boto3.Session(profile_name=self._profile or None, region_name=self._region)
        return session.client("elbv2", config=config)

    def _answered(self, error: Mapping[str, str], operation: str) -> MlshipError:
        code, text = error.get("Code", ""), " ".join(error.get("Message", "").split())
        told = f"AWS says {code} to {operation}: {text}"
        if code in ABSENT:
            return UsageError(told, hint="check the ARNs in the plan, and their region")
        if code in DENIED:
            return UsageError(told, hint=f"allow elasticloadbalancing:{operation.title().replace('_', '')}")
        if code in UNKNOWN:
            return OutOfReach(told, hint="renew the credentials; AWS_PROFILE or `profile` names others")
        refused = operation.startswith("modify")
        return (RoutingRefused if refused else OutOfReach)(told, hint="the rule is as it was")
