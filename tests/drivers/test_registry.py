"""Drivers by name, without asking anybody for those that come with mlship."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from mlship.drivers.registry import GROUP, SHIPPED, find, known
from mlship.errors import UsageError


def test_ours_are_declared_as_a_strangers_are() -> None:
    """The entry points of the package are the same drivers."""
    declared = {entry.name: entry.value for entry in entry_points(group=GROUP) if entry.name in SHIPPED}

    assert declared == {name: value for name, (value, _) in SHIPPED.items()}


@pytest.mark.parametrize("name", list(SHIPPED))
def test_what_they_can_do_is_what_is_said_of_them(name: str) -> None:
    """A plan that is checked without loading the driver is checked by the driver's own abilities."""
    assert find(name).capabilities == SHIPPED[name][1] == known()[name]


def test_an_unknown_driver() -> None:
    """It is told which there are, and is in no list."""
    with pytest.raises(UsageError) as told:
        find("prcess")

    assert "process" in str(told.value.hint)
    assert "prcess" not in known()
    assert set(SHIPPED) <= set(known())
    assert len(known()) == len(list(known()))


def test_a_plan_is_checked_without_drivers_and_entry_points() -> None:
    """Neither Envoy's configuration nor the packages' metadata are read for it."""
    code = (
        "import sys; from mlship.drivers.registry import known; known()['process'];"
        "print([m for m in ('importlib.metadata', 'mlship.dataplane', 'mlship.drivers.process') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert told.strip() == "[]"
