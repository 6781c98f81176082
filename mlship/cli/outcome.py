"""`mlship outcome`: what happened after predictions, from a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated

import typer

from mlship.cli.output import Output
from mlship.predictions.form import Format

if TYPE_CHECKING:
    from mlship.clock import Clock
    from mlship.journal.state import ServiceState
    from mlship.predictions.formats import Malformed, Row
    from mlship.predictions.outcomes import Report
    from mlship.predictions.store import Predictions


def outcome(
    service: Annotated[str, typer.Argument(help="The service whose predictions they are about.")],
    file: Annotated[
        str,
        typer.Argument(
            help="CSV, JSON lines or Parquet, also gzipped, or SageMaker's ground truth; s3://bucket/prefix/ too."
        ),
    ],
    id_column: Annotated[str, typer.Option(help="The column of the request ids.")] = "id",
    value_column: Annotated[str, typer.Option(help="The column of what happened.")] = "value",
    at_column: Annotated[str | None, typer.Option(help="The column of when it happened; the latest counts.")] = None,
    name: Annotated[
        str, typer.Option(help="What the outcomes are called; labels are compared with predictions.")
    ] = "label",
    form: Annotated[Format, typer.Option("--format", help="Of the file.")] = Format.AUTO,
    output: Annotated[Output, typer.Option("--output", "-o", help="Form of the report.")] = Output.AUTO,
) -> None:
    """Take labels and other outcomes from a file; giving it twice changes nothing.

    Lines that cannot be read are told with their number and left out. Exit code 0: every line could be read; 1: some
    could not, the others were taken; 2: none could, nothing was taken; 3: they took a promotion back, as the plan's
    watch-labels says; 6: the kept answers are out of reach.
    """
    from mlship.cli import wiring
    from mlship.clock import SystemClock
    from mlship.errors import Exit
    from mlship.predictions.formats import Columns
    from mlship.predictions.outcomes import take
    from mlship.predictions.remote import read

    clock = SystemClock()
    state = wiring.state_of(wiring.open_journal(clock), service)
    rows = _begun(read(file, form, Columns(id=id_column, value=value_column, at=at_column)))
    report = take(rows, name, _kept(state, clock))
    _show(report, output)
    _review(state, clock, output)
    if report.malformed:
        raise typer.Exit(Exit.USAGE if report.malformed == report.lines else Exit.UNEXPECTED)


def _review(state: ServiceState, clock: Clock, output: Output) -> None:
    """Late labels reopen the verdict of a promotion, where its plan watches for them."""
    from functools import partial

    from mlship.cli import reopening, wiring
    from mlship.errors import ServiceHeld

    try:
        reopening.reopen(
            wiring.open_journal(clock), state.service, clock, tell=partial(typer.echo, err=output is Output.JSON)
        )
    except ServiceHeld:
        return  # the run at work will judge them


def _begun(rows: Iterator[Row | Malformed]) -> Iterator[Row | Malformed]:
    """The same rows, the first one read: a file that cannot be used is refused before anything else is touched."""
    return chain(list(islice(rows, 1)), rows)


def _kept(state: ServiceState, clock: Clock) -> Predictions:
    """The store, with what the router has written until now: else the latest requests would match nothing."""
    from mlship.cli import wiring
    from mlship.cli.sources import covariate
    from mlship.errors import MlshipError
    from mlship.predictions.source import Captures

    assert state.rollout is not None
    plan = wiring.running_plan(state.rollout)
    kept = wiring.open_predictions(state.service, plan.capture, clock, covariate=covariate(plan))
    try:
        driver = wiring.open_driver(plan, fence=None, clock=clock)
    except MlshipError:
        return kept  # what the router has not handed over will match later
    if isinstance(driver, Captures):
        kept.ingest(driver.captures())
    return kept


def _show(report: Report, output: Output) -> None:
    if output is Output.JSON:
        import msgspec

        typer.echo(msgspec.json.encode(report).decode())
        return
    known = f", {report.unchanged:,} of all known already" if report.unchanged else ""
    typer.echo(f"{report.lines:,} lines: {report.matched:,} matched, {report.unmatched:,} not (yet) matched{known}")
    for each in report.shown:
        typer.echo(f"  line {each.line}: {each.why}", err=True)
    if report.malformed:
        more = report.malformed - len(report.shown)
        typer.echo(f"  {report.malformed:,} malformed{f', {more:,} more of them not shown' if more else ''}", err=True)
