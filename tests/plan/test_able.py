"""Which driver can carry out which plan: refusals name those that can, and those can."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from mlship.plan.fault import PlanError
from tests.plan.reading import read

REST = """{ nodes: [{ url: "http://a" }], scale: { total: 10000 }, read: { request: { path: /r }, weight: w },
  write: { request: { method: PUT, path: /w, json: "{{weight}}" } } }"""
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"

DRIVERS: Mapping[str, tuple[str, str]] = {
    "alb": (f'{{ rule-arn: "{ARN}:listener-rule/app/e/1/2/3" }}', f'{{ target-group: "{ARN}:targetgroup/$/1" }}'),
    "caddy": ('{ admin: "a:1", log: /l }', '{ servers: ["$:1"] }'),
    "docker": ('{ listen: "127.0.0.1:80" }', '{ image: "$:1", port: 80 }'),
    "envoy": ('{ admin: "a:1" }', "{}"),
    "haproxy": ("{ socket: /s, mirror: true }", "{}"),
    "haproxy weights": ("{ socket: /s, layout: weights, backend: b, state-file: /f }", "{ servers: [$] }"),
    "nginx": ('{ include: /i, status: "http://a/s", log: /l, mirror: true }', '{ servers: ["$:1"] }'),
    "process": ('{ listen: "127.0.0.1:80" }', '{ command: [serve, "{port}"] }'),
    "rest": (REST, '{ servers: ["$:1"] }'),
    "traefik": ('{ api: "http://a", file: /f }', "{}"),
}
"""Driver → (its settings, those of a model; $ is its name)."""

PLANS: Mapping[str, tuple[str, str]] = {
    "canary": ("", "strategy: canary, weights: [10%, 50%]"),
    "a share of 0.01%": ("", "strategy: canary, weights: [0.01%]"),
    "blue-green": ("", "strategy: blue-green"),
    "canary that users stay in": ("assign-by: header:x-user", "strategy: canary, weights: [10%]"),
    "A/B test": ("assign-by: header:x-user", "strategy: ab, split: { v1: 50%, v2: 50% }, goal: revenue"),
    "bandit": ("", "strategy: bandit, arms: [v1, v2], goal: revenue"),
    "shadow": ("", "strategy: shadow, mirror: { v2: 10% }"),
    "flag by a header": ("", 'strategy: feature-flag, rules: [{ header: { x-preview: "yes" } }]'),
    "flag by a percentage": ("assign-by: header:x-user", "strategy: feature-flag, rules: [{ percentage: 10% }]"),
    "flag by users": ("assign-by: header:x-user", "strategy: feature-flag, rules: [{ users: [ann] }]"),
    "recreate": ("", "strategy: recreate"),
    "rolling": ("", "strategy: rolling"),
}

OWN = {"docker", "process"}
USERS = OWN | {"haproxy", "nginx"}
FOLLOWING = USERS | {"caddy", "envoy", "traefik"}
CAN: Mapping[str, set[str]] = {
    "canary": {*DRIVERS},
    "a share of 0.01%": {*DRIVERS} - {"alb", "caddy", "haproxy weights"},
    "blue-green": {*DRIVERS},
    "canary that users stay in": USERS,
    "A/B test": USERS,
    "bandit": USERS | {"envoy", "traefik"},
    "shadow": FOLLOWING - {"caddy"},
    "flag by a header": FOLLOWING,
    "flag by a percentage": USERS,
    "flag by users": OWN,  # haproxy and nginx keep users, which is what is asked first, and know none by name
    "recreate": FOLLOWING,
    "rolling": OWN,
}
"""Plan → the drivers that carry it out."""


def text(driver: str, asked: str) -> str:
    """A plan that asks for that, on that driver, judged by a number of its own."""
    settings, model = DRIVERS[driver]
    more, stage = PLANS[asked]
    return f"""\
version: 1
service: scorer
driver: {{ {driver.partition(" ")[0]}: {settings} }}
models: {{ v1: {model.replace("$", "v1")}, v2: {model.replace("$", "v2")} }}
live: v1
metrics: {{ revenue: {{ command: {{ run: [revenue] }} }}, level: {{ command: {{ run: [level] }} }} }}
gates: {{ low: {{ metric: level, max: 5 }} }}
guards: [low]
{more}
stages: [{{ {stage}, gates: [low] }}]
"""


def refusals(driver: str, asked: str) -> list[str]:
    """What stands against it."""
    try:
        read(text(driver, asked))
    except PlanError as error:
        return [str(fault) for fault in error.faults]
    return []


@pytest.mark.parametrize("asked", PLANS)
@pytest.mark.parametrize("driver", DRIVERS)
def test_what_a_driver_can(driver: str, asked: str) -> None:
    """It takes the plan, or says why not, and whoever it names instead does; or what to change."""
    told = refusals(driver, asked)

    assert (not told) == (driver in CAN[asked]), told
    named = [name for lists in re.findall(r"drivers [a-z ]+: ([a-z, ]+)", " ".join(told)) for name in lists.split(", ")]
    assert not told or named or "say `layout: map`" in told[0]
    assert {*named} - {"memory", "sagemaker"} <= (CAN[asked] if asked != "flag by users" else USERS)
