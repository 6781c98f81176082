"""Traefik, changed by one file in the folder that its file provider watches. All the rest is somebody else's.

lines.py     what its configuration needs: printed by `init`, used by the tests as it is printed
draft.py     the plan that `init` writes around these lines
dynamic.py   the file: from a routing in one line, and that line from what Traefik's API tells
seal.py      the first line of that file, by which an edit of the rest is seen
folder.py    the other files there, of which one that is wrong keeps Traefik from taking ours
copies.py    what mirrors requests to challengers, as part of that file
api.py       what Traefik has loaded, and whether it is enabled: only that tells what requests meet
metrics.py   requests, errors and latencies out of its Prometheus endpoint
node.py      one Traefik
doctor.py    what stands in the way of the next change
"""

from mlship.drivers.balancer.traefik.driver import TraefikDriver

__all__ = ["TraefikDriver"]
