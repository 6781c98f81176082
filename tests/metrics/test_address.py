"""Addresses with secrets in them."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlship.errors import UsageError
from mlship.metrics.address import Secrets, addressed, filled, shown

PLAIN = st.text(min_size=1, max_size=20).filter(lambda text: not any("\ud800" <= char <= "\udfff" for char in text))


@given(PLAIN)
def test_a_password_may_hold_any_character(password: str) -> None:
    """A variable before the @ is taken as the plain password; it never reads as a host, and is never shown."""
    address = addressed("postgresql://ada:${env:PW}@db.test:5432/kpi", {"PW": password})

    parts = urlsplit(address.full)
    assert (parts.hostname, parts.port, parts.path) == ("db.test", 5432, "/kpi")
    assert unquote(parts.password or "") == address.password == password
    assert address.shown == "postgresql://db.test:5432/kpi"
    assert address.bare == address.shown
    assert password in address.secrets.texts


def test_a_variable_may_be_the_whole_address() -> None:
    """DATABASE_URL and its like work as they are, and only their name is shown."""
    address = addressed("${env:DATABASE_URL}", {"DATABASE_URL": "postgresql://ada:s%40crett@db.test/kpi?x=1"})

    assert (address.user, address.password) == ("ada", "s@crett")
    assert address.shown == "${env:DATABASE_URL}"
    assert {"s@crett", "s%40crett"} <= address.secrets.texts


def test_a_variable_in_the_query_stays_one_value() -> None:
    """A token with & or a line end in it adds no parameter and no line."""
    address = addressed("https://${env:HOST}/x?key=${env:KEY}", {"HOST": "kpi.test:8443", "KEY": "a&b=c\n"})

    assert address.full == "https://kpi.test:8443/x?key=a%26b%3Dc%0A"
    assert address.shown == "https://${env:HOST}/x"


@pytest.mark.parametrize(
    "url",
    ["postgresql://ada:s@crett@db.test/kpi", "postgresql://ada:crett/x@db.test", "postgresql://ada:[crett@db.test"],
)
def test_an_ambiguous_address_is_refused_without_showing_it(url: str) -> None:
    """A special character that nobody encoded is an error that does not tell the password."""
    with pytest.raises(UsageError) as caught:
        addressed("${env:URL}", {"URL": url})

    assert "crett" not in caught.value.message + caught.value.hint
    assert "%40" in caught.value.hint


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("https://ada:secret@kpi.test/x?token=1#y", "https://kpi.test/x"),
        ("https://${env:USER}:${env:PW}@kpi.test", "https://kpi.test"),
        ("sqlite:///kpi.db", "sqlite:///kpi.db"),
        ("localhost:9090", "localhost:9090"),
        ("ada:secret@kpi.test", "the address"),
    ],
)
def test_an_address_is_shown_without_its_secrets(template: str, expected: str) -> None:
    """User, password and query stay out of messages, wherever they are written."""
    assert shown(template) == expected


def test_an_address_needs_a_scheme() -> None:
    """What is no address is refused in the plan's own words."""
    with pytest.raises(UsageError, match="localhost:9090 is no address"):
        addressed("localhost:9090", {})


def test_bytes_that_are_no_text_do_no_harm() -> None:
    """The environment may hold anything, in variables that the plan does not name, too."""
    env = {"ODD": os.fsdecode(b"caf\xe9"), "PW": os.fsdecode(b"p\xff")}

    assert addressed("http://ada:${env:PW}@kpi.test", env).full == "http://ada:p%FF@kpi.test"


def test_a_missing_variable_is_named() -> None:
    """The message says which variable is not set."""
    with pytest.raises(UsageError, match="PW is not set"):
        addressed("http://ada:${env:PW}@kpi.test", {})


def test_placeholders_are_filled_and_references_left() -> None:
    """`${model}` is replaced; `${env:NAME}` and the escape `$${` wait for their turn."""
    text = filled("${env:BASE}/${model}?q=$${x}", {"model": "v2"}, where="http")

    assert text == "${env:BASE}/v2?q=$${x}"
    assert addressed(text, {"BASE": "http://kpi.test"}).full == "http://kpi.test/v2?q=${x}"


def test_an_unknown_placeholder_is_refused() -> None:
    """A slip of the pen is not sent to the server."""
    with pytest.raises(UsageError, match=r"nothing is known for \$\{modle\}") as caught:
        filled("${modle}", {"model": "v2", "window": "60s"}, where="prometheus")

    assert caught.value.hint == "there are ${model}, ${window}"


def test_foreign_words_are_made_harmless() -> None:
    """What somebody else said is one short printable line without the secrets, the longer ones first."""
    secrets = Secrets(frozenset({"abc", "abcdef"}))

    assert secrets.quoted("\n token abcdef,\tabc\x1b[2J refused\nmore") == "token ***, *** [2J refused"
    assert len(secrets.quoted("x" * 1000)) == 200
    assert "abc" not in repr(secrets)
