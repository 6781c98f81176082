"""Weighted target groups of an AWS Application Load Balancer, against moto's API: there is no traffic behind it."""

from __future__ import annotations

import sys

import pytest
from msgspec.structs import replace

from mlship.drivers.balancer.alb.node import server_of
from mlship.errors import ModelNotReady, OutOfReach, RoutingRefused, UsageError
from mlship.plan.pool import Pool
from mlship.plan.routing import Routing, all_to
from tests.support.alb_site import AlbSite
from tests.support.balanced_site import drawn


@pytest.mark.parametrize("what", ["rule", "listener"])
@pytest.mark.parametrize(("share", "weights"), [(10, (999, 1)), (100, (990, 10)), (9000, (111, 999))])
def test_weights_are_whole_exact_and_at_most_999(
    site: AlbSite,
    what: str,
    share: int,
    weights: tuple[int, int],
) -> None:
    """Of a rule as of a listener; they are read back."""
    site.by_rule = what == "rule"
    driver = site.up("v1", "v2")

    driver.route(drawn(share))

    assert site.weights == dict(zip(("v1", "v2"), weights, strict=True))
    assert driver.observe().routing == drawn(share)


@pytest.mark.parametrize("share", [1, 5, 15])
def test_what_is_finer_is_refused(site: AlbSite, share: int) -> None:
    """moto would take a weight of 9999; AWS would not, and is not asked."""
    driver = site.up("v1", "v2")

    with pytest.raises(RoutingRefused, match="no whole weights"):
        driver.route(drawn(share))
    assert site.weights == {"v1": 1, "v2": 0}


def test_everything_to_one_keeps_the_other_in_the_rule(site: AlbSite) -> None:
    """AWS checks the health of a target group only where a rule names it: the way back stays warm."""
    driver = site.up("v1", "v2")
    driver.route(all_to("v2"))

    assert site.weights == {"v1": 0, "v2": 999}


def test_a_candidate_is_named_before_it_is_waited_for(site: AlbSite) -> None:
    """With a weight of 0, and the others as they are."""
    driver = site.open()
    driver.ensure("v2", 1)

    assert site.weights == {"v1": 1, "v2": 0}


def test_everything_else_of_the_rule_stays(site: AlbSite) -> None:
    """A login before the forward, and a group of somebody's without a share."""
    other = site.group(f"somebody-{id(site)}"[:32])
    elb = site.account.client()
    forward = {
        "Type": "forward",
        "Order": 2,
        "ForwardConfig": {
            "TargetGroups": [
                {"TargetGroupArn": site.groups["v1"], "Weight": 7},
                {"TargetGroupArn": other, "Weight": 0},
            ]
        },
    }
    login = {
        "Type": "fixed-response",
        "Order": 1,
        "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "x"},
    }
    elb.modify_rule(RuleArn=site.rule, Actions=[login, forward])
    driver = site.up("v1", "v2")

    driver.route(drawn(5000))

    assert site.weights == {"v1": 999, other: 0, "v2": 999}
    assert [action["Type"] for action in site.actions] == ["fixed-response", "forward"]
    assert site.actions[0]["FixedResponseConfig"] == login["FixedResponseConfig"]


def test_a_change_by_somebody_else_stops_a_step_and_no_rollback(site: AlbSite) -> None:
    """Both values are told, a group that is no model's by its name."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    other = site.group(f"somebody-{id(site)}"[:32])
    site.forward({"v1": 1, other: 3})

    with pytest.raises(RoutingRefused, match=r"it has v1 25%, targetgroup/somebody-\d+/\w+ 75%, mlship has set v2"):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))

    assert site.weights == {"v1": 999, "v2": 0, other: 0}


@pytest.mark.parametrize("nonsense", [{"v1": 0, "v2": 0}, {"v1": 1000, "v2": -1}])
def test_what_aws_would_not_take_is_told_as_it_stands(site: AlbSite, nonsense: dict[str, int]) -> None:
    """The server of this test takes it: nothing is built upon it, and a rollback sets it right."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    site.forward(nonsense)

    with pytest.raises(RoutingRefused, match="somebody else has changed"):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))

    assert site.weights == {"v1": 999, "v2": 0}


def test_the_same_shares_in_other_numbers_are_no_change(site: AlbSite) -> None:
    """As somebody's console writes them."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    site.forward({"v1": 9, "v2": 1})

    assert driver.observe().routing == drawn(1000)


def test_a_rule_that_keeps_users_is_refused_and_lets_go_in_a_rollback(site: AlbSite) -> None:
    """They would stay in a target group of weight 0; switching that off is the only way to move them."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.forward({"v1": 1, "v2": 1}, sticky=3600)

    (trouble,) = driver.troubles(fence=1, held=False)
    assert (trouble.mark, "keeps users for 3600 s" in trouble.message) == ("FAIL", True)
    with pytest.raises(RoutingRefused, match="keeps users for 3600 s"):
        driver.route(drawn(2500))
    assert site.weights == {"v1": 1, "v2": 1}

    driver.insist(all_to("v1"))
    assert site.weights == {"v1": 999, "v2": 0}
    assert not site.actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"]["Enabled"]


def test_more_groups_than_a_rule_may_have(site: AlbSite) -> None:
    """moto takes six; AWS takes five."""
    others = [site.group(f"other-{number}") for number in range(4)]
    site.forward({"v1": 1, **dict.fromkeys(others, 0)})

    with pytest.raises(RoutingRefused, match="would forward to 6 target groups, and may to 5"):
        site.open().ensure("v2", 1)


@pytest.mark.parametrize(
    ("state", "reason", "up", "parked"),
    [
        ("healthy", "", True, False),
        ("initial", "Elb.InitialHealthChecking", False, False),
        ("unhealthy", "Target.ResponseCodeMismatch", False, False),
        ("unused", "Target.NotInUse", False, False),
        ("unavailable", "Target.HealthCheckDisabled", True, False),
        ("unavailable", "Target.NotRegistered", False, False),
        ("draining", "Target.DeregistrationInProgress", False, True),
    ],
)
def test_states_of_targets(state: str, reason: str, up: bool, parked: bool) -> None:  # noqa: FBT001
    """As AWS documents them; moto knows healthy ones only."""
    found = server_of(
        {
            "Target": {"Id": "192.0.2.1", "Port": 8000},
            "TargetHealth": {"State": state, **({"Reason": reason} if reason else {})},
        }
    )

    assert (found.name, found.up, found.parked) == ("192.0.2.1:8000", up, parked)
    assert found.told == ": ".join(word for word in (state, reason) if word)


def test_a_group_without_targets_is_not_ready(site: AlbSite) -> None:
    """It is named, with what is missing."""
    elb = site.account.client()
    elb.deregister_targets(TargetGroupArn=site.groups["v2"], Targets=[{"Id": "192.0.2.2", "Port": 8000}])

    with pytest.raises(ModelNotReady, match="v2 is not ready within 1 s"):
        site.open().ensure("v2", 1)


def test_an_outage_of_the_api_moves_nothing(site: AlbSite) -> None:
    """It is told; the rule is as it was afterwards."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    site.account.stop()
    with pytest.raises(OutOfReach, match="AWS does not answer"):
        driver.route(drawn(2000))
    with pytest.raises(OutOfReach, match="AWS does not answer"):
        driver.insist(all_to("v1"))
    (trouble,) = driver.troubles(fence=1, held=False)
    assert "AWS does not answer" in trouble.message

    site.account.start()
    assert driver.observe().routing == drawn(1000)
    driver.insist(all_to("v1"))
    assert driver.observe().routing == all_to("v1")


def test_a_change_by_somebody_else_in_the_middle_is_left_alone(site: AlbSite) -> None:
    """After mlship has looked, and before its change: the step is refused, both splits are told. No rollback is."""
    driver = site.up("v1", "v2")
    before = driver._fleet.read()
    site.forward({"v1": 3, "v2": 1})

    with pytest.raises(
        RoutingRefused, match=r"somebody else has changed .* just now: it has v1 75%, v2 25%, and had v1 100%"
    ):
        driver._fleet.forward(driver._language.value_of(drawn(5000)), before)
    assert site.weights == {"v1": 3, "v2": 1}

    driver.insist(all_to("v1"))
    assert site.weights == {"v1": 999, "v2": 0}


def test_what_aws_does_not_know(site: AlbSite) -> None:
    """A rule or a target group that is not there is told with AWS's own word for it."""
    site.rule = site.rule[:-4] + "0000"
    with pytest.raises(UsageError, match="RuleNotFound"):
        site.up("v1")


def test_a_rule_that_forwards_nothing(site: AlbSite) -> None:
    """It answers by itself: there is nothing whose weights could be moved."""
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"}}
    site.account.client().modify_rule(RuleArn=site.rule, Actions=[fixed])

    with pytest.raises(RoutingRefused, match="forwards to no target group"):
        site.up("v1")


def test_a_group_without_targets(site: AlbSite) -> None:
    """And one that the rule does not name yet: `doctor` tells both."""
    empty = site.group("empty")
    driver = site.open(
        None, **{**site.models, "v3": replace(site.models["v1"], name="v3", pool=Pool(target_group=empty))}
    )

    told = {
        trouble.message.partition(" the target group of ")[2] or trouble.message
        for trouble in driver.troubles(fence=1, held=False)
    }

    assert told == {
        "v2, whose health AWS does not check then",
        "v3, whose health AWS does not check then",
        "the target group of v3 has no target",
    }


def test_weights_cannot_do_everything(site: AlbSite) -> None:
    """A door that closes, users that stay: refused before AWS is asked."""
    with pytest.raises(RoutingRefused, match="weights divide requests"):
        site.up("v1").route(Routing(segments=(("v1", 10_000),), assign_by="x-user"))


def test_boto3_is_loaded_by_this_driver_alone() -> None:
    """Other commands start without it."""
    import subprocess

    code = "import sys, mlship.cli.app, mlship.drivers.balancer.alb; print('boto3' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "False"
