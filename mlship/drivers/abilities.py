"""What the drivers that come with mlship can do: apart from them, so that a plan is checked without loading any."""

from __future__ import annotations

from mlship.plan.model import Capability

TOLD = frozenset(Capability) - {Capability.SHIFT}
"""All that a router can do which does what it is told, and nothing by itself."""

DOCKER = TOLD
HAPROXY = TOLD - {Capability.REPLICAS, Capability.MIRROR, Capability.CAPTURE}
HAPROXY_WEIGHTS = HAPROXY - {Capability.STICKY, Capability.MATCH, Capability.CLOSE}
"""Its layout `weights`; a plan of it is checked in plan/balancers.py."""
MEMORY = TOLD
PROCESS = TOLD
SAGEMAKER = frozenset(Capability) - {Capability.STICKY}
"""Which of them it has only in part is checked in plan/sagemaker/."""
