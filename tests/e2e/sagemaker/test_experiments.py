"""A/B tests and bandits on an endpoint by the command line, under callers who do things afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mlship.errors import Exit
from mlship.plan.routing import WHOLE
from tests.e2e.sagemaker.place import SPEED, Emulator, Place
from tests.emulators.sagemaker.local import local_model
from tests.support.site import CLOCK, until

AB = {"strategy": "ab", "split": {"live": "50%", "candidate": "50%"}, "goal": "conversion"}
ARMS = ["live", "v2", "v3"]
BANDIT = {
    "strategy": "bandit", "goal": "conversion", "arms": ARMS,
    "every": "2s", "batch": 50, "burn-in": 30, "floor": "10%",
}  # fmt: skip
WAITS = {"hold": "1s", "requests": 0, "at-most": "150s", "gates": []}
EVERY = 2.0
FLOOR = 1000
BUCKET = "experiments"
DELIVERY = 3.0
"""Seconds until captured lines are in S3: many in one object, as AWS delivers them."""
ROUNDS, PAUSE = 8, 15.0
"""Reports at most, and seconds until the next one: a machine may be too busy to bring one in time."""
PROGRAM = """\
import json, os, pathlib, sys
since, until = (float(os.environ[f"MLSHIP_{name}"]) for name in ("SINCE", "UNTIL"))
told = map(json.loads, pathlib.Path(sys.argv[1]).read_text().splitlines())
mine = [each["value"] for each in told if each["model"] == os.environ["MLSHIP_MODEL"] and since <= each["at"] < until]
print(json.dumps({"count": len(mine), "sum": sum(mine)}))
"""


class Callers:
    """Callers of whom so many in ten, by the model that answers, are pleased: no chance but AWS's own is in it."""

    def __init__(self, place: Place, **pleased: int) -> None:
        self._place = place
        self._pleased = pleased
        self.answered: Counter[str] = Counter()
        self.file = place.folder / "outcomes.jsonl"
        self.file.touch()

    def call(self, number: int) -> list[dict[str, Any]]:
        """So many calls, each with an id of its own, and what came of them."""
        told = [self._one() for _ in range(number)]
        with self.file.open("a") as file:
            file.writelines(json.dumps(each) + "\n" for each in told)
        return told

    def _one(self) -> dict[str, Any]:
        at, name = CLOCK.now(), f"call-{self.answered.total()}"
        answer = self._place.clients.invoke(self._place.service, InferenceId=name)
        model = json.loads(answer["Body"].read())["model"]
        self.answered[model] += 1
        return {"id": name, "at": at, "model": model, "value": int(self.answered[model] % 10 < self._pleased[model])}

    def report(self, number: int = 300) -> None:
        """Calls whose outcomes are told by their inference ids, as an application's batch job does it."""
        rewards = self._place.folder / "rewards.csv"
        lines = [f"{each['id']},{each['value']},{each['at']}" for each in self.call(number)]
        rewards.write_text("\n".join(["id,value,at", *lines]))
        words = ("--name", "reward", "--at-column", "at")
        told = self._place.mlship("outcome", self._place.service, rewards, *words)
        assert told.returncode == Exit.DONE, told.stdout + told.stderr


def reported(place: Place) -> Path:
    """A plan of an A/B test by what applications report, of answers that data capture keeps."""
    place.clients("s3").create_bucket(Bucket=BUCKET)
    settings = {"capture": f"s3://{BUCKET}/live", "capture-lag": "4s"}
    metrics = {"conversion": {"outcome": "reward", "within": "5s"}}
    return place.plan([AB | WAITS], settings=settings, metrics=metrics)


def output(place: Place) -> str:
    """What the run has said so far."""
    return (place.folder / "out-0.txt").read_text("utf-8")


def events(place: Place, kind: str) -> list[dict[str, Any]]:
    """Those of one kind."""
    lines = map(json.loads, place.mlship("show", place.service, "--json").stdout.splitlines())
    return [line for line in lines if line["type"] == kind]


def stamp(text: str) -> float:
    """Seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


@dataclass(frozen=True, slots=True)
class Move:
    """A change of the weights."""

    at: float
    shares: dict[str, int]
    """Basis points of the arms that have some."""

    @classmethod
    def of(cls, event: dict[str, Any]) -> Move:
        """As the journal has it."""
        shares: Counter[str] = Counter()
        for arm, share in event["segments"]:
            shares[arm] += share
        return cls(at=stamp(event["at"]), shares=dict(shares))

    @property
    def is_free(self) -> bool:
        """No arm was taken out, which would not wait."""
        return len(self.shares) == len(ARMS)


@pytest.mark.parametrize(
    ("pleased", "end", "serves", "said"),
    [(9, Exit.DONE, "v2", "proven better"), (0, Exit.ROLLED_BACK, "v1", "proven worse: v2 ")],
    ids=["wins", "loses"],
)
def test_reported_outcomes_decide(place: Place, aws: Emulator, pleased: int, end: Exit, serves: str, said: str) -> None:
    """Outcomes meet the captured answers by inference id; the better model ends alone."""
    aws.order("settings", capture_delay=DELIVERY * SPEED)
    callers = Callers(place, v1=3, v2=pleased)
    run = place.start("deploy", reported(place), "--yes", "--output", "plain")
    until(lambda: "ab v2 against v1, in place" in output(place))
    # Captured lines know whole seconds: calls of the second in which the stage begins count as before it.
    CLOCK.sleep(1.0)
    for _ in range(ROUNDS):
        callers.report()
        with suppress(subprocess.TimeoutExpired):
            run.wait(PAUSE)
            break

    assert run.poll() == end, output(place)
    assert said in output(place)
    assert min(callers.answered["v1"], callers.answered["v2"]) > 0
    assert place.weights() == {serves: WHOLE}


def test_a_bandit_moves_the_weights(place: Place, aws: Emulator) -> None:
    """Towards the better arm of three, in its own time, never below the floor, until it wins; a replay moves alike."""
    with local_model("v3") as third:
        place.images["v3"] = third.image
        callers = Callers(place, v1=4, v2=6, v3=4)
        program = {"run": [sys.executable, "-c", PROGRAM, str(callers.file)]}
        metrics = {"conversion": {"command": program, "within": "1s"}}
        file = place.plan([BANDIT | WAITS], settings={"metrics-lag": "1s"}, metrics=metrics)
        run = place.start("deploy", file, "--yes", "--output", "plain")
        place.until_share("v3")
        seen: list[dict[str, int]] = []

        def ended() -> bool:
            callers.call(10)
            seen.append(place.weights())
            return run.poll() is not None

        until(ended, patience=150.0)
    begun = [stamp(event["at"]) for event in events(place, "settled")]
    moves = list(map(Move.of, events(place, "reallocated")))
    replayed = place.mlship("replay", place.service)

    assert run.wait() == Exit.DONE, output(place)
    assert place.weights() == {"v2": WHOLE}
    assert any(move.is_free for move in moves), output(place)
    assert moves[-1].shares["v2"] > max(FLOOR, *(share for arm, share in moves[-1].shares.items() if arm != "v2"))
    assert all(min(move.shares.values()) >= FLOOR for move in moves), moves
    times = [max(at for at in begun if at < moves[0].at), *(move.at for move in moves)]
    waited = [later - earlier for earlier, later in pairwise(times)]
    assert all(wait >= EVERY for wait, move in zip(waited, moves, strict=True) if move.is_free), (begun, moves)
    assert all(move.shares in seen for move in moves[:-1]), (moves, seen)
    assert aws.order("calls")["sagemaker:UpdateEndpointWeightsAndCapacities"] >= len(moves)
    assert "all come out the same" in replayed.stdout, replayed.stdout + replayed.stderr
