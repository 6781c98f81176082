"""Servers behind a balancer that is somebody else's: mlship moves its weights, and starts and stops nothing.

    node.py       what one balancer process must be able to do: read, write, keep, pool, counts
    fleet.py      many of them as one: forward all or none, back on every one that answers
    ledger.py     what mlship has set last, so that a change by somebody else is seen
    driver.py     the five verbs over a fleet
    untouched.py  what a step starts from, looked at once more, for balancers without a compare-and-swap
    tail.py       each line of a log that grows, once
    wholes.py     a routing as whole weights, for balancers that have nothing else
    haproxy/      one folder or file per balancer: nodes, their values, what its configuration needs

A new balancer is a `Node`, a `Language` (routing to value and back) and a factory: `haproxy/driver.py` is the pattern.
"""
