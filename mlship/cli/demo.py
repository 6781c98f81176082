"""`mlship demo`: a real canary on this machine in less than a minute."""

from __future__ import annotations

from typing import Annotated

import typer

from mlship.cli.output import Output


def demo(
    bad: Annotated[bool, typer.Option("--bad", help="A candidate that errs: it is rolled back, exit 3.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave models and router running.")] = False,
    port: Annotated[int | None, typer.Option("--port", help="Port of the router; a free one if left out.")] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print.")] = Output.AUTO,
) -> None:
    """Roll a real model out: two scikit-learn models, the Envoy router, traffic, a verdict. No Docker, no root."""
    from mlship.cli import showcase

    raise typer.Exit(showcase.play(bad=bad, keep=keep, port=port, output=output))
