"""Anchors, merges and aliases, and the bounds on them."""

from __future__ import annotations

import pytest
import yaml

from mlship.plan.document import MOST_WEIGHT, Composer, plain
from mlship.plan.fault import Findings
from tests.plan.reading import BARE, GOOD, faults, read

TENFOLD = "\n".join(f"x-{n}: &a{n} [" + ", ".join([f"*a{n - 1}" if n else "x"] * 10) + "]" for n in range(12))


def test_anchors_and_merge_keys_work() -> None:
    """A mapping is merged under the keys that stand beside it; `x-` keys hold anchors and are left out."""
    text = GOOD.replace("models:", "x-server: &server { command: [serve], replicas: 2 }\nmodels:")
    text = text.replace('v2: { command: [serve, "{port}"], replicas: 3 }', "v2: { <<: *server, replicas: 3 }")

    plan = read(text)

    assert plan.models["v2"].command == ("serve",)
    assert plan.models["v2"].replicas == 3
    assert "x-server" not in plan.document


def test_the_first_of_several_merged_mappings_counts() -> None:
    """As YAML's merge key has it."""
    text = BARE.replace("models:", "x-a: &a { drain: 1s }\nx-b: &b { drain: 2s, timeout: 3s }\nmodels:")
    text = text.replace("v2: {}", "v2: { <<: [*a, *b] }") + "stages: [{ strategy: recreate }]\n"

    model = read(text).models["v2"]

    assert (model.drain, model.timeout) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TENFOLD, f"expands to more than {MOST_WEIGHT} values"),
        ("x-a: &a '" + "y" * 500_000 + "'\nx-b: [" + "*a, " * 100_000 + "]", f"more than {MOST_WEIGHT} values"),
        ("x-a: &a { " + "".join(f"k{n}: 1, " for n in range(9000)) + "}\nx-b: [" + "{ <<: *a }, " * 9000 + "]", "more"),
        ("a: [" + "1, " * 100_000 + "]", f"more than {MOST_WEIGHT} values"),
        ("a: &a { b: *a }", "contains itself"),
        ("a: &a [[*a]]", "contains itself"),
        ("a: *b", "no anchor"),
    ],
    ids=["bomb", "long text", "merges", "list", "mapping in itself", "list in itself", "no anchor"],
)
def test_aliases_are_bounded(text: str, message: str) -> None:
    """What would grow without bound is refused before it grows."""
    (fault,) = faults(text)

    assert message in fault


def test_both_parsers_of_the_library_find_the_same_places() -> None:
    """A machine without the compiled parser reports the same positions."""
    trees = []
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        findings = Findings()
        composer = Composer(findings, "plan.yaml")
        for event in yaml.parse(GOOD, Loader=loader):
            composer.take(event)
        assert composer.root is not None
        assert not findings
        trees.append((plain(composer.root), places(composer.root)))

    assert trees[0] == trees[1]


def places(node: object) -> list[object]:
    place, value = getattr(node, "place", None), getattr(node, "value", None)
    children = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [place, *(places(child) for child in children)]


def test_quoted_words_are_text() -> None:
    """Quotes keep YAML from taking a word for something else."""
    text = BARE + "stages: [{ strategy: recreate }]\n"
    text = text.replace("v2: {}", 'v2: { env: { A: "on", B: "1:30", C: "2024-01-01", D: "010", E: "" } }')

    assert dict(read(text).models["v2"].env) == {"A": "on", "B": "1:30", "C": "2024-01-01", "D": "010", "E": ""}
