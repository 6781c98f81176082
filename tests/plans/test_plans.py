"""The plans that are shipped, and those that the documents show, are valid and mean what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from mlship.demo import model_server, training
from mlship.drivers.registry import known
from mlship.plan.load import load
from mlship.plan.model import Plan
from mlship.strategies import compile_plan

ROOT = Path(__file__).parents[2]
PLANS = sorted((ROOT / "plans").glob("*.yaml"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [block for page in PAGES for block in re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]


def read(path: Path) -> Plan:
    return load(path, drivers=known(), variables={}, env={})


def test_every_strategy_has_its_plan() -> None:
    """One plan for each strategy, named as the strategy is; others show how stages are chained."""
    strategies = json.loads((ROOT / "schemas" / "plan.v1.json").read_text("utf-8"))["$defs"]["stage"]["properties"]
    texts = {path.stem: path.read_text("utf-8") for path in PLANS}

    others = {name for name in texts.keys() - set(strategies["strategy"]["enum"]) if not name.startswith("docker-")}
    assert others == {"champion-challenger", "shadow-then-canary"}
    for strategy in strategies["strategy"]["enum"]:
        assert f"strategy: {strategy}\n" in texts[strategy]


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_is_valid_and_ends_with_the_candidate_alone(path: Path) -> None:
    """Carried out to its end, the candidate serves everything; from each step the way back is the live model."""
    plan = read(path)
    assert plan.live

    compiled = compile_plan(plan, live=plan.live)

    assert dict(compiled.steps[0].routing.weights) == {plan.live: 10_000}
    assert dict(compiled.steps[-1].routing.weights) == {compiled.candidate: 10_000}
    assert dict(compiled.way_back.routing.weights) == {plan.live: 10_000}


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_tells_editors_where_its_schema_is(path: Path) -> None:
    """The first line names the schema, by a path that is there."""
    first = path.read_text("utf-8").splitlines()[0]

    marker, _, schema = first.partition("$schema=")

    assert marker == "# yaml-language-server: "
    assert (path.parent / schema).is_file()


PROCESSES = [path for path in PLANS if not path.stem.startswith("docker-")]


@pytest.mark.parametrize("path", PROCESSES, ids=lambda path: path.stem)
def test_a_shipped_plan_starts_servers_that_exist(path: Path) -> None:
    """The commands are ones that the demo's model server understands."""
    for model in read(path).models.values():
        python, flag, module, *options = model.command
        parsed = model_server.parser().parse_args([option.replace("{port}", "1") for option in options])

        assert (python, flag, module) == ("python", "-m", model_server.__name__)
        assert parsed.train in training.MODELS


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_says_how_to_try_it(path: Path) -> None:
    """The head of the file names the command that carries this very file out."""
    assert f"mlship deploy plans/{path.name}" in path.read_text("utf-8")


def test_the_annotated_plan_shows_every_key_of_the_top_level() -> None:
    """canary.yaml is the reference; `extends` needs a second file, shadow.yaml and ab.yaml explain the rest."""
    schema = json.loads((ROOT / "schemas" / "plan.v1.json").read_text("utf-8"))
    shown = yaml.safe_load((ROOT / "plans" / "canary.yaml").read_text("utf-8"))

    assert set(shown) == set(schema["properties"]) - {"extends", "capture", "metrics", "watch-labels"}


@pytest.mark.parametrize("text", BLOCKS, ids=lambda text: text.split("\n")[1])
def test_a_plan_in_the_documents_is_valid(text: str, tmp_path: Path) -> None:
    """What a reader copies from a page works."""
    path = tmp_path / "plan.yaml"
    path.write_text(text, "utf-8")

    assert read(path).stages


def test_the_readme_shows_a_plan_of_ten_lines() -> None:
    """An everyday plan is short."""
    first = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert first
    block = first[1]

    assert len(block.splitlines()) == 10
