"""Plans from the journal: no file, no checks, no heavy imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlship.errors import UsageError
from mlship.plan.load import load, revive, revive_model
from tests.plan.reading import DRIVERS, GOOD, read

PLANS = sorted((Path(__file__).parents[2] / "plans").glob("*.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_plan_survives_the_journal(path: Path) -> None:
    """Written as JSON and read back, it means the same."""
    plan = load(path, drivers=DRIVERS, variables={}, env={})

    revived = revive(json.loads(json.dumps(plan.document)), base=path.absolute().parent)

    assert revived == plan


def test_a_model_survives_the_journal() -> None:
    """A rollback brings one model back, from the folder that its own plan stood in."""
    plan = read(GOOD, base=Path("/a"))

    assert revive_model("v1", plan.document["models"]["v1"], base=Path("/a")) == plan.models["v1"]


@pytest.mark.parametrize("document", [{}, {"models": 5}, {"models": {}, "service": "s", "stages": [{}]}])
def test_a_foreign_document_is_no_traceback(document: dict[str, object]) -> None:
    """A journal of another version is named as the cause."""
    with pytest.raises(UsageError, match="journal"):
        revive(document)
    with pytest.raises(UsageError, match="journal"):
        revive_model("v1", {"command": 5})


def test_a_rollback_imports_no_parser() -> None:
    """Reading a plan back needs neither the YAML nor the schema library."""
    code = (
        "import sys; from mlship.plan.load import revive; "
        "revive({'service': 's', 'models': {'v1': {'command': ['x']}}}); "
        "print({'yaml', 'jsonschema', 'shlex', 'difflib'} & sys.modules.keys())"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert shown.stdout.strip() == "set()"
