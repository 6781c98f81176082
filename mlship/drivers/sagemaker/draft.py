"""What `init` writes for driver `sagemaker`: the plan's head."""

from __future__ import annotations

STRATEGIES = ("canary", "recreate")
"""Those that `init` has a plan for."""

_HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# Credentials come from where AWS's own tools have them. Each change of the endpoint takes AWS some minutes.
version: 1
service: {service}
driver:
  sagemaker:
    endpoint: {service}                     # may be there already; else it is made
    # region: eu-west-1                     # left out: AWS_REGION
    role: arn:aws:iam::123456789012:role/endpoint    # the containers' execution role
    instance-type: ml.m5.large
models:
  v1: {{ sagemaker-model: model-1 }}          # what serves now: a SageMaker Model that is there
  v2:                                       # what is to replace it
    image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/model:2
    model-data: s3://models/2/model.tar.gz
    replicas: 1                             # instances
live: v1
look-every: 30s                             # CloudWatch counts by the minute
"""


def head(*, service: str, file: str) -> str:
    """The plan down to its live model."""
    return _HEAD.format(service=service, file=file)


def configuration(service: str) -> str:
    """What else is needed: the caller's policy."""
    return f"# What {service}'s caller must be allowed is in docs/sagemaker.md, as a policy.\n"
