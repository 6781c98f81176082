"""Caddy, changed by its admin API. Its configuration is somebody else's.

lines.py     what the configuration needs: printed by `init`, used by the tests as it is printed
draft.py     the plan that `init` writes around these lines
block.py     the handler with our id: the split that it says, and the same handler with another split
language.py  a routing as weights of servers, and rules
node.py      one Caddy: compare and swap forward, push on backward
admin.py     the admin API: a connection for each request
log.py       requests, errors and latencies out of its access log
doctor.py    what stands in the way of the next change
"""

from mlship.drivers.balancer.caddy.driver import CaddyDriver

__all__ = ["CaddyDriver"]
