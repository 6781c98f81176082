from __future__ import annotations

import pytest

from tests.journal.made import output_of

LOADED = """
import sys
{}
heavy = {{"numpy", "rich", "jsonschema", "psutil", "tenacity", "yaml", "typer", "hypothesis"}}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "use",
    [
        "from mlship.journal.store import Journal",
        "from mlship.journal.holder import this_process, gone; gone(this_process())",
    ],
)
def test_the_journal_loads_nothing_heavy(use: str) -> None:
    """Commands that only look at the record, or roll back, do not pay for libraries that they do not use."""
    assert output_of(LOADED.format(use)) == "[]\n"
