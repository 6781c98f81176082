"""Whatever a file holds: a plan, or faults, never a traceback."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from mlship.plan.fault import Fault, PlanError
from tests.plan.reading import GOOD, read

SHIPPED = [path.read_text("utf-8") for path in sorted((Path(__file__).parents[2] / "plans").glob("*.yaml"))]
SEEDS = [GOOD, *SHIPPED]
TOKEN = re.compile(r"[\w%.-]+|\s+|.", re.DOTALL)
ODD = [
    "", "null", "~", "[]", "{}", "[[]]", "-1", "0", "0%", "101%", "1e999", "-0.0", "999999999999999999999", "1_0",
    "yes", "on", "2024-01-01", "12:30", ".nan", "&a ", "*a", "<<", "<<: *a", "!!int ", "!x ", "|", ">", "'", '"',
    "\n", "\r", "\0", "\t", "\\", "\ufeff", "\u2028", "\x85", "\U0001f600", "- ", "? ", ": ", "---\n", "...\n", "#",
    "{", "}", "[", "]", ",", "@", "`", "%YAML 1.1\n", "${env:", "${env:X}", "${var:region}", "${var:no}", "$${", "1h",
    "x-a: &a [*a]\n", "extends: x.yaml\n", "a" * 300, '"\\u0000"', '"\\ud800"', "latency_p95", "error_rate", "live",
    "v1", "max", "manual", "margin", "rolling", "recreate", "blue-green", "process", "memory", "header:", "0x", "1ms",
]  # fmt: skip


def mutated(text: str, dice: random.Random) -> bytes:
    tokens = TOKEN.findall(text)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(tokens))
        match dice.randrange(7):
            case 0:
                del tokens[place : place + dice.randint(1, 4)]
            case 1:
                tokens.insert(place, tokens[place])
            case 2:
                tokens[place] = dice.choice(ODD)
            case 3:
                tokens.insert(place, dice.choice(ODD))
            case 4:
                tokens[place] = dice.choice(tokens)
            case 5:
                tokens = swapped_lines("".join(tokens), dice)
            case _:
                tokens[place] = dice.choice(TOKEN.findall(dice.choice(SEEDS)))
        tokens = tokens or ["x"]
    return with_noise("".join(tokens).encode(errors="replace"), dice)


def swapped_lines(text: str, dice: random.Random) -> list[str]:
    lines = text.splitlines(keepends=True)
    first, second = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[first], lines[second] = lines[second], dice.choice([lines[first], "", lines[second]])
    return lines or ["x"]


def with_noise(data: bytes, dice: random.Random) -> bytes:
    if dice.random() < 0.9:
        return data
    place = dice.randrange(len(data) + 1)
    return data[:place] + dice.randbytes(dice.randint(1, 3)) + data[place + dice.randint(0, 3) :]


def verdict(data: bytes) -> str:
    try:
        read(data)
    except PlanError as error:
        lines = len(data.decode(errors="replace").splitlines()) + 2
        return "faults" if all(is_placed(fault, lines) for fault in error.faults) and error.faults else "misplaced"
    return "plan"


def is_placed(fault: Fault, lines: int) -> bool:
    return 1 <= fault.line <= lines and fault.column >= 1 and bool(fault.message)


@pytest.mark.parametrize("seed", range(20))
def test_a_mutated_plan_is_a_plan_or_has_faults(seed: int) -> None:
    """Two thousand good plans with words and lines deleted, doubled, swapped and replaced, and bytes of noise."""
    dice = random.Random(seed)

    verdicts = {verdict(mutated(dice.choice(SEEDS), dice)) for _ in range(100)}

    assert verdicts == {"plan", "faults"}


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_faults(seed: int) -> None:
    """Bytes without any order are refused."""
    dice = random.Random(seed)

    assert {verdict(dice.randbytes(dice.randint(1, 300))) for _ in range(100)} == {"faults"}
