"""Placeholders, and what is found in replies."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mlship.drivers.balancer.rest.finding import text_in, weight_in
from mlship.drivers.balancer.rest.request import sent
from mlship.drivers.balancer.rest.settings import Extract, Request
from mlship.drivers.balancer.rest.template import filled, path_of, pattern_of
from mlship.drivers.balancer.rest.web import Reply
from mlship.drivers.balancer.wholes import NOTHING, Scale, Weights, value_of, weights_in
from mlship.errors import OutOfReach, UsageError
from mlship.plan.routing import Routing, all_to

CONTEXT = {
    "vars": {"name": "a b/../c?", "on": True},
    "weight": {"v1": 9, "v2": 1},
    "models": [{"name": "v1", "weight": 9}, {"name": "v2", "weight": 1}],
    "servers": [{"address": "[::1]:80", "weight": 9}, {"address": "h:80", "weight": 0}],
}


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("{{weight.v1}}", 9),
        ("{{ weight.v1 }}", 9),
        ("{{to_string(weight.v1)}}", "9"),
        ("{{vars.on}}", True),
        ("is {{vars.on}}", "is true"),
        ("{{weight.v1}}:{{weight.v2}}", "9:1"),
        ({"{{vars.name}}": ["{{weight}}", 3, None]}, {"a b/../c?": [{"v1": 9, "v2": 1}, 3, None]}),
        ("{{models[].{n: name}}}", [{"n": "v1"}, {"n": "v2"}]),
        ("{{ models[?weight > `5`].name | [0] }}", "v1"),
        ("${env:HOME} {weight}", "${env:HOME} {weight}"),
    ],
)
def test_a_placeholder_keeps_the_type_of_what_it_finds(template: object, result: object) -> None:
    """Where it stands alone; inside of a text it is text."""
    assert filled(template, CONTEXT) == result


def test_what_finds_nothing_is_told() -> None:
    """With what there is."""
    with pytest.raises(UsageError, match=r"\{\{weight.v3\}\} finds nothing") as told:
        filled("{{weight.v3}}", CONTEXT)
    assert "models, servers, vars, weight" in told.value.hint


def test_a_value_cannot_leave_its_place_in_a_path() -> None:
    """It is quoted, slashes and question marks too; the template's own are not."""
    assert path_of("/u/{{vars.name}}/t?size=1", CONTEXT) == "/u/a%20b%2F..%2Fc%3F/t?size=1"


def test_a_value_in_a_regular_expression_means_itself() -> None:
    """Dots and brackets of an address are no operators."""
    assert pattern_of("{{servers[0].address}}=(.)", CONTEXT).search("x [::1]:80=7")
    assert not pattern_of("{{servers[0].address}}=(.)", CONTEXT).search(":80=7")


@pytest.mark.parametrize(
    ("request_", "kind", "body"),
    [
        (Request(path="/", json={"a": "{{weight.v1}}"}), "application/json", b'{"a": 9}'),
        (Request(path="/", form={"a b": "{{vars.name}}"}), "application/x-www-form-urlencoded", b"a+b=a+b%2F..%2Fc%3F"),
        (Request(path="/", text="v1 {{weight.v1}}"), "text/plain", b"v1 9"),
        (Request(path="/", lines="{{each.address}} {{each.weight}}"), "text/plain", b"[::1]:80 9\n"),
        (Request(path="/"), None, None),
    ],
)
def test_bodies(request_: Request, kind: str | None, body: bytes | None) -> None:
    """JSON, a form, a text, or a line for each server that has a weight."""
    made = sent(request_, CONTEXT)

    assert (made.headers.get("Content-Type"), made.body) == (kind, body)


def test_what_a_balancer_says_is_no_reference() -> None:
    """A captured text that looks like one does not bring the environment into a request."""
    made = sent(Request(path="/", headers={"X": "{{vars.t}} ${env:A}"}), {"vars": {"t": "${env:SECRET}"}})

    assert made.headers["X"] == "$${env:SECRET} ${env:A}"


def reply(text: str, **headers: str) -> Reply:
    return Reply(status=200, headers=headers, text=text, said=text)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("a.b", "7"),
        ("a.missing", None),
        (Extract(json="a.b"), "7"),
        (Extract(header="ETag"), '"e"'),
        (Extract(header="X-Other"), None),
        (Extract(regex=r'"b":\s*(\d)'), "7"),
        (Extract(regex="(z)"), None),
    ],
)
def test_where_texts_stand(where: str | Extract, found: str | None) -> None:
    """JMESPath, a header, or the group of a regular expression."""
    assert text_in(where, reply('{"a":\n {"b": 7}}', etag='"e"'), {}) == found


def test_json_that_is_none() -> None:
    """A page of HTML, for instance."""
    with pytest.raises(OutOfReach, match="expected JSON; got <html>"):
        text_in("a", reply("<html>\n"), {})


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (Extract(regex=r"w=([\d.]+)"), Fraction(67, 2)),
        (Extract(regex=r"w=([\d.]+)", zero_if="off"), 0),
        (Extract(regex="missing=(.)"), None),
        (Extract(regex="missing=(.)", default=5), 5),
    ],
)
def test_where_weights_stand(where: Extract, found: Fraction | None) -> None:
    """Exactly, also where they are no whole numbers."""
    assert weight_in(where, reply("w=33.50 off"), {}) == found


def test_values_say_shares_and_nothing_else() -> None:
    """In lowest terms, without zeros, by name: neither a scale nor a model without traffic makes a difference."""
    one = value_of({"v2": Fraction(10), "v1": Fraction(30), "v3": Fraction(0)})

    assert one == value_of({"v1": Fraction(3, 2), "v2": Fraction(1, 2)}) == "v1=3 v2=1"
    assert weights_in(one) == {"v1": 3, "v2": 1}
    assert value_of({"v1": Fraction(0)}) == NOTHING
    assert weights_in(NOTHING) == {}


def test_weights_of_servers() -> None:
    """All servers of a model have the same, the sums are exact, and the greatest that fit are sent."""
    servers = {"v1": ("a:1", "a:2"), "v2": ("[::1]:3",)}
    weights = Weights(servers=servers, scale=Scale(unit="server", total=10000, max=100))
    value = weights.value_of(Routing(segments=(("v2", 2000), ("v1", 8000))))

    assert weights.scaled(value) == {"a:1": 100, "a:2": 100, "[::1]:3": 50}
    assert weights.routing_of(value) == Routing(segments=(("v1", 8000), ("v2", 2000)))
    least = Weights(servers=servers, scale=Scale(unit="server", total=10000, reduce=True))
    assert least.scaled(least.value_of(all_to("v2"))) == {"a:1": 0, "a:2": 0, "[::1]:3": 1}
    assert weights.routing_of(NOTHING) is None
