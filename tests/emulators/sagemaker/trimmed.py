"""CloudWatch's trimmed counts, TC(low:high): how many values lie above `low` and up to `high`.

Documented: bounds are absolute values (or percentages, which are not emulated), either may be left out, the lower one
is excluded and the upper one included. Our reading: a period with values, none of which lies between, has a 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.emulators.sagemaker.metrics import Sample

_TRIMMED = re.compile(r"TC\(([0-9.]*):([0-9.]*)\)")


def is_trimmed(statistic: str) -> bool:
    """It is one."""
    found = _TRIMMED.fullmatch(statistic)
    return found is not None and bool(found[1] or found[2])


def trimmed_count(samples: Iterable[Sample], statistic: str) -> float:
    """The values between its bounds."""
    found = _TRIMMED.fullmatch(statistic)
    assert found is not None
    low, high = float(found[1] or -math.inf), float(found[2] or math.inf)
    return sum(sample.count for sample in samples if low < sample.value <= high)
