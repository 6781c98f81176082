"""`${var:name}` and `${env:NAME}`."""

from __future__ import annotations

import json

import pytest

from mlship.errors import UsageError
from mlship.plan.load import resolve
from tests.plan.reading import BARE, GOOD, read


def env_of(text: str, **variables: str) -> str:
    added = f"replicas: 3, env: {{ KEY: {json.dumps(text)} }} }}\nlive"
    return read(GOOD.replace("replicas: 3 }\nlive", added), variables=variables).models["v2"].env["KEY"]


def test_variables_are_filled_when_the_plan_is_read() -> None:
    """The document that the journal keeps has them filled, so that a rollback needs no flag."""
    plan = read(GOOD.replace("service: scorer", "service: scorer-${var:region}"), variables={"region": "eu"})

    assert plan.service == "scorer-eu"
    assert plan.document["service"] == "scorer-eu"


def test_a_variable_may_be_a_number() -> None:
    """Without quotes, what is filled in is read as if it had been written there."""
    text = f"{BARE}stages:\n  - strategy: rolling\n    batch: ${{var:batch}}\n"

    plan = read(text.replace("v2: {}", "v2: { replicas: 4 }"), variables={"batch": "2"})

    assert plan.document["stages"][0]["batch"] == 2


def test_the_environment_is_never_stored() -> None:
    """A plan holds the reference; its value appears when it is resolved."""
    plan = read(GOOD.replace("replicas: 3 }\nlive", 'replicas: 3, env: { KEY: "${env:TOKEN}" } }\nlive'))

    assert plan.models["v2"].env["KEY"] == "${env:TOKEN}"
    assert "hunter2" not in repr(plan)
    assert resolve(plan.models["v2"].env["KEY"], {"TOKEN": "hunter2"}) == "hunter2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$${env:TOKEN}", "${env:TOKEN}"),
        ("${HOME} $PORT $$", "${HOME} $PORT $$"),
        ("a${env:TOKEN}b${env:TOKEN}", "ahunter2bhunter2"),
        ("${var:tricky}", "${env:TOKEN}"),
    ],
)
def test_escapes_and_other_dollars(text: str, expected: str) -> None:
    """`$${` is `${`, a shell's own references are left alone, and a value is never read for references."""
    value = env_of(text, tricky="${env:TOKEN}")

    assert resolve(value, {"TOKEN": "hunter2"}) == expected


def test_escapes_end_where_nothing_is_resolved_later() -> None:
    """A text that is not resolved when a model starts is complete once it is read."""
    text = GOOD.replace('v2: { command: [serve, "{port}"]', "v2: { command: [sh, -c, 'echo $${env:X} ${HOME}']")

    assert read(text).models["v2"].command == ("sh", "-c", "echo ${env:X} ${HOME}")
    assert read(GOOD.replace("manual: team", 'manual: "$${team}"')).gates["signed"].by == "${team}"  # type: ignore[union-attr]


def test_a_variable_that_is_gone_when_the_model_starts_is_named() -> None:
    """Another shell may lack it: the message says what to export."""
    with pytest.raises(UsageError, match="TOKEN is not set"):
        resolve("${env:TOKEN}", {})


def test_only_the_environment_is_resolved_late() -> None:
    """A variable of the command line has its value long before."""
    assert resolve("${var:region} ${env:TOKEN}", {"TOKEN": "hunter2"}) == "${var:region} hunter2"


def test_long_variables_are_bounded() -> None:
    """A variable that is used over and over does not fill the memory."""
    with pytest.raises(UsageError, match="too long"):
        env_of("${var:long}" * 1000, long="x" * 100_000)
