"""`mlship init`: a plan to start from, for one strategy."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from mlship.errors import UsageError


class Strategy(StrEnum):
    """Strategies that `init` writes a plan for."""

    CANARY = "canary"
    SHADOW = "shadow"
    AB = "ab"
    BANDIT = "bandit"
    FEATURE_FLAG = "feature-flag"
    BLUE_GREEN = "blue-green"
    ROLLING = "rolling"
    RECREATE = "recreate"


class Backend(StrEnum):
    """Drivers that `init` writes a plan for."""

    PROCESS = "process"
    DOCKER = "docker"
    CADDY = "caddy"
    ENVOY = "envoy"
    HAPROXY = "haproxy"
    NGINX = "nginx"
    SAGEMAKER = "sagemaker"
    TRAEFIK = "traefik"
    ALB = "alb"
    REST = "rest"


PARTS = {
    Backend.PROCESS: "commands",
    Backend.DOCKER: "images",
    Backend.CADDY: "servers",
    Backend.ENVOY: "clusters",
    Backend.HAPROXY: "backends",
    Backend.NGINX: "servers",
    Backend.SAGEMAKER: "images and role",
    Backend.TRAEFIK: "services",
    Backend.ALB: "target groups",
    Backend.REST: "servers",
}
"""What a model of the plan is named by."""

HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# `mlship schema > plan.v1.json`, with that name in the line above, makes your editor complete and explain each key.
version: 1
service: {service}
driver:
{driver}models:
  v1:                                       # what serves now
{v1}    health: /v2/health/ready                # GET answers 2xx once a replica can serve
    replicas: {replicas}
  v2:                                       # what is to replace it
{v2}    health: /v2/health/ready
    replicas: {replicas}
live: v1
"""

DRIVERS = {
    Backend.PROCESS: """\
  process: { listen: "127.0.0.1:8080" }     # where your users send their requests
""",
    Backend.DOCKER: """\
  docker:                                   # the daemon that `docker` talks to: DOCKER_HOST, else the current context
    listen: "127.0.0.1:8080"                # on the daemon's host: where your users send their requests
    # context: production                   # another daemon, by its Docker context
""",
}

MODELS = {
    Backend.PROCESS: (
        """\
    command: [python, serve.py, --model, model-v1, --port, "{port}"]
""",
        """\
    command: [python, serve.py, --model, model-v2, --port, "{port}"]
""",
    ),
    Backend.DOCKER: (
        """\
    image: "model:1"                        # pulled if it is missing, and pinned to its digest
    # build: models/v1                      # or the folder of a Dockerfile, instead of `image`
    port: 8000                              # where it listens in its container, on all addresses; also in $PORT
    resources: { cpus: 1, memory: 1GiB }    # the most that a replica may take: `mlship plan` tells whether all fit
    # env: { LOG_LEVEL: info }              # `docker inspect` shows these
    # secrets: { token: "${env:MODEL_TOKEN}" }  # the file /run/secrets/token; not shown
""",
        """\
    image: "model:2"
    port: 8000
    resources: { cpus: 1, memory: 1GiB }
""",
    ),
}

GATES = """\
gates:
  no-more-errors: { metric: error_rate, no-worse-than: live, margin: 1% }
  not-slower: { metric: latency_p95, no-worse-than: live, margin: 5% }
"""

STAGES = {
    Strategy.CANARY: """\
# assign-by: header:x-user-id               # keep each user on one model; without it every request is drawn anew
{gates}stages:
  - strategy: canary
    weights: [1%, 5%, 25%, 50%]             # 100 % follows once the last of them has proven "not worse"
    hold: 10m                               # least time at each weight
    gates: [no-more-errors, not-slower]
""",
    Strategy.FEATURE_FLAG: """\
assign-by: header:x-user-id                 # who a user is
stages:
  - strategy: feature-flag
    rules:                                  # the first that matches decides; `mlship flag` changes them meanwhile
      - never: { header: { x-tier: free } }
      - { header: { x-beta: "yes" } }
      - { percentage: 5% }                  # of everybody else; always the same users
    hold: 1d                                # least time under these rules
    gates: [{ metric: error_rate, max: 5% }]
  - strategy: canary                        # begins without the rules, and compares the two models
    weights: [10%, 50%]
    hold: 10m
""",
    Strategy.SHADOW: """\
capture:
  prediction: outputs[0].data[0]            # where the prediction stands in an answer (JMESPath)
gates:
  no-more-errors: { metric: error_rate, no-worse-than: live, margin: 1% }
  not-slower: { metric: latency_p95, no-worse-than: live, margin: 5% }
  agrees: { metric: agreement, min: 90% }   # with v1, on the same requests
  # Once you tell what was right (`mlship outcome`, or the router's /_mlship/feedback):
  # right-more-often: { metric: accuracy, better-than: live }
stages:
  - strategy: shadow
    mirror: { v2: 100% }                    # copies of live requests; users only ever see v1's answers
    hold: 30m                               # least time with copies
    gates: [no-more-errors, not-slower, agrees]
  - strategy: canary
    weights: [5%, 25%, 50%]
    hold: 10m
    gates: [no-more-errors, not-slower]
""",
    Strategy.AB: """\
candidate: v2
assign-by: header:x-user-id                 # who a user is: each counts once, and stays with one model
metrics:
  conversion:                               # your application reports it by the id that each answer carries:
    outcome: reward                         # curl "http://127.0.0.1:8080/_mlship/feedback?request_id=ID&name=reward&value=1"
    within: 30m                             # after a user's first request
    # Or asked of a system that knows it: prometheus, cloudwatch, http, sql or command in place of `outcome`.
gates:
  no-more-errors: { metric: error_rate, no-worse-than: live, margin: 1% }
stages:
  - strategy: ab
    split: { live: 50%, candidate: 50% }
    goal: conversion
    alpha: 5%                               # most probability of promoting a model that is not better
    baseline: 10%                           # what v1 is expected to have, and the difference that matters:
    minimal-effect: 2%                      # `mlship plan` tells how many users it takes
    hold: 7d                                # the days of a week are not alike
    at-most: 28d
    at-deadline: rollback                   # nothing proven: v1 stays
    gates: [no-more-errors]
  - strategy: blue-green
    bake: 1h
""",
    Strategy.BANDIT: """\
metrics:
  conversion:                               # your application reports it by the id that each answer carries:
    outcome: reward                         # curl "http://127.0.0.1:8080/_mlship/feedback?request_id=ID&name=reward&value=1"
    within: 30m                             # after the request; with `assign-by`, after a user's first
    # Or asked of a system that knows it: prometheus, cloudwatch, http, sql or command in place of `outcome`.
gates:
  no-more-errors: { metric: error_rate, no-worse-than: live, margin: 1% }
stages:
  - strategy: bandit
    arms: [live, v2]                        # add models above, and here
    goal: conversion
    every: 10m                              # least time between two changes of the weights
    batch: 500                              # least requests between two changes
    floor: 10%                              # that each arm keeps
    burn-in: 500                            # requests of each arm before the weights move
    stop: evidence                          # one arm is proven better than each other one
    hold: 1d
    at-most: 14d
    gates: [no-more-errors]                 # an arm that fails loses its users at once
""",
    Strategy.BLUE_GREEN: """\
stages:
  - strategy: blue-green
    preview: header:x-preview=green         # requests with this header reach v2 before everybody else does
    hold: 5m                                # time to try it on the side
    bake: 1h                                # v1 stays warm, the guards go on
""",
    Strategy.ROLLING: """\
{gates}stages:
  - strategy: rolling
    batch: 1                                # replicas replaced at a time
    surge: 1                                # replicas above the usual number meanwhile
    unavailable: 0                          # replicas below it
    hold: 2m                                # least time after each batch
    gates: [no-more-errors, not-slower]
""",
    Strategy.RECREATE: """\
stages:
  - strategy: recreate                      # v1 stops before v2 starts: users get 503 meanwhile, measured and reported
    bake: 10m
""",
}

COUNTED_SHADOW = """\
gates:
  no-more-errors: { metric: error_rate, no-worse-than: live, margin: 1% }
  not-slower: { metric: latency_p95, no-worse-than: live, margin: 5% }
stages:
  - strategy: shadow
    mirror: { v2: 100% }                    # copies of live requests; users only ever see v1's answers
    hold: 30m                               # least time with copies
    gates: [no-more-errors, not-slower]     # what it answers is not kept: drivers docker and process compare that, too
  - strategy: canary
    weights: [5%, 25%, 50%]
    hold: 10m
    gates: [no-more-errors, not-slower]
"""
"""Strategy shadow where copies are counted and their answers are not kept."""

TAIL = """\
guards:                                     # judged in every step; one that fails rolls back
  - { metric: error_rate, max: 5%, for: 10s }
"""


def text(strategy: Strategy, *, service: str, file: str, driver: Backend = Backend.PROCESS) -> str:
    """The plan as text.

    Raises:
        UsageError: the driver cannot do that.
    """
    stages = STAGES[strategy].replace("{gates}", GATES)
    if driver not in DRIVERS:
        folder = "mlship.drivers" if driver is Backend.SAGEMAKER else "mlship.drivers.balancer"
        draft = import_module(f"{folder}.{driver}.draft")
        if strategy not in draft.STRATEGIES:
            hint = f"it has them for {', '.join(draft.STRATEGIES)}; drivers with plans for all: docker, process"
            raise UsageError(f"`init` has no plan for {strategy} with driver {driver}", hint=hint)
        head: str = draft.head(service=service, file=file)
        lines: str = draft.configuration(service)
        # One whose balancer counts nothing is judged by other numbers.
        course = getattr(draft, "course", None)
        if strategy is not Strategy.SHADOW:
            return head + (course(strategy) if course else stages + TAIL) + lines
        shadowed: str = draft.shadowed(head + COUNTED_SHADOW + TAIL + lines, service=service)
        return shadowed
    v1, v2 = MODELS[driver]
    replicas = 3 if strategy is Strategy.ROLLING else 1
    contained = HEAD.format(service=service, file=file, replicas=replicas, driver=DRIVERS[driver], v1=v1, v2=v2)
    return contained + stages + TAIL


def init(
    file: Annotated[Path, typer.Argument(help="Where to write; - prints it.")] = Path("plan.yaml"),
    strategy: Annotated[Strategy, typer.Option("--strategy", "-s", help="How v2 replaces v1.")] = Strategy.CANARY,
    driver: Annotated[Backend, typer.Option("--driver", "-d", help="Where the models run.")] = Backend.PROCESS,
    service: Annotated[str, typer.Option("--service", help="Name that every other command takes.")] = "my-model",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a commented plan to start from."""
    from mlship.plan.name import check_name

    check_name(service)
    if str(file) == "-":
        typer.echo(text(strategy, service=service, file="plan.yaml", driver=driver), nl=False)
        return
    content = text(strategy, service=service, file=str(file), driver=driver)
    try:
        with file.open("w" if force else "x", encoding="utf-8") as handle:
            handle.write(content)
    except FileExistsError as error:
        raise UsageError(f"{file} exists", hint="give another name, or --force to overwrite it") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}", hint="give another place") from error
    typer.echo(f"wrote {file}; now put your models' {PARTS[driver]} into it and run `mlship validate {file}`")
