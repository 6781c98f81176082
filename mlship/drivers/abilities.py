"""What the drivers that come with mlship can do: apart from them, so that a plan is checked without loading any."""

from __future__ import annotations

from mlship.plan.model import Capability

TOLD = frozenset(Capability) - {Capability.SHIFT}
"""All that a router can do which does what it is told, and nothing by itself."""

ALB = frozenset({Capability.SPLIT})
"""CloudWatch counts by the minute, and late: gates judge by sources of the plan's own."""
CADDY = frozenset({Capability.SPLIT, Capability.MATCH, Capability.CLOSE, Capability.COUNTERS})
DOCKER = TOLD
ENVOY = frozenset({Capability.SPLIT, Capability.MATCH, Capability.CLOSE, Capability.COUNTERS, Capability.MIRROR})
"""One that is somebody else's, by its runtime."""
HAPROXY = TOLD - {Capability.REPLICAS, Capability.CAPTURE}
"""Copies only with `mirror`; a plan of it is checked in plan/balancer/haproxy.py."""
HAPROXY_WEIGHTS = HAPROXY - {Capability.STICKY, Capability.MATCH, Capability.CLOSE, Capability.MIRROR}
"""Its layout `weights`; a plan of it is checked in plan/balancer/serverweights.py."""
MEMORY = TOLD
NGINX = HAPROXY
"""Copies only with `mirror`: users may wait for a slow challenger; checked in plan/balancer/nginx.py."""
PROCESS = TOLD
SAGEMAKER = frozenset(Capability) - {Capability.STICKY}
"""Which of them it has only in part is checked in plan/sagemaker/."""
TRAEFIK = HAPROXY - {Capability.STICKY}
"""Its cookie holds who came before, whatever the weights say since: shares would not be what a plan says."""
REST = frozenset({Capability.SPLIT})
"""No API counts requests per model in a form that all have: gates judge by sources of the plan's own."""
