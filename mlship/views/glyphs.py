"""The few characters beyond letters, and what stands for them where the terminal cannot draw them."""

from __future__ import annotations

from typing import TextIO, assert_never

import msgspec

from mlship.journal.status import Status
from mlship.plan.verdict import Outcome

_PLAIN = str.maketrans({"→": "->", "…": "...", "·": "|", "≤": "<=", "≥": ">="})


class Glyphs(msgspec.Struct, frozen=True, kw_only=True):
    """Symbols carry the meaning, colour only repeats it; each is one column wide unless it is an arrow."""

    ascii_only: bool = False
    done: str = "✓"
    now: str = "▶"
    todo: str = "·"
    bad: str = "✗"
    paused: str = "‖"
    back: str = "↩"
    unknown: str = "?"
    waiting: str = "…"
    arrow: str = "→"
    dot: str = "·"
    rule: str = "─"
    full: str = "█"
    empty: str = "░"
    eighths: str = " ▏▎▍▌▋▊▉"
    levels: str = "▁▂▃▄▅▆▇█"
    cut: str = "…"

    def fit(self, text: str) -> str:
        """`text` with nothing in it that the terminal cannot show."""
        shown = text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)
        if not self.ascii_only:
            return shown
        return shown.translate(_PLAIN).encode("ascii", "replace").decode("ascii")

    def outcome(self, outcome: Outcome | None) -> str:
        """The sign of a verdict; None is a gate that has not spoken."""
        signs = {Outcome.PASS: self.done, Outcome.FAIL: self.bad, Outcome.WAIT: self.waiting}
        return self.todo if outcome is None else signs.get(outcome, self.unknown)

    def status(self, status: Status) -> str:
        """The sign of where a rollout stands."""
        match status:
            case Status.RUNNING:
                return self.now
            case Status.PARKED:
                return self.paused
            case Status.PROMOTED | Status.BROUGHT_UP:
                return self.done
            case Status.ROLLING_BACK | Status.ROLLED_BACK:
                return self.back
            case Status.ROLLBACK_INCOMPLETE | Status.TORN_DOWN:
                return self.bad
            case _:
                assert_never(status)


UNICODE = Glyphs()
ASCII = Glyphs(
    ascii_only=True,
    done="+",
    now=">",
    todo=".",
    bad="x",
    paused="=",
    back="<",
    waiting="~",
    arrow="->",
    dot="|",
    rule="-",
    full="#",
    empty=".",
    eighths=" ",
    levels="_.:-=+*#",
    cut="~",
)


def for_stream(stream: TextIO) -> Glyphs:
    """What `stream` can show."""
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
    return UNICODE if encoding.startswith("utf") else ASCII
