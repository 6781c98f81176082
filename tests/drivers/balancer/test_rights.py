"""Balancers at a socket that mlship's user may not use."""

from __future__ import annotations

from typing import Any

import pytest

from mlship.errors import OutOfReach
from mlship.plan.routing import all_to
from tests.drivers.balancer.makes import MAKES, Make
from tests.support.balanced_site import drawn
from tests.support.rights import nobody, open_to

HINTS = {
    "caddy": 'let mlship\'s user use the socket: `"listen": "unix//run/caddy/admin.sock|0660"` and its group',
    "envoy": "let mlship's user use the socket: `mode` of its `pipe` in the configuration, and its group",
    "haproxy": "let mlship's user use the socket: `usermod -aG haproxy USER`, or `group` in its `stats socket` line",
}
"""Engine → what to do."""
AT_SOCKETS = [pytest.param(make, marks=getattr(pytest.mark, make.engine)) for make in MAKES if make.engine in HINTS]


@pytest.mark.parametrize("make", AT_SOCKETS, ids=str)
def test_a_socket_of_another_user(make: Make[Any]) -> None:
    """That and what to do are told by step, rollback and `doctor`; nothing is changed, and no number is made up."""
    with make.opened() as site:
        driver = site.up("v1", "v2")
        open_to(site.folder)
        with nobody():
            with pytest.raises(OutOfReach, match=r"admin.sock does not answer: Permission denied") as step:
                driver.route(drawn(1000))
            with pytest.raises(OutOfReach, match=r"admin.sock does not answer: Permission denied") as back:
                driver.insist(all_to("v1"))
            with pytest.raises(OutOfReach, match="Permission denied"):
                driver.measure()
            (trouble,) = driver.troubles(fence=1, held=False)

        assert "Permission denied" in trouble.message
        assert {step.value.hint, back.value.hint, trouble.hint} == {HINTS[make.engine]}
        assert driver.observe().routing == all_to("v1")
