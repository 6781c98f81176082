"""An AWS account with an Application Load Balancer, as moto makes it: its API and nothing behind it, so no traffic.

moto is laxer than AWS: it takes weights above 999 and below 0, and rules whose weights are all 0. What AWS refuses is
refused by mlship itself, before it is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mlship.drivers.balancer.alb import AlbDriver
from mlship.drivers.base import Opening
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.pool import Pool
from mlship.plan.routing import all_to
from tests.ports import free_port
from tests.support.site import CLOCK, ask

REGION = "eu-west-1"
NUMBERS = count(1)
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": REGION}


@dataclass(kw_only=True)
class Account:
    """moto's server; what it holds outlives its server, as AWS does an outage."""

    port: int = field(default_factory=free_port)
    server: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    def clear(self) -> None:
        """Nothing is left of it for the next one in this process."""
        if self.server is None:
            self.start()
        assert ask(self.port, "/moto-api/reset", body=b"").status == 200
        self.stop()

    @contextmanager
    def user(self, *allowed: str) -> Iterator[None]:
        """The AWS SDK finds a user who may do that and nothing else; drivers from before go on as they were."""
        iam, name = self.client("iam"), f"user-{next(NUMBERS)}"
        iam.create_user(UserName=name)
        policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": allowed, "Resource": "*"}}
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
            patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
            with self.checking():
                yield

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Who asks has to be known, and may do what a policy allows."""
        assert ask(self.port, "/moto-api/reset-auth", body=b"0").status == 200
        try:
            yield
        finally:
            assert ask(self.port, "/moto-api/reset-auth", body=b"inf").status == 200

    def client(self, service: str = "elbv2") -> Any:
        import boto3

        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="x"
        )


@dataclass(kw_only=True)
class AlbSite:
    """A service behind a load balancer: a listener, a rule of it, and a target group for each model."""

    account: Account
    folder: Path
    listener: str
    rule: str
    groups: dict[str, str]
    by_rule: bool = True

    @property
    def models(self) -> dict[str, Model]:
        return {
            name: Model(name=name, health=Health(within=1.0), pool=Pool(target_group=arn))
            for name, arn in self.groups.items()
        }

    @property
    def settings(self) -> dict[str, object]:
        return {"rule-arn": self.rule} if self.by_rule else {"listener-arn": self.listener}

    def open(self, fence: int | None = 1, **models: Model) -> AlbDriver:
        """The service's driver."""
        spec = DriverSpec(name="alb", settings=self.settings)
        return AlbDriver(
            Opening(
                service="scorer", spec=spec, models=models or self.models, fence=fence, state=self.folder, clock=CLOCK
            )
        )

    def up(self, *models: str) -> AlbDriver:
        """The driver, with these models ready and everything on the first."""
        driver = self.open()
        for model in models:
            driver.ensure(model, 1)
        driver.route(all_to(models[0]))
        return driver

    @property
    def actions(self) -> Sequence[Mapping[str, Any]]:
        elb = self.account.client()
        if self.by_rule:
            return list(elb.describe_rules(RuleArns=[self.rule])["Rules"][0]["Actions"])
        return list(elb.describe_listeners(ListenerArns=[self.listener])["Listeners"][0]["DefaultActions"])

    @property
    def weights(self) -> dict[str, int]:
        """Model, or ARN of another group → weight."""
        names = {arn: name for name, arn in self.groups.items()}
        forward = next(action for action in self.actions if action["Type"] == "forward")
        groups = forward["ForwardConfig"]["TargetGroups"]
        return {names.get(group["TargetGroupArn"], group["TargetGroupArn"]): group["Weight"] for group in groups}

    def forward(self, weights: Mapping[str, int], *, sticky: int = 0) -> None:
        """Somebody else changes the rule."""
        groups = [{"TargetGroupArn": self.groups.get(name, name), "Weight": weight} for name, weight in weights.items()]
        config: dict[str, Any] = {"TargetGroups": groups}
        if sticky:
            config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": sticky}
        self.account.client().modify_rule(RuleArn=self.rule, Actions=[{"Type": "forward", "ForwardConfig": config}])

    def group(self, name: str, *targets: str) -> str:
        """A further target group; its ARN."""
        elb = self.account.client()
        vpc = self.account.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        made = elb.create_target_group(Name=name, Protocol="HTTP", Port=8000, VpcId=vpc, TargetType="ip")
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        if targets:
            elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": target, "Port": 8000} for target in targets])
        return arn


@contextmanager
def alb_site(folder: Path) -> Iterator[AlbSite]:
    """v1 and v2 with a target each, `sick` without; the rule and the listener forward to v1 alone."""
    with running() as account:
        yield made_in(account, folder)


@contextmanager
def running() -> Iterator[Account]:
    """An empty account, which the AWS SDK finds."""
    account = Account()
    account.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": account.url}.items():
            patch.setenv(name, value)
        try:
            yield account
        finally:
            account.clear()


def made_in(account: Account, folder: Path) -> AlbSite:
    """A load balancer of its own, in an account that may have others."""
    number = next(NUMBERS)
    elb = account.client()
    subnets = [each["SubnetId"] for each in account.client("ec2").describe_subnets()["Subnets"]][:2]
    balancer = elb.create_load_balancer(Name=f"lb-{number}", Subnets=subnets)["LoadBalancers"][0]
    site = AlbSite(account=account, folder=folder, listener="", rule="", groups={})
    for name, targets in (("v1", ["192.0.2.1"]), ("v2", ["192.0.2.2"]), ("sick", [])):
        site.groups[name] = site.group(f"{name}-{number}", *targets)
    forward = [{"Type": "forward", "TargetGroupArn": site.groups["v1"]}]
    made = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=forward
    )
    site.listener = made["Listeners"][0]["ListenerArn"]
    path = [{"Field": "path-pattern", "Values": ["/predict"]}]
    ruled = elb.create_rule(ListenerArn=site.listener, Conditions=path, Priority=1, Actions=forward)
    site.rule = ruled["Rules"][0]["RuleArn"]
    return site
