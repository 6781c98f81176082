"""From `rollback` to the last request that the candidate is given, against the bare command on the balancer.

Users ask a real balancer at a steady rate; half of them get the candidate, whose answers take 50 ms. Ours is the whole
incident path: the lease is taken over, the intent is journalled, the nodes are asked, the split is set, read back and
kept. Bare is the one command. Both times end with the last answer of the candidate, so that requests under way are in
both. The lines above the table are of the drivers alone, until they have returned: beyond the command they read back,
and wait until what they keep is safe on the disk.
"""

from __future__ import annotations

from collections.abc import Sequence

from balanced import Make, measured
from balanced_caddy import Caddy
from balanced_haproxy import Haproxy
from harness import arguments, finish

MAKES: Sequence[Make] = (Caddy(), Haproxy())
"""Those that come with mlship; each says what its goal is."""


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("time from rollback to the last candidate request behind a balancer, against the bare command")
    goals = []
    for make in MAKES:
        goal, line = measured(make, 3 if asked.quick else 20)
        goals.append(goal)
        if not asked.json:
            print(line)
    finish(goals, as_json=asked.json)


if __name__ == "__main__":
    main()
