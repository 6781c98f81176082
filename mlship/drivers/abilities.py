"""What the drivers that come with mlship can do: apart from them, so that a plan is checked without loading any."""

from __future__ import annotations

from mlship.plan.model import Capability

DOCKER = frozenset(Capability)
HAPROXY = frozenset(Capability) - {Capability.REPLICAS, Capability.MIRROR, Capability.CAPTURE}
HAPROXY_WEIGHTS = HAPROXY - {Capability.STICKY, Capability.MATCH, Capability.CLOSE}
"""Its layout `weights`; a plan of it is checked in plan/balancer/serverweights.py."""
MEMORY = frozenset(Capability)
NGINX = HAPROXY
"""It could copy requests, but its users would wait for a slow challenger, and nobody would keep the answers."""
PROCESS = frozenset(Capability)
TRAEFIK = HAPROXY - {Capability.STICKY}
"""Its cookie holds who came before, whatever the weights say since: shares would not be what a plan says."""
