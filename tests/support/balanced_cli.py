"""The command line, as the owner of a balancer uses it: the shipped plan of its make on a site, with shorter waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support.balanced_site import BalancedSite
from tests.support.site import until

SLOW = [{"strategy": "canary", "weights": ["10%", "50%"], "hold": "5m"}]
"""Stages that are still at their first weights when the test has what it wants."""

PLANS = Path(__file__).parents[2] / "plans" / "balancers"


def mlship(site: BalancedSite[Any], *words: str | Path) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mlship", *map(str, words)],
        env=environment(site), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@contextmanager
def under_way(site: BalancedSite[Any], *words: str | Path) -> Iterator[None]:
    """A command that runs beside the test, and is killed at the end of the context."""
    with (site.folder / "out.txt").open("w") as sink:
        run = subprocess.Popen(
            [sys.executable, "-m", "mlship", *map(str, words)],
            env=environment(site), stdout=sink, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield
    finally:
        run.kill()
        run.wait()


def until_split(site: BalancedSite[Any]) -> None:
    """Wait until the first weights of the run that is under way are in place, read back and recorded.

    What others change before that is repaired by the run, which is still at work on it.
    """
    until(lambda: "canary 10 %, in place" in (site.folder / "out.txt").read_text())


def until_seen(site: BalancedSite[Any]) -> None:
    """Wait until `status` tells that the routing was changed by somebody else."""
    until(lambda: "changed by somebody else" in mlship(site, "status", "digits").stdout, pause=0.5)


def environment(site: BalancedSite[Any]) -> dict[str, str]:
    """With the state in the site's folder."""
    return {**os.environ, "MLSHIP_STATE": str(site.folder / "state"), "NO_COLOR": "1", "COLUMNS": "200"}


def plan(site: BalancedSite[Any], **more: object) -> Path:
    """`plans/balancers/MAKE.yaml` on this site."""
    shipped = yaml.safe_load((PLANS / f"{site.make}.yaml").read_text("utf-8"))
    models = {
        name: {**model, "servers": list(site.models[name].pool.servers) or [site.addresses[name]]}
        if "servers" in model
        else model
        for name, model in shipped["models"].items()
    }
    overlay = {
        **shipped,
        "driver": {site.make: {**site.told(), **site.settings}},
        "models": models,
        **({"assign-by": "header:x-user"} if "assign-by" in shipped else {}),
        "stages": [stage | {"hold": "1s", "weights": ["10%", "50%"]} for stage in shipped["stages"]],
        "look-every": "300ms",
        "bake": "500ms",
        **more,
    }
    file = site.folder / "plan.yaml"
    file.write_text(json.dumps(overlay), "utf-8")
    return file
