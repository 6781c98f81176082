"""How well mlship judges: false alarms, delays, proofs, rollouts, bandits; other tools' rules on the same numbers.

Seeded: the same figures each time, but for the last row. A short run (`--quick`) allows each goal two standard errors
for chance; a full one takes minutes and is held to the goals themselves.
"""

from __future__ import annotations

import numpy as np
from alarms import delays, false_promotions, false_rollbacks
from bandits import regrets, winners
from harness import arguments, seconds
from rollouts import pairs, rollouts, tails
from table import Effort, Row, conclude

from mlship.stats.margin import MarginTest
from mlship.stats.ratio import RatioTest

PARTS = (false_rollbacks, delays, false_promotions, rollouts, tails, pairs, regrets, winners)
UPDATES = 2000


def main() -> None:
    """Simulate, print, exit."""
    asked = arguments("how well mlship judges, beside other tools' rules")
    effort = Effort(quick=asked.quick)
    conclude([row for part in PARTS for row in part(effort)] + [cost(effort)], as_json=asked.json)


def cost(effort: Effort) -> Row:
    """Microseconds in which a gate takes in a look, for harm and for proof: no goal of a short run."""
    rng = np.random.default_rng(61)
    ratio, margin = RatioTest(alpha=0.05), MarginTest(margin=0.01, alpha=0.05)
    looks = [((int(bad), 200), (int(live), 200)) for bad, live in rng.binomial(200, 0.02, (UPDATES, 2))]

    def update(candidate: tuple[int, int], live: tuple[int, int]) -> None:
        ratio.absorb(candidate=candidate, live=live)
        margin.absorb(candidate=candidate, live=live)

    taken = [seconds(lambda look=look: update(*look)) for look in looks]  # type: ignore[misc]
    return Row(name="a gate's update, µs", value=1e6 * float(np.median(taken)), target=None if effort.quick else 100)


if __name__ == "__main__":
    main()
