"""The rules of a feature flag in a plan: what they mean, and what may be wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.plan.load import revive
from mlship.plan.model import FeatureFlag
from mlship.plan.rule import WHOLE, Condition, Part, Rule
from mlship.plan.rulebook import build_rule, cast, written
from mlship.plan.rulecheck import refusal
from tests.plan.reading import BARE, faults, read

HEAD = f"{BARE}assign-by: header:x-user\nstages:\n  - strategy: feature-flag\n    rules:\n"


def flag(*rules: str, head: str = HEAD, rest: str = "") -> str:
    return head + "".join(f"      - {rule}\n" for rule in rules) + rest


def stage(text: str) -> FeatureFlag:
    (found,) = read(text).stages
    assert isinstance(found, FeatureFlag)
    return found


def header(name: str, *values: str, pattern: str | None = None, absent: bool = False) -> Condition:
    return Condition(part=Part.HEADER, name=name, values=values, pattern=pattern, absent=absent)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{ never: { header: { X-Tier: free } } }", Rule(model="live", when=(header("x-tier", "free"),))),
        ('{ header: { x-beta: "yes" } }', Rule(model="candidate", when=(header("x-beta", "yes"),))),
        ("{ header: { x-a: [b, c] } }", Rule(model="candidate", when=(header("x-a", "b", "c"),))),
        ('{ header: { x-a: { matches: "d|e" } } }', Rule(model="candidate", when=(header("x-a", pattern="d|e"),))),
        ("{ header: { x-a: { absent: true } } }", Rule(model="candidate", when=(header("x-a", absent=True),))),
        ("{ header: { x-a: { absent: false } } }", Rule(model="candidate", when=(header("x-a"),))),
        ("{ percentage: 12.5% }", Rule(model="candidate", share=1250)),
        (
            "{ cookie: { Ring: a }, query: { V: b }, users: [alice, Bob], percentage: 1% }",
            Rule(
                model="candidate",
                when=(
                    Condition(part=Part.COOKIE, name="Ring", values=("a",)),
                    Condition(part=Part.QUERY, name="V", values=("b",)),
                    Condition(part=Part.USER, values=("alice", "Bob")),
                ),
                share=100,
            ),
        ),
    ],
)
def test_a_rule_is_read_and_written(text: str, rule: Rule) -> None:
    """Names of headers do not tell case apart, all others do; what is written back is read as the same rule."""
    assert stage(flag(text, "{ header: { x-last: a } }") if rule.model == "live" else flag(text)).rules[0] == rule

    (played,) = cast([rule], live="v1", candidate="v2")
    assert played == replace(rule, model="v1" if rule.model == "live" else "v2")
    assert build_rule(written(played, live="v1")) == rule


def test_the_order_is_kept() -> None:
    """The first rule that matches decides, so the order says what is meant."""
    rules = stage(flag("never: { header: { x-a: b } }", "users: [alice]", "percentage: 10%")).rules

    assert [(rule.model, len(rule.when), rule.share) for rule in rules] == [
        ("live", 1, WHOLE),
        ("candidate", 1, WHOLE),
        ("candidate", 0, 1000),
    ]


def test_users_from_a_file_become_part_of_the_record(tmp_path: Path) -> None:
    """The file may change or go: what was read is what the journal keeps."""
    names = [f"user-{number}" for number in range(10_000)]
    (tmp_path / "beta.txt").write_text("# testers\n\n" + "\r\n".join(names) + "\n", "utf-8")
    plan = read(flag("users: file:beta.txt", "never: { users: file:beta.txt }", "percentage: 1%"), base=tmp_path)
    (tmp_path / "beta.txt").unlink()

    (revived,) = revive(json.loads(json.dumps(plan.document))).stages

    assert isinstance(revived, FeatureFlag)
    assert [rule.when[0].values for rule in revived.rules[:2]] == [tuple(names)] * 2
    assert plan.stages == (revived,)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("{}", "10:9: stages[0].rules[0]: must not be empty"),
        ("{ heder: { a: b } }", "10:11: stages[0].rules[0].heder: unknown key (did you mean header?)"),
        (
            "{ header: { x-a: { matches: '(?=a)' } } }",
            (
                "10:37: stages[0].rules[0].header.x-a.matches: no regular expression: invalid perl operator: (?= "
                "(patterns are RE2: no lookaheads, no lookbehinds, no backreferences)"
            ),
        ),
        (
            "{ cookie: { a: { matches: '(a)\\1' } } }",
            (
                "10:35: stages[0].rules[0].cookie.a.matches: no regular expression: invalid escape sequence: \\1 "
                "(patterns are RE2: no lookaheads, no lookbehinds, no backreferences)"
            ),
        ),
        (
            "{ users: [alice, bob, alice] }",
            '10:31: stages[0].rules[0].users: "alice" comes twice: see line 10 (remove one)',
        ),
        (
            "{ percentage: 0% }",
            '10:23: stages[0].rules[0].percentage: expected more than 0% and at most 100%; got "0%"',
        ),
        (
            "{ percentage: 0.001% }",
            (
                "10:23: stages[0].rules[0].percentage: finer than 0.01%: 0.001% "
                "(the router divides users into steps of 0.01%)"
            ),
        ),
        (
            "{ header: { X-Mlship-Model: v2 } }",
            (
                "10:21: stages[0].rules[0].header.X-Mlship-Model: x-mlship- headers are the router's own: "
                "clients cannot send them"
            ),
        ),
        (
            "{ header: { x-a: b }, never: { header: { x-c: d } } }",
            "10:11: stages[0].rules[0].header: belongs inside `never` (write never: { ... }, or remove it)",
        ),
        (
            "never: { percentage: 10% }",
            "10:18: stages[0].rules[0].never.percentage: unknown key (known: cookie, header, query, users)",
        ),
        (
            "never: { header: { x-c: d } }",
            "9:5: stages[0].rules: no rule leads anybody to the candidate (add one without `never`)",
        ),
        (
            "{ users: file:none.txt }",
            (
                "10:18: stages[0].rules[0].users: /srv/none.txt cannot be read: No such file or directory "
                "(paths start from the plan's folder)"
            ),
        ),
    ],
)
def test_a_wrong_rule_says_where(rule: str, fault: str) -> None:
    """One fault at its exact place."""
    assert faults(flag(rule)) == [fault]


def test_a_list_of_users_says_where_it_is_wrong(tmp_path: Path) -> None:
    """In the file itself, by line; a file without users, where the plan names it."""
    (tmp_path / "beta.txt").write_bytes(b"alice\nbob\n\nalice\na\x07b\n")
    (tmp_path / "empty.txt").write_text("# nobody\n")
    (tmp_path / "latin.txt").write_bytes(b"ok\n\xe9ric\n")
    files = ("beta", "empty", "latin")

    told = faults(flag(*(f"users: file:{name}.txt" for name in files)), base=tmp_path)

    where = str(tmp_path)
    assert [fault.replace(where, "") for fault in told] == [
        "11:16: stages[0].rules[1].users: /empty.txt names no user (write one per line)",
        '/beta.txt:4:1: stages[0].rules[0].users: "alice" comes twice: see line 1 (remove one)',
        (
            '/beta.txt:5:1: stages[0].rules[0].users: no user can be called "a\\x07b" '
            "(1 to 200 characters, no blanks at the ends)"
        ),
        "/latin.txt:2:1: stages[0].rules[2].users: is no UTF-8 text (write one user per line)",
    ]


def test_users_need_a_name() -> None:
    """Without `assign-by` nothing says who somebody is."""
    head = HEAD.replace("assign-by: header:x-user\n", "")

    assert faults(flag("users: [alice]", head=head)) == [
        "9:9: stages[0].rules[0].users: nothing says who a user is (add `assign-by: header:x-user-id` to the plan)"
    ]
    assert stage(flag("percentage: 10%", head=head)).rules


def test_a_rule_behind_one_for_everybody_is_never_asked() -> None:
    """A percentage decides for all users, those who do not get the candidate too."""
    assert faults(flag("percentage: 10%", "header: { x-a: b }")) == [
        "11:9: stages[0].rules[1]: is never asked: rule 1 decides for everybody (move it up)"
    ]


COMPARISON = "    gates: [{ metric: error_rate, no-worse-than: live, margin: 1% }]\n"


def test_a_comparison_needs_users_drawn_by_chance() -> None:
    """It works where a percentage is the only rule; everywhere else other people are compared, not models."""
    assert stage(flag("percentage: 10%", rest=COMPARISON)).gates

    for rules in (
        ["users: [alice]"],
        ["never: { header: { x-a: b } }", "percentage: 10%"],
        ["{ users: [a], percentage: 10% }"],
    ):
        (fault,) = faults(flag(*rules, rest=COMPARISON))
        assert "a comparison can never pass here: not randomised" in fault
        assert fault.endswith("(use a ceiling: { metric: error_rate, max: 5% })")


def test_a_flag_comes_before_the_candidate_has_users() -> None:
    """They would lose it."""
    (fault,) = faults(
        f"{BARE}stages:\n  - {{ strategy: canary, weights: [5%] }}\n"
        "  - { strategy: feature-flag, rules: [{ percentage: 1% }] }\n"
    )

    assert (
        fault
        == "8:17: stages[1].strategy: the candidate has users already, who would lose it here (move this stage up)"
    )


@pytest.mark.parametrize("pattern", ["de|at", "(?i)pro", "[0-9]{1,3}", r"\d+", "."])
def test_the_patterns_of_re2_are_taken(pattern: str) -> None:
    """Only what the router would refuse is refused."""
    assert refusal(pattern) == ""


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)", r"(a)\1", "a(", "a**", r"\pL{1000}", r"\x{10FFFF}"])
def test_what_the_router_would_refuse_is_refused(pattern: str) -> None:
    """Lookarounds, backreferences, what is malformed, and what is too large."""
    assert refusal(pattern)
