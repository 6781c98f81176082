"""HAProxy, changed by its Runtime API. Its configuration is somebody else's.

lines.py     what the configuration needs: printed by `init`, used by the tests as it is printed
draft.py     the plan that `init` writes around these lines
language.py  layout map: a routing as one map value, so that one command changes all of it
node.py      one HAProxy with a backend per model
weights.py   layout weights: one HAProxy with the servers of all models in one backend
api.py       the stats socket: a command out, a reply in; anything that is not empty is a refusal
stat.py      `show stat`: servers, requests, errors
log.py       which life of it counts, and the log that it keeps in a ring
ring.py      latencies out of that log
doctor.py    what stands in the way of the next change
"""

from mlship.drivers.balancer.haproxy.driver import HaproxyDriver

__all__ = ["HaproxyDriver"]
