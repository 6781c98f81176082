"""The whole demo in one folder: two models, a plan to read and to change, and traffic that waits for the router."""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from mlship.clock import SystemClock
from mlship.demo import training
from mlship.demo.traffic import Load, Traffic
from mlship.errors import UsageError

SERVICE = "mlship-demo"
MODEL = "digits"
RATE = 200.0
"""Requests per second: at this rate a good candidate is through in about 40 seconds."""
ERROR_RATE = 0.15
"""Share of a bad candidate's answers that are errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What `prepare` made. The traffic is not started; it waits for the router by itself."""

    service: str
    plan_path: Path
    address: str
    traffic: Traffic
    accuracy: dict[str, float]
    """Model → share of held-out digits that it reads correctly."""


def prepare(folder: Path, *, bad: bool, port: int | None = None) -> Scenario:
    """Train the models unless they are there, write the plan, and set up the traffic. Nothing runs yet.

    Args:
        folder: where models and plan are kept; made if missing.
        bad: the candidate errs.
        port: where the router shall listen; None takes a free one.

    Raises:
        UsageError: scikit-learn is missing, the folder cannot be written, or the port is taken.
    """
    folder = folder.absolute()
    models = {name: training.trained(name, folder) for name in ("v1", "v2")}
    address = f"127.0.0.1:{_free_port(port or 0)}"
    plan_path = folder / ("plan-bad.yaml" if bad else "plan.yaml")
    _write(plan_path, _plan(models, address=address, bad=bad))
    load = Load(address=address, bodies=training.infer_bodies(), path=f"/v2/models/{MODEL}/infer", rate=RATE)
    return Scenario(
        service=SERVICE,
        plan_path=plan_path,
        address=address,
        traffic=Traffic(load, clock=SystemClock()),
        accuracy={name: training.accuracy_of(path) for name, path in models.items()},
    )


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"the demo cannot listen on port {port}: {error}", hint="choose another --port, or leave it out"
            ) from error
        return int(probe.getsockname()[1])


def _write(path: Path, text: str) -> None:
    try:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}", hint="choose a folder you can write to") from error


def _plan(models: dict[str, Path], *, address: str, bad: bool) -> str:
    fault = ("--error-rate", str(ERROR_RATE)) if bad else ()
    return _PLAN.format(
        service=SERVICE,
        listen=json.dumps(address),
        v1=_command("v1", models["v1"]),
        v2=_command("v2", models["v2"], *fault),
        about=_ABOUT_BAD if bad else _ABOUT_GOOD,
    )


def _command(version: str, model: Path, *fault: str) -> str:
    words = [sys.executable, "-m", "mlship.demo.model_server", "--model", str(model), "--name", MODEL]
    words += ["--version", version, "--port", "{port}", *fault]
    # A JSON string is a YAML string too, whatever is in the path.
    return "\n".join(f"      - {json.dumps(word)}" for word in words)


_ABOUT_GOOD = "A good candidate: v2 reads more digits correctly, and is no slower."
_ABOUT_BAD = "A bad candidate: some of its answers are errors. Try `--delay` and `60` instead of the last two words."

_PLAN = """\
# {about}
# Change this file as you like, and run it with: mlship deploy FILE
version: 1
service: {service}
driver:
  process: {{ listen: {listen} }}
models:
  v1:
    command:
{v1}
  v2:
    command:
{v2}
live: v1
candidate: v2
assign-by: header:x-user-id       # a user stays on one model; more weight only ever adds users
gates:
  no-more-errors: {{ metric: error_rate, no-worse-than: live, margin: 2% }}
  no-slower: {{ metric: latency_p95, no-worse-than: live, margin: 10% }}
stages:
  - name: canary
    strategy: canary
    weights: [5%, 25%, 50%]
    hold: 4s
    requests: 40                  # least answers of v2 at each weight
    at-most: 2m
    gates: [no-more-errors, no-slower]
guards: [no-more-errors]
look-every: 1s
warmup: 2s                        # a new process is slow at first; that is not the model's fault
bake: 5s
traffic: 200                      # requests per second, for the estimates of `mlship plan`
"""
