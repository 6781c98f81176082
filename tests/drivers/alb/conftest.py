"""A rule that forwards to two models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.alb_site import Account, AlbSite, made_in, running


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """One that listens."""
    with running() as opened:
        yield opened


@pytest.fixture
def site(account: Account, tmp_path: Path) -> AlbSite:
    """v1 and v2 with a target each; the rule forwards to v1 alone."""
    made = made_in(account, tmp_path)
    del made.groups["sick"]
    return made
