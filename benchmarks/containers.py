"""Driver `docker` against the bare commands that do the same by hand, on the daemon at hand.

Blue-green: `mlship deploy` of an image that is there, from the command to its exit, against `docker run`, a loop that
asks for its health, a rename of the router's routes, `docker stop` and `docker rm`. Rollback: from the beginning of the
way back to the last answer of the candidate, against the rename alone.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bare import free_port, wait
from harness import Goal, arguments, finish

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.e2e.containers.place import DockerPlace
from tests.support import images
from tests.support.docker_site import daemon

DEPLOY_GOAL, ROLLBACK_GOAL = 1.3, 2.0
USERS = Path(__file__).with_name("users.py")
SWITCH = "  - { strategy: blue-green, hold: 0s, bake: 0s }\n"
HALF = "  - { strategy: canary, weights: [50%], hold: 10m, gates: [] }\n"


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("mlship on Docker, against bare docker commands")
    rounds = 2 if asked.quick else 8
    daemon()
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


@contextmanager
def site() -> Iterator[DockerPlace]:
    """A service with v1 live."""
    with tempfile.TemporaryDirectory() as folder:
        place = DockerPlace(Path(folder))
        try:
            place.up()
            yield place
        finally:
            place.clear()


def deployed() -> float:
    """Seconds of `mlship deploy`."""
    with site() as place:
        plan = place.plan_of(SWITCH, more="guards: []\n")
        began = time.monotonic()
        ran = place.mlship("deploy", plan, "--yes", "-o", "plain")
        took = time.monotonic() - began
        if ran.returncode:
            sys.exit(ran.stdout + ran.stderr)
    return took


def by_hand() -> float:
    """Seconds of the same switch by hand: the router is ours, the commands are Docker's."""
    with site() as place:
        old, router = f"mlship.{place.service}.v1.1", f"mlship.{place.service}.router"
        new, port = f"bare-{place.service}", free_port()
        network = f"mlship.{place.service}"
        began = time.monotonic()
        docker("run", "-d", "--name", new, "--network", network, "-p", f"127.0.0.1:{port}:8000", images.SERVER)
        wait(port)
        rename(router)
        docker("stop", old)
        docker("rm", old)
        took = time.monotonic() - began
        docker("rm", "-f", new)
    return took


def rolled_back() -> float:
    """Seconds from `mlship rollback` to the candidate's last answer, the start of Python left out on both sides."""
    with site() as place, half(place):
        return last_answer(place, ["-m", "mlship", "rollback", place.service])


def renamed() -> float:
    """Seconds from the rename of a routing without the candidate to its last answer."""
    with site() as place:
        router = f"mlship.{place.service}.router"
        docker("exec", router, "cp", "/mlship/router/rds.json", "/mlship/router/all.json")
        with half(place):
            docker("exec", router, "sed", "-i", 's/"version_info": "[^"]*"/"version_info": "9.999"/', f"{ALL}")
            return last_answer(place, ["-c", RENAME, router])


ALL = "/mlship/router/all.json"
RENAME = (
    "import subprocess, sys; subprocess.run(['docker', 'exec', sys.argv[1], 'mv', '/mlship/router/all.json', "
    "'/mlship/router/rds.json'], check=True)"
)


@contextmanager
def half(place: DockerPlace) -> Iterator[None]:
    """A rollout under way: half of the users get v2. Its command is gone, as after a crash."""
    run = place.start("deploy", place.plan_of(HALF, more="guards: []\n"), "--yes", "-o", "plain")
    place.until_share("v2")
    run.kill()
    run.wait()
    yield


def rename(router: str) -> None:
    """The bare switch: a file is copied in beside the watched one and renamed onto it."""
    with tempfile.NamedTemporaryFile() as file:
        docker("cp", f"{router}:/mlship/router/rds.json", file.name)
        docker("cp", file.name, f"{router}:/mlship/router/next.json")
    docker("exec", "-u", "0", router, "mv", "/mlship/router/next.json", "/mlship/router/rds.json")


def last_answer(place: DockerPlace, words: list[str]) -> float:
    """Users ask all the time; seconds from the start of the command to the last answer of v2."""
    with subprocess.Popen(
        (sys.executable, str(USERS), str(place.port)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as users:
        time.sleep(1.0)
        began = time.monotonic()
        environment = {**os.environ, **place.environment}
        subprocess.run([sys.executable, *words], env=environment, check=True, capture_output=True)
        time.sleep(0.3)
        told, _ = users.communicate("")
    return max(float(told) - began, 0.0)


def docker(*words: str) -> None:
    """One command of Docker's own."""
    subprocess.run(["docker", *words], check=True, capture_output=True)


if __name__ == "__main__":
    main()
