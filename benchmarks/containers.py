"""Driver `docker` against the bare commands that do the same by hand, on the daemon at hand.

Blue-green: `mlship deploy` of an image that is there, a real scikit-learn model, from the command to its exit, against
`docker run`, a loop that asks for its health, a rename of the router's routes, `docker stop` and `docker rm`. Nothing
is judged, as nothing is by hand. Rollback: from the beginning of the way back to the last answer of the candidate,
against the rename alone.
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from bare import free_port, wait
from harness import Goal, arguments, finish

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.e2e.containers.place import DockerPlace
from tests.support import images
from tests.support.docker_site import daemon

DEPLOY_GOAL, ROLLBACK_GOAL = 1.3, 2.0
FOLDER = "/mlship/router"
USERS = Path(__file__).with_name("users.py")
MODEL = {"env": {"DELAY": "0.05"}}
"""Models take 50 ms for an answer, so that users do not take the machine from what is measured."""
SWITCH = "  - { strategy: blue-green, hold: 0s, bake: 0s, gates: [] }\n"
HEALTH = "/v2/health/ready"
HALF = "  - { strategy: canary, weights: [50%], hold: 10m, gates: [] }\n"


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("mlship on Docker, against bare docker commands")
    rounds = 1 if asked.quick else 8
    daemon()
    rolled_back()  # once for what Python imports
    ours, theirs = [deployed() for _ in range(rounds)], [by_hand() for _ in range(rounds)]
    back, bare = [rolled_back() for _ in range(rounds)], [renamed() for _ in range(rounds)]
    goals = [
        _goal("deploy / docker commands", ours, theirs, DEPLOY_GOAL),
        _goal("rollback / bare rename", back, bare, ROLLBACK_GOAL),
    ]
    finish(goals, as_json=asked.json)


def _goal(name: str, ours: list[float], theirs: list[float], target: float) -> Goal:
    middle = statistics.median(theirs)
    spread = (min(ours) / middle, max(ours) / middle)
    return Goal(name=name, value=statistics.median(ours) / middle, target=target, spread=spread)


def scikit_learn(version: str) -> dict[str, Any]:
    """One of the demo's models, which is trained when it starts."""
    command = ["python3", "-m", "mlship.demo.model_server", "--train", version, "--host", "0.0.0.0"]
    return {"image": images.SKLEARN, "command": command}


@contextmanager
def site(model: Mapping[str, Any] = MODEL) -> Iterator[DockerPlace]:
    """A service with v1 live."""
    with tempfile.TemporaryDirectory() as folder:
        place = DockerPlace(Path(folder))
        # As an installed package has it: compiled once.
        place.environment["PYTHONDONTWRITEBYTECODE"] = ""
        try:
            place.up(**model)
            yield place
        finally:
            place.clear()


def deployed() -> float:
    """Seconds of `mlship deploy`."""
    with site(scikit_learn("v1")) as place:
        plan = place.plan_of(SWITCH, more="guards: []\n", v1=scikit_learn("v1"), v2=scikit_learn("v2"))
        began = time.monotonic()
        ran = place.mlship("deploy", plan, "--yes", "-o", "plain")
        took = time.monotonic() - began
        if ran.returncode:
            sys.exit(ran.stdout + ran.stderr)
    return took


def by_hand() -> float:
    """Seconds of the same switch by hand: the router is ours, the commands are Docker's."""
    with site(scikit_learn("v1")) as place:
        old, router = f"mlship.{place.service}.v1.1", f"mlship.{place.service}.router"
        new, port = f"bare-{place.service}", free_port()
        network = f"mlship.{place.service}"
        began = time.monotonic()
        docker(
            "run",
            "-d",
            "--name",
            new,
            "--network",
            network,
            "-p",
            f"127.0.0.1:{port}:8000",
            "-e",
            "PORT=8000",
            images.SKLEARN,
            *scikit_learn("v2")["command"],
        )
        wait(port, HEALTH)
        rename(router)
        docker("stop", old)
        docker("rm", old)
        took = time.monotonic() - began
        # In the service's network, which could not be removed otherwise.
        docker("rm", "-f", new)
    return took


def rolled_back() -> float:
    """Seconds from the first line of `mlship rollback` to the candidate's last answer."""
    from mlship.cli.incident import roll_back

    with site() as place, half(place):
        os.environ["MLSHIP_STATE"] = str(place.state)
        with redirect_stdout(io.StringIO()):
            return last_answer(place, lambda: roll_back(place.service, to=None, reason="measured"))


def renamed() -> float:
    """Seconds from the rename of a routing without the candidate to its last answer."""
    with site() as place:
        router = f"mlship.{place.service}.router"
        docker("exec", router, "cp", f"{FOLDER}/rds.json", f"{FOLDER}/all.json")
        with half(place):
            docker(
                "exec", router, "sed", "-i", 's/"version_info": "[^"]*"/"version_info": "9.999"/', f"{FOLDER}/all.json"
            )
            move = ("exec", router, "mv", f"{FOLDER}/all.json", f"{FOLDER}/rds.json")
            return last_answer(place, lambda: docker(*move))


@contextmanager
def half(place: DockerPlace) -> Iterator[None]:
    """A rollout under way: half of the users get v2. Its command is gone, as after a crash."""
    run = place.start("deploy", place.plan_of(HALF, more="guards: []\n", v1=MODEL, v2=MODEL), "--yes", "-o", "plain")
    place.until_share("v2")
    run.kill()
    run.wait()
    yield


def rename(router: str) -> None:
    """The bare switch: a file is written beside the watched one and renamed onto it."""
    docker("exec", router, "sh", "-c", f"cd {FOLDER} && cat rds.json > next.json && mv next.json rds.json")


def last_answer(place: DockerPlace, act: Callable[[], None]) -> float:
    """Users ask all the time; seconds from the beginning of `act` to the last answer of v2."""
    words = (sys.executable, str(USERS), str(place.port))
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as users:
        time.sleep(1.0)
        began = time.monotonic()
        act()
        time.sleep(0.3)
        told, _ = users.communicate("")
    return max(float(told) - began, 0.0)


def docker(*words: str) -> None:
    """One command of Docker's own."""
    subprocess.run(["docker", *words], check=True, capture_output=True)


if __name__ == "__main__":
    main()
