"""Envoy that is somebody else's, changed by the runtime of its administration.

lines.py     what the configuration needs: printed by `init`, used by the tests as it is printed
draft.py     the plan that `init` writes around these lines
keys.py      the runtime keys of a service, and what their values say
language.py  a routing as values of these keys
routes.py    which keys the configuration knows, and what holds where none is set
node.py      one Envoy
counts.py    requests, errors and latencies out of its statistics
doctor.py    what stands in the way of the next change
"""

from mlship.drivers.balancer.envoy.driver import EnvoyDriver

__all__ = ["EnvoyDriver"]
