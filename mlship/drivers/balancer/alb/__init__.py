"""AWS Application Load Balancer: weighted target groups of a rule, or of a listener's default action.

api.py      the calls, and every error of theirs as one of ours
actions.py  weights in the actions of a rule; everything else of them stays
node.py     one rule: read, written, read back; the health of targets
doctor.py   what stands in the way of the next change
draft.py    the plan that `init` writes
"""

from mlship.drivers.balancer.alb.driver import AlbDriver

__all__ = ["AlbDriver"]
