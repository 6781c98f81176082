"""What `doctor` finds about a balancer that is asked by templates; nothing is changed by looking."""

from __future__ import annotations

import pytest

from mlship.drivers.balancer.rest import RestDriver
from mlship.drivers.trouble import Trouble
from tests.drivers.rest.conftest import TEMPLATES, Bench
from tests.support.balanced_site import drawn
from tests.support.rest_site import NghttpxSite
from tests.support.rest_stub import Plain, Stub


def troubles(bench: Bench, *stubs: Stub, **more: object) -> list[Trouble]:
    return list(bench.open(TEMPLATES, *stubs, fence=None, **more).troubles(fence=1, held=False))


def test_a_sound_one_has_none(bench: Bench, plain: Stub) -> None:
    """And it is only read."""
    bench.up(TEMPLATES, plain).route(drawn(1000))
    before = len([asked for asked in plain.asked if not asked.startswith("GET")])

    assert troubles(bench, plain) == []
    assert len([asked for asked in plain.asked if not asked.startswith("GET")]) == before


def test_one_that_is_not_there(bench: Bench) -> None:
    """It is one sentence."""
    (trouble,) = troubles(bench, Stub(product=Plain(), port=1))

    assert (trouble.mark, "http://127.0.0.1:1 does not answer" in trouble.message) == ("FAIL", True)


def test_a_token_that_is_not_told(bench: Bench, plain: Stub) -> None:
    """Without it what others change meanwhile would be overwritten."""
    read = {**TEMPLATES["read"], "token": {"header": "X-Version"}}

    (trouble,) = troubles(bench, plain, read=read)

    assert (trouble.mark, "tells no token" in trouble.message) == ("warn", True)


def test_a_login_in_clear(bench: Bench, plain: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over http to another machine; on this one nobody is on the way, and the login itself is never told."""
    monkeypatch.setenv("TOKEN", "hunter2")
    auth = {"auth": {"type": "bearer", "token": "${env:TOKEN}"}, "retries": 0, "timeout": "50ms"}
    away = RestDriver(bench.opening({**TEMPLATES, **auth, "nodes": [{"url": "http://192.0.2.1"}]}, None))

    found = list(away.troubles(fence=1, held=False))

    assert [trouble.mark for trouble in found] == ["warn", "FAIL"]
    assert "can read what mlship logs in with" in found[0].message
    assert "hunter2" not in str(found)
    assert troubles(bench, plain, **auth) == []


@pytest.mark.nghttpx
def test_answers_that_do_not_tell_who_they_are_of(nghttpx: NghttpxSite) -> None:
    """What the probe would count is missing, or says something that no model of the plan is called."""
    probe = nghttpx.templates["probe"]
    for who, told in (({"header": "x-other"}, "does not tell which"), ("pid", "tells '")):
        nghttpx.settings = {"probe": {**probe, "path": "/predict", "who": who, "requests": 20}}
        found = list(nghttpx.open(None).troubles(fence=1, held=False))
        assert [(trouble.mark, told in trouble.message) for trouble in found] == [("FAIL", True)] * 2

    nghttpx.settings = {}
    assert list(nghttpx.open(None).troubles(fence=1, held=False)) == []
