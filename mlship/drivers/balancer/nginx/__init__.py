"""nginx, changed by one file that its configuration includes. All the rest of the configuration is somebody else's.

lines.py     what the configuration needs: printed by `init`, used by the tests as it is printed
draft.py     the plan that `init` writes around these lines
include.py   the file: from a routing in one line, and back; nginx serves that line as the file's generation
program.py   testing, reloading, and which process it is
status.py    which generation runs: asked of nginx itself, the file only says what would run
log.py       requests, errors and latencies out of a log of its own
node.py      one nginx
doctor.py    what stands in the way of the next change
"""

from mlship.drivers.balancer.nginx.driver import NginxDriver

__all__ = ["NginxDriver"]
