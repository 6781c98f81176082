"""What `init` writes for driver `rest`: a plan with templates to make one's own."""

from __future__ import annotations

STRATEGIES = ("canary", "blue-green")
"""Those that `init` has a plan for."""

_HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# `mlship doctor --plan {file}` asks the balancer whether all of it fits, and changes nothing.
# plans/balancers/ has templates for Apache httpd, APISIX, HAProxy's Data Plane API, Kong and nghttpx.
version: 1
service: {service}
driver:
  rest:
    nodes: [{{ url: "http://127.0.0.1:8001" }}]       # of its API; several that carry the same traffic: one each
    # auth: {{ type: bearer, token: "${{env:BALANCER_TOKEN}}" }}  # or header, or basic
    scale: {{ unit: server, total: 10000 }}           # whole weights that it has: of each server, or of each model
    read:                                           # without a way to read them back: `probe`
      request: {{ path: /servers }}
      weight: "servers[?address=='{{{{each.address}}}}'] | [0].weight"      # JMESPath; or header, or regex
      # token: {{ header: ETag }}                     # so that a change of somebody else is not overwritten
    write:
      # for-each: server                            # where there is no request for all: one each, and no blue-green
      request:
        method: PUT
        path: /servers
        json: {{ servers: "{{{{ servers[].{{address: address, weight: weight}} }}}}" }}
models:                                     # the servers are yours: mlship starts none, it waits until they are ready
  v1: {{ servers: ["10.0.0.1:8000"] }}        # what serves now
  v2: {{ servers: ["10.0.0.2:8000"] }}        # what is to replace it
live: v1
metrics:                                    # a balancer's API counts nothing that gates could judge by: your numbers do
  errors:
    prometheus:
      url: "http://prometheus:9090"
      query: 'sum(rate(errors_total{{model="${{model}}"}}[1m])) / sum(rate(requests_total{{model="${{model}}"}}[1m]))'
"""

_STAGES = {
    "canary": """\
  - strategy: canary
    weights: [1%, 5%, 25%, 50%]             # 100 % follows; a split that whole weights cannot make is refused
    hold: 10m                               # least time at each weight
    gates: [few-errors]
""",
    "blue-green": """\
  - strategy: blue-green
    hold: 5m                                # time to try v2 on the side, at its own address
    bake: 1h                                # v1 stays warm, the guards go on
    gates: [few-errors]
""",
}

_COURSE = """\
gates:
  few-errors: {{ metric: errors, max: 0.05 }}
stages:
{stages}guards: [few-errors]                        # judged in every step; one that fails rolls back
"""


def head(*, service: str, file: str) -> str:
    """The plan down to its live model, and the numbers that it is judged by."""
    return _HEAD.format(service=service, file=file)


def configuration(service: str) -> str:
    """Nothing: the balancer's configuration is its owner's, whatever balancer it is."""
    del service
    return ""


def course(strategy: str) -> str:
    """Gates, stages and guards: by the plan's own numbers, because the balancer counts nothing."""
    return _COURSE.format(stages=_STAGES[strategy])
