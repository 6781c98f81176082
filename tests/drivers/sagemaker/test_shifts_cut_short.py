"""Shifts whose run is killed, superseded, or left without an answer: SageMaker goes on, and nobody is fooled."""

from __future__ import annotations

from typing import Any

import pytest

from mlship.errors import LeaseLost, ModelNotReady, OutOfReach
from mlship.plan.routing import all_to
from tests.drivers.sagemaker.shifting import CANARY, SWITCH, cut_short, seen, serving, to_v2, updates
from tests.emulators.sagemaker import Fault, Outcome
from tests.support.sagemaker_site import SagemakerSite


@pytest.fixture(autouse=True)
def served(site: SagemakerSite) -> None:
    """v1 serves on two instances."""
    serving(site)


def test_a_shift_goes_on_without_a_driver_and_the_next_one_waits_for_it(site: SagemakerSite) -> None:
    """Nothing is asked for twice, and nobody takes a shift under way for one that is over."""
    cut_short(site, CANARY, looks=3)
    before = updates(site)
    under_way = seen(site)

    site.open(fence=2).route(to_v2(CANARY))

    assert under_way.routing == to_v2(CANARY)
    assert updates(site) == before
    assert seen(site).routing == all_to("v2")


def test_a_shift_that_ended_while_nobody_looked_is_known_by_its_configuration(site: SagemakerSite) -> None:
    """The weights of the variant are what they were; which model it holds is told by what was asked for."""
    cut_short(site, CANARY, looks=2)
    site.aws.advance(3600.0)

    assert seen(site).routing == all_to("v2")
    assert set(seen(site).models) == {"v2"}


@pytest.mark.parametrize("reason", [None, "an alarm"])
def test_a_shift_that_was_undone_while_nobody_looked_is_found_out(site: SagemakerSite, reason: str | None) -> None:
    """It is told once, and not begun again."""
    site.outcome(kind="rolled-back", reason=reason, on="update", after="Baking")
    cut_short(site, CANARY, looks=2)
    site.aws.advance(3600.0)
    before = updates(site)

    assert seen(site).routing == all_to("v1")
    with pytest.raises(ModelNotReady, match=reason or "AWS gives no reason"):
        site.open(fence=2).route(to_v2(CANARY))
    assert updates(site) == before


@pytest.mark.parametrize("kind", ["drop", "lose"])
def test_a_call_without_an_answer_may_have_begun_the_shift_or_not(site: SagemakerSite, kind: Any) -> None:
    """The next try finds out which, and asks for it at most once more."""
    before = updates(site)
    site.aws.fault(Fault(kind=kind, on="sagemaker:UpdateEndpoint"))
    driver = site.open()
    with pytest.raises(OutOfReach):
        driver.route(to_v2(SWITCH))

    driver.route(to_v2(SWITCH))

    assert updates(site) - before == (2 if kind == "drop" else 1)
    assert seen(site).routing == all_to("v2")


def test_reads_that_are_late_are_not_taken_for_a_shift_that_failed(site: SagemakerSite) -> None:
    """Right after the call AWS still tells the old state, and nobody concludes anything from it."""
    site.aws.settings.stale_describes = 2

    site.open().route(to_v2(SWITCH))

    assert seen(site).routing == all_to("v2")


def test_a_shift_that_gets_stuck_ends_at_its_limit(site: SagemakerSite) -> None:
    """SageMaker gives it up by itself, and that is a failure like any other."""
    site.aws.outcome(Outcome(kind="stuck", on="update"))

    with pytest.raises(ModelNotReady, match="MaximumExecutionTimeoutInSeconds"):
        site.open().route(to_v2(SWITCH))

    assert seen(site).routing == all_to("v1")


def test_the_way_back_waits_for_a_shift_under_way_and_then_goes_back(site: SagemakerSite) -> None:
    """Nothing can stop SageMaker; the old model gets a variant again, and everything."""
    cut_short(site, SWITCH, looks=2)

    driver = site.open(fence=2)
    driver.expect(all_to("v1"), insist=True)
    driver.ensure("v1", 2)
    driver.insist(all_to("v1"))
    driver.retire("v2")

    assert seen(site).routing == all_to("v1")
    assert {slot["VariantName"] for slot in site.described["ProductionVariants"]} == {"v1-2"}


def test_a_run_that_lost_its_service_leaves_the_shift_alone(site: SagemakerSite) -> None:
    """It notices at its next look, and writes nothing."""
    driver = site.open()

    def taken_over(_: str) -> None:
        site.open(fence=7)

    driver.tell(taken_over)

    with pytest.raises(LeaseLost):
        driver.route(to_v2(CANARY))
