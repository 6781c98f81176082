"""What the drivers that come with mlship can do: apart from them, so that a plan is checked without loading any."""

from __future__ import annotations

from mlship.plan.model import Capability

ALB = frozenset({Capability.SPLIT})
"""CloudWatch counts by the minute, and late: gates judge by sources of the plan's own."""
DOCKER = frozenset(Capability)
HAPROXY = frozenset(Capability) - {Capability.REPLICAS, Capability.CAPTURE}
"""Copies only with `mirror`; a plan of it is checked in plan/balancer/haproxy.py."""
HAPROXY_WEIGHTS = HAPROXY - {Capability.STICKY, Capability.MATCH, Capability.CLOSE, Capability.MIRROR}
"""Its layout `weights`; a plan of it is checked in plan/balancer/haproxy.py."""
MEMORY = frozenset(Capability)
PROCESS = frozenset(Capability)
REST = frozenset({Capability.SPLIT})
"""No API counts requests per model in a form that all have: gates judge by sources of the plan's own."""
