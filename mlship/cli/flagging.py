"""What `mlship flag` makes of the rules: lists of rules as a plan writes them, in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlship.errors import UsageError
from mlship.plan.rulewords import HINT, rule_of

Rules = list[dict[str, Any]]


def added(rules: Rules, words: Sequence[str], *, at: int | None) -> Rules:
    """With one rule more: `never` first, any other last but before one that decides for everybody, or at place `at`."""
    if not words:
        raise UsageError("add what?", hint=HINT)
    return _placed(rules, rule_of(words), at=at)


def _placed(rules: Rules, rule: dict[str, Any], *, at: int | None) -> Rules:
    if at is not None and not 1 <= at <= len(rules) + 1:
        raise UsageError(f"--at {at}: there are {len(rules)} rules", hint=f"1 to {len(rules) + 1}")
    for_all = next((place for place, each in enumerate(rules) if each.keys() == {"percentage"}), len(rules))
    place = at - 1 if at is not None else 0 if "never" in rule else for_all
    return [*rules[:place], rule, *rules[place:]]


def removed(rules: Rules, words: Sequence[str]) -> Rules:
    """Without the rules of these numbers; `all`: without any."""
    if list(words) == ["all"]:
        return []
    if not words:
        raise UsageError("remove which rule?", hint="its number in `mlship flag SERVICE`, or `all`")
    gone = {_number(rules, word) for word in words}
    return [rule for number, rule in enumerate(rules, start=1) if number not in gone]


def reset(rules: Rules, percentage: str | None, *, number: int | None) -> Rules:
    """With another percentage in rule `number`, or in the only one that has any."""
    if percentage is None:
        raise UsageError("set what?", hint="--percentage 20%")
    place = _chosen(rules, number, key="percentage", instead="`add percentage:10%` makes one")
    return [*rules[:place], {**rules[place], "percentage": percentage}, *rules[place + 1 :]]


def with_users(rules: Rules, words: Sequence[str], *, number: int | None) -> Rules:
    """With more or fewer users in rule `number`, or in the only one that lists any. Their names are read already."""
    verb, names = (words[0] if words else ""), words[1:]
    if verb not in {"add", "remove"} or not names:
        raise UsageError("users what?", hint="users add alice,bob file:more.txt, or users remove alice")
    asked = list(dict.fromkeys(names))
    listing = [rule for rule in rules if "users" in rule]
    if verb == "add" and number is None and not listing:
        return _placed(rules, {"users": asked}, at=None)
    place = _chosen(rules, number, key="users", instead="`add users:alice` makes one")
    there = rules[place]["users"]
    if verb == "add":
        users = list(dict.fromkeys([*there, *asked]))
    else:
        unknown = sorted(set(asked) - set(there))
        if unknown:
            raise UsageError(f"not in rule {place + 1}: {', '.join(unknown[:5])}", hint="nothing was changed")
        gone = set(asked)
        users = [user for user in there if user not in gone]
    kept = [{**rules[place], "users": users}] if users else []
    return [*rules[:place], *kept, *rules[place + 1 :]]


def _chosen(rules: Rules, number: int | None, *, key: str, instead: str) -> int:
    """The place of the rule that is meant."""
    if number is not None:
        place = _number(rules, str(number)) - 1
        if key not in rules[place]:
            raise UsageError(f"rule {number} has no {key}", hint=instead)
        return place
    able = [place for place, rule in enumerate(rules) if key in rule]
    if len(able) != 1:
        several = f"rules {', '.join(str(place + 1) for place in able)} have {key}"
        raise UsageError(several if able else f"no rule has {key}", hint="name one: --rule N" if able else instead)
    return able[0]


def _number(rules: Rules, word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= len(rules):
        there = f"1 to {len(rules)}" if rules else "there are none"
        raise UsageError(f"there is no rule {word!r}", hint=f"rules: {there}")
    return int(word)
