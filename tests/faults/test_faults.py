"""Bad plans beside the message that each must produce: the tables in this folder.

A case is a change of the good plan (`-` lines become `+` lines) and every fault that it must have (`!` lines).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.plan.reading import GOOD, faults, read


class Case(NamedTuple):
    table: str
    before: str
    after: str
    expected: list[str]


def cases() -> Iterator[Case]:
    for table in sorted(Path(__file__).parent.glob("*.txt")):
        for block in table.read_text("utf-8").rstrip("\n").split("\n\n"):
            lines = block.split("\n")
            before, after = (joined(lines, sign) for sign in "-+")
            yield Case(table.stem, before, after, [line[2:] for line in lines if line.startswith("!")])


def joined(lines: list[str], sign: str) -> str:
    return "".join(line[2:] + "\n" for line in lines if line.startswith(sign))


def test_the_good_plan_is_good() -> None:
    """Without a change there is no fault, so each case is the fault of its change."""
    assert read(GOOD).stages


@pytest.mark.parametrize("case", [*cases()], ids=lambda case: f"{case.table}: {case.expected[0]}"[:100])
def test_a_bad_plan_says_where_it_is_wrong_and_what_to_do(case: Case) -> None:
    """Each fault is reported once, at its exact place, and nothing else is."""
    assert GOOD.count(case.before) == 1

    assert faults(GOOD.replace(case.before, case.after)) == case.expected
