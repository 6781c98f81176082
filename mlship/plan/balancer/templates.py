"""What request templates may get wrong: placeholders, expressions, references, bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlship.plan.balancer.placeholders import (
    EVERYWHERE,
    OF_A_SPLIT,
    OF_ONE,
    PLACEHOLDER,
    complaint,
    expressions,
    starts,
)
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps

BODIES = ("json", "form", "text", "lines")
SOURCES = ("json", "header", "regex")


def check_templates(draft: Draft, at: Steps) -> None:
    """Add every fault of the templates of the driver's settings at `at`."""
    captured = [name for step in draft.places(*at, "prepare") for name in draft.names(*step, "capture")]
    for path, known in _requests(draft, at):
        _bodies(draft, path)
        for place, text in _texts(draft, path):
            more = (OF_ONE,) if place[len(path)] == "lines" else ()
            _placeholders(draft, place, text, (*known, *more), captured)
    for path, known in _wheres(draft, at):
        _where(draft, path, known, captured)
    _references(draft, at)
    _token(draft, at)
    if draft.has(*at, "write", "request-zero") and not draft.has(*at, "write", "for-each"):
        hint = "add `for-each: server`, or remove it"
        draft.fault((*at, "write", "request-zero"), "there is one request for all weights", hint, at_key=True)


def _requests(draft: Draft, at: Steps) -> Iterator[tuple[Steps, tuple[str, ...]]]:
    """Where requests stand, and what their placeholders may look at."""
    for step in draft.places(*at, "prepare"):
        yield (*step, "request"), EVERYWHERE
    yield (*at, "read", "request"), EVERYWHERE
    one = (OF_ONE,) if draft.has(*at, "write", "for-each") else ()
    for key in ("request", "request-zero"):
        yield (*at, "write", key), (*EVERYWHERE, *OF_A_SPLIT, *one)


def _wheres(draft: Draft, at: Steps) -> Iterator[tuple[Steps, tuple[str, ...]]]:
    """Where it stands what to find in a reply."""
    for step in draft.places(*at, "prepare"):
        yield from (((*step, "capture", name), EVERYWHERE) for name in draft.names(*step, "capture"))
    yield (*at, "read", "weight"), (*EVERYWHERE, OF_ONE)
    yield (*at, "read", "token"), EVERYWHERE
    yield (*at, "probe", "who"), ()


def _texts(draft: Draft, path: Steps) -> Iterator[tuple[Steps, str]]:
    node = draft.node(path)
    if node is None:
        return
    if isinstance(node.value, str):
        yield path, node.value
    elif isinstance(node.value, dict):
        for key in node.value:
            yield from _texts(draft, (*path, key))
    elif isinstance(node.value, list):
        for place in range(len(node.value)):
            yield from _texts(draft, (*path, place))


def _placeholders(draft: Draft, path: Steps, text: str, known: tuple[str, ...], captured: list[str]) -> None:
    for expression in expressions(text):
        if why := complaint(expression):
            draft.fault(path, f"{{{{{expression}}}}} is no JMESPath expression: {why}", "write it as on jmespath.org")
            continue
        for name in sorted(starts(expression) - set(known)):
            draft.fault(path, f"a placeholder here cannot look at {name}", f"known here: {', '.join(known)}")
        wanted = re.fullmatch(r"captured\.([A-Za-z_]\w*)", expression)
        if wanted and wanted[1] not in captured:
            hint = "captured are " + ", ".join(captured) if captured else "add `prepare` with `capture`"
            draft.fault(path, f"no request captures {wanted[1]}", hint)


def _bodies(draft: Draft, path: Steps) -> None:
    given = [key for key in BODIES if draft.has(*path, key)]
    for key in given[1:]:
        draft.fault((*path, key), f"the request has a body already: `{given[0]}`", "keep one of them", at_key=True)


def _where(draft: Draft, path: Steps, known: tuple[str, ...], captured: list[str]) -> None:
    told = draft.value(*path)
    if isinstance(told, dict):
        given = [key for key in SOURCES if key in told]
        if len(given) != 1:
            draft.fault(path, "expected one of json, header and regex", "JMESPath may stand without a key")
    for place, text in _texts(draft, path):
        _placeholders(draft, place, text, known, captured)
        key = place[-1] if place != path else "json"
        # What a placeholder will put there is a text like any other.
        sample = PLACEHOLDER.sub("x", text)
        if key in {"regex", "zero-if"}:
            _pattern(draft, place, sample, grouped=key == "regex")
        elif key == "json" and (why := complaint(sample)):
            draft.fault(place, f"no JMESPath expression: {why}", "names with hyphens need quotes")


def _pattern(draft: Draft, path: Steps, pattern: str, *, grouped: bool) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        draft.fault(path, f"no regular expression: {error}")
        return
    if grouped and groups != 1:
        draft.fault(
            path, f"expected one group, which is what is found; got {groups}", "(?:...) groups and finds nothing"
        )


def _references(draft: Draft, at: Steps) -> None:
    for path, text in _texts(draft, at):
        rest = path[len(at) :]
        late = rest[0] == "auth" or rest[-1] in {"url", "users"} or "headers" in rest
        if "${env:" in text and not late:
            hint = "use it in `auth`, `url` or `headers`; for others there is ${var:name} with --var"
            draft.fault(path, "the environment is not read here: messages show it", hint)


def _token(draft: Draft, at: Steps) -> None:
    uses = any(
        "token" in starts(expression)
        for path in _writes(at)
        for _, text in _texts(draft, path)
        for expression in expressions(text)
        if not complaint(expression)
    )
    if uses and not draft.has(*at, "read", "token"):
        draft.fault((*at, "write"), "`token` is used, and nothing reads it", "add `token` to `read`", at_key=True)
    elif draft.has(*at, "read", "token") and not uses and draft.value(*at, "write") is not None:
        hint = 'send it, as in `headers: { If-Match: "{{token}}" }`, or remove it'
        draft.fault((*at, "read", "token"), "nothing sends it: it would prevent nothing", hint, at_key=True)


def _writes(at: Steps) -> tuple[Steps, ...]:
    return ((*at, "write", "request"), (*at, "write", "request-zero"))
