"""Expressions: what they find, and what redaction leaves."""

from __future__ import annotations

import copy
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlship.errors import UsageError
from mlship.predictions.expressions import check_redaction, redact, value_of

DOCUMENT: dict[str, Any] = {
    "request": {
        "user": {"name": "Ada", "cards": [{"number": "41", "kind": "debit"}, {"number": "42", "kind": "credit"}]},
        "rows": [[{"x": 1}, {"x": 2}], [{"x": 3}]],
    },
    "response": {"outputs": [{"data": [0.25, 0.75]}, {"data": [7]}]},
    "headers": {"x-country": "NL"},
}


@pytest.mark.parametrize(
    "expression",
    [
        "request.user.name",
        "request.user.cards[0].number",
        "request.user.cards[-1].number",
        "request.user.cards[*].number",
        "request.user.cards[].number",
        "request.user.cards[1:].number",
        "request.user.cards[?kind=='credit'].number",
        "request.user.*",
        "request.rows[].x",
        "request.rows[*][*].x",
        "request.rows[*][].x",
        "request.rows[*][0].x",
        "response.outputs[*].data[]",
        "response.outputs[*].data[0:1]",
        "response",
        'headers."x-country"',
        "header:X-Country",
    ],
)
def test_what_is_redacted_is_what_would_be_found(expression: str) -> None:
    """After redaction an expression finds nothing but nulls, where it found something before."""
    document = copy.deepcopy(DOCUMENT)
    assert leaves(value_of(expression, document))

    check_redaction(expression)
    redact(expression, document)

    assert leaves(value_of(expression, document)) == []


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("request.user.cards[?kind=='credit'].number", "request.user.cards[0].number"),
        ("request.rows[*][0].x", "request.rows[0][1].x"),
        ("response.outputs[*].data[0:1]", "response.outputs[0].data[1]"),
    ],
)
def test_what_is_not_selected_stays(expression: str, kept: str) -> None:
    """Redaction touches nothing beside what was selected."""
    document = copy.deepcopy(DOCUMENT)

    redact(expression, document)

    assert jmespath.search(kept, document) == jmespath.search(kept, DOCUMENT) is not None


@pytest.mark.parametrize("expression", ["length(request)", "request.user | name", "[request, response]", "a || b"])
def test_an_expression_that_computes_cannot_redact(expression: str) -> None:
    """Only places can be redacted: anything else is refused before a rollout begins."""
    with pytest.raises(UsageError, match="computes"):
        check_redaction(expression)


def test_a_broken_expression_is_said_in_words() -> None:
    """A syntax error names the expression."""
    with pytest.raises(UsageError, match=r"outputs\[0"):
        value_of("outputs[0", DOCUMENT)


def test_a_function_that_does_not_fit_finds_nothing() -> None:
    """An expression that cannot be applied to an answer is no error: the answer has no such value."""
    assert value_of("sum(request.user)", DOCUMENT) is None
    assert value_of("a.b[3].c", None) is None


def leaves(value: object) -> list[object]:
    match value:
        case None:
            return []
        case list():
            return [leaf for each in value for leaf in leaves(each)]
        case dict():
            return [leaf for each in value.values() for leaf in leaves(each)]
        case _:
            return [value]


PATHS = st.lists(st.sampled_from(["a", "b", '"a b"', "[0]", "[-1]", "[2]"]), min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a b"]), inner, max_size=3),
)


@given(PATHS, VALUES)
def test_a_plain_path_finds_what_jmespath_finds(steps: list[str], document: object) -> None:
    """Paths that are walked and expressions that are searched are one language."""
    expression = "".join(step if step.startswith("[") or not n else f".{step}" for n, step in enumerate(steps))

    assert value_of(expression, document) == jmespath.search(expression, document)
