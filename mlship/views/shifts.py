"""What a step that the backend carries out by itself means, in the sentences of the preview."""

from __future__ import annotations

from collections.abc import Iterator

from mlship.plan.shift import Shift
from mlship.plan.step import Step
from mlship.views import words
from mlship.views.sentence import title


def shifts(step: Step, shift: Shift) -> Iterator[str]:
    """How it goes on without mlship, how long the old instances stay, and what sends the traffic back."""
    kept = f", where the old instances stay for {words.duration(shift.bake)}" if shift.bake else ""
    yield (
        f"{title(step)}: the backend moves the traffic by itself ({words.shift(shift)}{kept}), also when mlship ends; "
        f"nothing but an alarm can turn it round on its way, and after {words.duration(shift.limit)} it goes back."
    )
    if shift.alarms:
        noun = "Alarms that send" if len(shift.alarms) > 1 else "Alarm that sends"
        yield f"{noun} the traffic back on the way: {words.listed(shift.alarms)}."
    else:
        yield (
            "No alarms: on the way the traffic goes back only if new instances do not start, however bad the answers "
            "are. Add `alarms` to the stage or to the driver."
        )
