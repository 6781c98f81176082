"""What the drivers that come with mlship can do: apart from them, so that a plan is checked without loading any."""

from __future__ import annotations

from mlship.plan.model import Capability

DOCKER = frozenset(Capability)
HAPROXY = frozenset(Capability) - {Capability.REPLICAS, Capability.MIRROR, Capability.CAPTURE}
HAPROXY_WEIGHTS = HAPROXY - {Capability.STICKY, Capability.MATCH, Capability.CLOSE}
"""Its layout `weights`; a plan of it is checked in plan/balancers.py."""
MEMORY = frozenset(Capability)
PROCESS = frozenset(Capability)
SAGEMAKER = frozenset(Capability) - {Capability.STICKY}
"""Which of them it has only in part is checked in plan/sagemaker/."""
