"""Addresses with secrets in them: filled in at use, and shown without.

`${env:NAME}` is replaced by the variable's value. In user, password and query it is percent-encoded, so that a password
may hold any character; elsewhere it is taken as it is, and a variable may be the whole address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from mlship.errors import UsageError
from mlship.plan.references import resolve

_PARTS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^/?#]*)@)?(?P<rest>.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$\{env:([A-Za-z0-9_-]+)\}")
_PLACEHOLDER = re.compile(r"(?P<escaped>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_-]*)\}")
_SECRET = re.compile(r"pass|secret|token|key|auth|sig", re.IGNORECASE)
_MOST_QUOTED = 200


@dataclass(frozen=True, slots=True)
class Secrets:
    """Texts that no message may hold."""

    texts: frozenset[str] = field(default_factory=frozenset, repr=False)

    def __or__(self, other: Secrets) -> Secrets:
        return Secrets(self.texts | other.texts)

    def quoted(self, text: str) -> str:
        """What somebody else said, as `quoted`, with `***` for each secret."""
        for secret in sorted(self.texts, key=len, reverse=True):
            text = text.replace(secret, "***")
        return quoted(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a source is."""

    full: str = field(repr=False)
    """With everything in it."""
    bare: str = field(repr=False)
    """Without user and password."""
    user: str | None
    password: str = field(repr=False)
    shown: str
    """For messages: as the plan has it, without user, password and query."""
    secrets: Secrets


def quoted(text: str) -> str:
    """What somebody else said, for a message: its first line, short, without characters that move a cursor."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    short = line if len(line) <= _MOST_QUOTED else line[: _MOST_QUOTED - 3] + "..."
    return "".join(char if char.isprintable() else " " for char in short).strip()


def addressed(template: str, env: Mapping[str, str]) -> Address:
    """The address that a plan writes.

    Raises:
        UsageError: a variable is not set, or the address cannot be read.
    """
    said = shown(template)
    full = _resolved(template, env)
    found = _PARTS.fullmatch(full)
    if found is None:
        raise UsageError(f"{said} is no address", hint="write it as scheme://host/...")
    given = found["user"]
    if not _readable(full, given or ""):
        hint = "percent-encode what is special in user and password: @ is %40, / is %2F"
        raise UsageError(f"the address {said} cannot be read", hint=hint)
    user, _, password = (given or "").partition(":")
    return Address(
        full=full,
        bare=f"{found['scheme']}://{found['rest']}",
        user=unquote(user) if given is not None else None,
        password=unquote(password),
        shown=said,
        secrets=secrets_of(template, env=env) | Secrets(frozenset(_inside(full, password))),
    )


def shown(template: str) -> str:
    """An address as the plan has it, without user, password and query."""
    found = _PARTS.fullmatch(template)
    if found is None:
        return "the address" if "@" in template else _without_query(template)
    return f"{found['scheme']}://{_without_query(found['rest'])}"


def secrets_of(*templates: str, env: Mapping[str, str]) -> Secrets:
    """The values of all variables that the texts name, plain and percent-encoded."""
    names = {name for template in templates for name in _REFERENCE.findall(template)}
    values = {env[name] for name in names if env.get(name)}
    return Secrets(frozenset(values | {_encoded(value) for value in values}))


def filled(template: str, values: Mapping[str, str], *, where: str) -> str:
    """The text with `${model}` and its like replaced; `$${` and `${env:NAME}` are left for later.

    Raises:
        UsageError: it has a placeholder that nobody fills.
    """

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return match[0]
        if match["name"] not in values:
            known = ", ".join(f"${{{name}}}" for name in values)
            raise UsageError(f"{where}: nothing is known for {match[0]}", hint=f"there are {known}")
        return values[match["name"]]

    return _PLACEHOLDER.sub(value, template)


def _without_query(text: str) -> str:
    return re.split("[?#]", text, maxsplit=1)[0]


def _resolved(template: str, env: Mapping[str, str]) -> str:
    found = _PARTS.fullmatch(template)
    if found is None:
        return resolve(template, env)
    encoded = {name: _encoded(value) for name, value in env.items()}
    user = "" if found["user"] is None else resolve(found["user"], encoded) + "@"
    place, mark, query = found["rest"].partition("?")
    return f"{found['scheme']}://{user}{resolve(place, env)}{mark}{resolve(query, encoded)}"


def _encoded(value: str) -> str:
    # The environment may hold bytes that are no text.
    return quote(value, safe="", errors="surrogateescape")


def _readable(full: str, user: str) -> bool:
    """Nobody could take a part of the password for the host."""
    try:
        return "@" not in user and urlsplit(full).port != 0
    except ValueError:
        return False


def _inside(full: str, password: str) -> Iterable[str]:
    told = {value for name, value in parse_qsl(urlsplit(full).query) if _SECRET.search(name)}
    return {text for text in (password, unquote(password), *told, *(_encoded(value) for value in told)) if text}
