"""The demo: everything of a real rollout in a folder of its own, and nothing left running."""

from __future__ import annotations

import os

from mlship.cli import launch, wiring
from mlship.cli.output import Output, say
from mlship.clock import SystemClock
from mlship.demo.scenario import SERVICE, Scenario, prepare
from mlship.demo.traffic import Sent
from mlship.errors import Exit, MlshipError
from mlship.journal.events import TornDown
from mlship.journal.holder import this_process


def play(*, bad: bool, keep: bool, port: int | None, output: Output) -> Exit:
    """Train, deploy under traffic, and clear away."""
    folder = wiring.private_folder("demo")
    os.environ["MLSHIP_STATE"] = str(folder)
    _clear_away()
    say("training two models, if this is the first time")
    scenario = prepare(folder, bad=bad, port=port)
    accuracy = ", ".join(f"{model} {share:.1%}" for model, share in scenario.accuracy.items())
    say(f"digits read correctly: {accuracy}; traffic: {scenario.address}; plan: {scenario.plan_path}")
    departure = launch.prepare(scenario.plan_path, ())
    assert departure is not None
    try:
        with scenario.traffic as traffic:
            ended = launch.launch(departure, output)
        sent = traffic.sent
    finally:
        if not keep:
            _clear_away()
    _tell(scenario, ended, sent, bad=bad, keep=keep)
    return ended


def _clear_away() -> None:
    """Stop what this or an earlier demo left running."""
    clock = SystemClock()
    journal = wiring.open_journal(clock)
    state = journal.state(SERVICE)
    if state.rollout is None or state.down:
        return
    lease = journal.leases.take_over(SERVICE, this_process(), rollout=state.rollout.rollout)
    try:
        driver, _ = wiring.open_fleet(state, fence=lease.fence, clock=clock)
        driver.shutdown()
        journal.append(TornDown(by=wiring.myself()), lease=lease)
    except MlshipError as error:
        say(f"something may be left running: {error.message}")
    finally:
        journal.leases.release(lease)


def _tell(scenario: Scenario, ended: Exit, sent: Sent, *, bad: bool, keep: bool) -> None:
    say(f"\n{sent.sent} requests were sent, {sent.failed} of them failed.")
    if ended is Exit.ROLLED_BACK:
        say("The candidate was rejected, and v1 serves everything: exit code 3.")
    elif ended is Exit.DONE:
        say("The candidate proved itself and is live: exit code 0.")
    elif ended is Exit.INTERRUPTED and not keep:
        say("Interrupted, and stopped: nothing is left running.")
    say("\nTry next:")
    suggestions = {
        "mlship demo" if bad else "mlship demo --bad": "a good candidate" if bad else "a candidate that errs",
        f"export MLSHIP_STATE={wiring.state_folder()}": "the demo's record, for the next two",
        "mlship show": "what happened, and why",
        f"mlship rollback {SERVICE}" if keep else "mlship history": "back to v1" if keep else "every run of the demo",
        "mlship down" if keep else f"mlship plan {scenario.plan_path}": "stop it all" if keep else "what its plan does",
        "mlship init": "a plan of your own",
    }
    for command, what in suggestions.items():
        say(f"  {command}\n      {what}")
    if keep:
        say(f"\nIt goes on running at http://{scenario.address}.")
