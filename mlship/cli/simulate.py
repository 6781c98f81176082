"""`mlship simulate`: a plan in a made-up world, many times, before anything is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    file: Annotated[Path, typer.Argument(help="The plan.")],
    world: Annotated[
        Path | None, typer.Option("--world", help="The world (YAML); left out: one in which all models are the same.")
    ] = None,
    runs: Annotated[int, typer.Option("--runs", min=1, max=1_000_000, help="How many rollouts.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same rollouts.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    jobs: Annotated[
        int, typer.Option("--jobs", min=0, max=256, help="Processes; 0: one per processor. The result is the same.")
    ] = 0,
    look_every: Annotated[
        str | None, typer.Option("--look-every", help="Look at other times than the plan says: less often is faster.")
    ] = None,
    var: Annotated[list[str] | None, typer.Option("--var", help="name=value for ${var:name}; may be repeated.")] = None,
) -> None:
    """Carry a plan out in a made-up world, many times: how it ends, how long it takes, what it costs."""
    from mlship.cli import wiring
    from mlship.cli.made_up import carried_out, looking, show, staged
    from mlship.errors import Exit

    stage = staged(looking(wiring.read_plan(file, var or ()), look_every), world, seed=seed)
    trials = carried_out(stage.setting, runs, jobs)
    show(stage, trials, asked=runs, as_json=json)
    raise typer.Exit(Exit.DONE if len(trials) == runs else Exit.INTERRUPTED)
