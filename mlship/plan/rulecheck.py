"""What a plan may get wrong about the rules of a feature flag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mlship.plan import units
from mlship.plan.draft import Draft
from mlship.plan.fault import Place, Steps, shown
from mlship.plan.routing import WHOLE
from mlship.plan.rulebook import PARTS
from mlship.plan.userlist import check_users, read_users

_BEYOND_BYTES = re.compile(r"\\x\{0*[0-9A-Fa-f]{3,}\}")

OWN = "x-mlship-"
"""Request headers that are the router's to write: a client that sends one is not heard."""

NOT_RANDOM = "its rules choose the users, and who is chosen differs from the others in more than the model"


def check_flags(draft: Draft, *, base: Path) -> None:
    """Add the faults of every feature flag's rules."""
    for stage in draft.places("stages"):
        if draft.value(*stage, "strategy") == "feature-flag":
            check_rules(draft, stage, base=base)


def check_rules(draft: Draft, stage: Steps, *, base: Path) -> None:
    """Add the faults of a stage's `rules`; files of users start from `base`."""
    everybody = ""
    reached = False
    for path in draft.places(*stage, "rules"):
        _rule(draft, path, base)
        if everybody:
            draft.fault(path, f"is never asked: {everybody} decides for everybody", "move it up")
        if draft.names(*path).keys() <= {"percentage"}:
            everybody = f"rule {int(path[-1]) + 1}"
        reached = reached or "never" not in draft.names(*path)
    if draft.has(*stage, "rules") and not reached and not draft.findings:
        draft.fault((*stage, "rules"), "no rule leads anybody to the candidate", "add one without `never`", at_key=True)


def is_random(draft: Draft, stage: Steps) -> bool:
    """The stage's only rule is a percentage: chance alone tells the two models' users apart."""
    rules = list(draft.places(*stage, "rules"))
    return len(rules) == 1 and draft.names(*rules[0]).keys() == {"percentage"}


def draws(draft: Draft, stage: Steps) -> Steps | None:
    """The stage's first percentage."""
    paths = ((*path, "percentage") for path in draft.places(*stage, "rules"))
    return next((path for path in paths if draft.has(*path)), None)


def _rule(draft: Draft, path: Steps, base: Path) -> None:
    if draft.has(*path, "never"):
        for key in draft.names(*path).keys() - {"never"}:
            draft.fault((*path, key), "belongs inside `never`", "write never: { ... }, or remove it", at_key=True)
        _conditions(draft, (*path, "never"), base)
        return
    _conditions(draft, path, base)
    percentage = draft.value(*path, "percentage")
    if percentage is not None:
        _percentage(draft, (*path, "percentage"), percentage)


def _percentage(draft: Draft, path: Steps, text: str) -> None:
    share = units.basis_points(text)
    if share is None:
        draft.fault(path, f"finer than 0.01%: {text}", "the router divides users into steps of 0.01%")
    elif not 0 < share <= WHOLE:
        draft.fault(path, f"expected more than 0% and at most 100%; got {shown(text)}")


def _conditions(draft: Draft, path: Steps, base: Path) -> None:
    for part in PARTS:
        for name in draft.names(*path, str(part)):
            place: Steps = (*path, str(part), name)
            if part == "header" and name.lower().startswith(OWN):
                draft.fault(place, f"{OWN} headers are the router's own: clients cannot send them", at_key=True)
            if draft.has(*place, "matches"):
                _pattern(draft, (*place, "matches"))
    if draft.has(*path, "users"):
        _users(draft, (*path, "users"), base)


def _users(draft: Draft, path: Steps, base: Path) -> None:
    def complain(place: Place, message: str, hint: str) -> None:
        draft.findings.add(place, path, message, hint)

    if not draft.has("assign-by"):
        draft.fault(path, "nothing says who a user is", "add `assign-by: header:x-user-id` to the plan", at_key=True)
    node = draft.node(path)
    if node is not None and isinstance(node.value, str):
        read_users(node.value, base=base, at=node.place, complain=complain)
    else:
        check_users(_listed(draft, path), complain)


def _listed(draft: Draft, path: Steps) -> Iterator[tuple[Place, str]]:
    for place in draft.places(*path):
        node = draft.node(place)
        if node is not None and isinstance(node.value, str):
            yield node.place, node.value


def _pattern(draft: Draft, path: Steps) -> None:
    pattern = draft.value(*path)
    if pattern is None:
        return
    why = refusal(pattern)
    if why:
        hint = "patterns are RE2: no lookaheads, no lookbehinds, no backreferences"
        draft.fault(path, f"no regular expression: {why}", hint)


def refusal(pattern: str) -> str:
    """Why RE2 refuses a pattern, in its own words; empty: it does not. DuckDB brings the engine that Envoy has."""
    import duckdb

    if _BEYOND_BYTES.search(pattern):
        return "the router compares bytes, and none is above \\xFF"
    try:
        with duckdb.connect(":memory:") as engine:
            engine.execute("SELECT regexp_full_match('', ?)", [pattern]).fetchone()
    except duckdb.Error as error:
        return str(error).removeprefix("Invalid Input Error: ").split("\n")[0]
    return ""
