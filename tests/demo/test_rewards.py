"""Users who do what is hoped for, or not, depending on the model that they have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlship.demo import traffic
from tests.demo.test_traffic import Recorder, load, send


def test_rewards_are_told_by_model() -> None:
    """Who is pleased is told to the router under the id of the answer, the same users every time."""
    recorder = Recorder()
    with recorder.listening() as port:
        sent = send(replace(load(port, users=10), rewards={"v1": 1.0}))
        some = send(replace(load(port, users=10), rewards={"v1": 0.5}))
        nobody = send(replace(load(port, users=10), rewards={"v2": 1.0}))

    assert (sent.ok, sent.told, sent.untold) == (60, 60, 0)
    assert (0 < some.told < 60, nobody.told) == (True, 0)
    assert {(each["name"], each["value"]) for each in recorder.told} == {("reward", 1)}
    assert {each["request_id"] for each in recorder.told} <= recorder.asked.keys()


@pytest.mark.parametrize("text", ["v1", "v1=x", "v1=120%", "=5%", "v1=-1%"])
def test_rewards_that_are_no_shares(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They are refused before anything is sent, with how to write them."""
    assert traffic.main(["127.0.0.1:1", "--rewards", text]) == 2
    assert "write it as v1=10%,v2=15%" in capsys.readouterr().err
