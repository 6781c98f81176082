"""HAProxy: a backend per model, the split in a map, changed by its Runtime API. Its configuration is somebody else's.

lines.py     what the configuration needs: printed by `init`, used by the tests as it is printed
language.py  a routing as one map value, so that one command changes all of it
api.py       the stats socket: a command out, a reply in; anything that is not empty is a refusal
node.py      one HAProxy
stat.py      `show stat`: servers, requests, errors
ring.py      the log in a ring: latencies
"""

from mlship.drivers.balancer.haproxy.driver import HaproxyDriver

__all__ = ["HaproxyDriver"]
