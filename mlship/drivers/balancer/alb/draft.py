"""What `init` writes for driver `alb`."""

from __future__ import annotations

from mlship.drivers.balancer.rest.draft import STRATEGIES, course

__all__ = ["STRATEGIES", "configuration", "course", "head"]

_HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# `mlship doctor --plan {file}` asks AWS whether all of it fits, and changes nothing.
version: 1
service: {service}
driver:
  alb:                                      # credentials are those of the AWS SDK: environment, profile, role
    rule-arn: "{arn}:listener-rule/app/models/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"
    # listener-arn: "..."                   # instead: the default action of a listener
models:                                     # the targets are yours: mlship waits until they are healthy
  v1: {{ target-group: "{arn}:targetgroup/model-v1/73e2d6bc24d8a067" }}
  v2: {{ target-group: "{arn}:targetgroup/model-v2/09966783158cda59" }}
live: v1
metrics:                                    # CloudWatch counts by the minute, and late: your own numbers are quicker
  errors:
    prometheus:
      url: "http://prometheus:9090"
      query: 'sum(rate(errors_total{{model="${{model}}"}}[1m])) / sum(rate(requests_total{{model="${{model}}"}}[1m]))'
"""


def head(*, service: str, file: str) -> str:
    """The plan down to its live model, and the numbers that it is judged by."""
    return _HEAD.format(service=service, file=file, arn="arn:aws:elasticloadbalancing:eu-west-1:123456789012")


def configuration(service: str) -> str:
    """Nothing: a rule that forwards to one of the target groups is all there has to be."""
    del service
    return ""
