"""A feature flag on the screen: nobody knows how many match, so no share is claimed."""

from __future__ import annotations

from mlship.journal.events import Done, Intended
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.rule import Rule, header_is
from mlship.views.dashboard import dashboard
from mlship.views.paper import Paper
from tests.views.scenes import GOOD, followed, later, printed, until

BETA = header_is("x-beta", "yes", "v2")


def shown(*rules: Rule) -> str:
    """The dashboard after everything was routed to v1 but what the rules say."""
    routing = Routing(segments=(("v1", WHOLE),), rules=rules)
    events = later(until(GOOD, 55.0), Intended(verb="route", routing=routing), Done(verb="route", seconds=0.1))
    state, feed = followed(events)
    return printed(lambda paper: dashboard(state, feed, events[-1].at, paper), Paper(width=140, height=39))


def asked(page: str, model: str) -> list[str]:
    """The words of the model's row."""
    return next(line.split() for line in page.splitlines() if line.split()[:1] == [model])


def test_who_is_picked_by_rules_has_no_share() -> None:
    """The candidate gets what matches, the live model the rest."""
    page = shown(BETA, Rule(model="v2", share=1000))

    assert asked(page, "v2")[1:3] == ["by", "rules"]
    assert asked(page, "v1")[1:3] == ["the", "rest"]


def test_a_lone_percentage_is_a_share() -> None:
    """Chance alone divides the users."""
    page = shown(Rule(model="v2", share=1000))

    assert asked(page, "v2")[1:3] == ["10", "%"]
    assert asked(page, "v1")[1:3] == ["90", "%"]
