"""Who may do what at AWS, as IAM says: what is missing is told by name, and nothing is changed."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

import pytest

from mlship.errors import OutOfReach, UsageError
from mlship.plan.routing import all_to
from tests.support.alb_site import AlbSite
from tests.support.balanced_site import drawn
from tests.support.rest_stub import listening

LOOKING = ("elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTargetHealth")


def test_a_user_who_may_look_and_not_change(site: AlbSite) -> None:
    """AWS's own word for it, and which right is missing, by a step as by a rollback; the rule is as it was."""
    site.up("v1", "v2").route(drawn(1000))
    denied = r"AWS says AccessDenied to modify_rule: User: .* is not authorized to perform"
    with site.account.user(*LOOKING):
        driver = site.open()
        with pytest.raises(OutOfReach, match=denied) as step:
            driver.route(drawn(2000))
        with pytest.raises(OutOfReach, match=denied) as back:
            driver.insist(all_to("v1"))
        assert list(driver.troubles(fence=1, held=False)) == []

    assert {step.value.hint, back.value.hint} == {"allow elasticloadbalancing:ModifyRule"}
    assert driver.observe().routing == drawn(1000)

    with site.account.user(*LOOKING, "elasticloadbalancing:ModifyRule"):
        site.open().route(drawn(2000))
    assert driver.observe().routing == drawn(2000)


def test_a_user_who_may_not_look(site: AlbSite) -> None:
    """`doctor` tells which right is missing, and so do a step and a rollback."""
    site.up("v1", "v2")
    denied = "AWS says AccessDenied to describe_rules"
    with site.account.user("elasticloadbalancing:ModifyRule"):
        driver = site.open()
        with pytest.raises(UsageError, match=denied):
            driver.route(drawn(2000))
        with pytest.raises(OutOfReach, match=denied) as back:
            driver.insist(all_to("v1"))
        (trouble,) = driver.troubles(fence=1, held=False)

    assert (trouble.mark, trouble.message) == ("FAIL", back.value.message)
    assert trouble.hint == back.value.hint == "allow elasticloadbalancing:DescribeRules"


def test_keys_that_aws_does_not_know(site: AlbSite) -> None:
    """As a deleted user's: the credentials are what has to be renewed."""
    site.up("v1", "v2")
    with site.account.checking():
        driver = site.open()
        with pytest.raises(OutOfReach, match="AWS says InvalidClientTokenId to describe_rules") as step:
            driver.route(drawn(2000))
        with pytest.raises(OutOfReach, match="AWS says InvalidClientTokenId") as back:
            driver.insist(all_to("v1"))
        (trouble,) = driver.troubles(fence=1, held=False)

    assert {step.value.hint, back.value.hint, trouble.hint} == {
        "renew the credentials; AWS_PROFILE or `profile` names others"
    }


class Expired(BaseHTTPRequestHandler):
    """Answers as AWS documents it for a session that has ended."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        words = "<Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message>"
        data = f"<ErrorResponse><Error><Type>Sender</Type>{words}</Error></ErrorResponse>".encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


def test_a_session_that_has_ended(site: AlbSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a rollout: a step, a rollback and `doctor` tell what to renew. moto's sessions never end."""
    site.up("v1", "v2")
    with listening(Expired) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        driver = site.open()
        with pytest.raises(OutOfReach, match="AWS says ExpiredToken to describe_rules: The security token") as step:
            driver.route(drawn(2000))
        with pytest.raises(OutOfReach, match="AWS says ExpiredToken") as back:
            driver.insist(all_to("v1"))
        (trouble,) = driver.troubles(fence=1, held=False)

    assert {step.value.hint, back.value.hint, trouble.hint} == {
        "renew the credentials; AWS_PROFILE or `profile` names others"
    }
