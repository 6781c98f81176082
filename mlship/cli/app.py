"""The Typer application, and the one place where an error becomes a message, a hint and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mlship.cli.abort import abort
from mlship.cli.demo import demo
from mlship.cli.deploy import deploy
from mlship.cli.doctor import doctor
from mlship.cli.down import down
from mlship.cli.history import history
from mlship.cli.init import init
from mlship.cli.pause import pause
from mlship.cli.plan import plan
from mlship.cli.promote import promote
from mlship.cli.resume import resume
from mlship.cli.rollback import rollback
from mlship.cli.schema import schema
from mlship.cli.show import show
from mlship.cli.status import status
from mlship.cli.validate import validate
from mlship.cli.watch import watch
from mlship.errors import Exit, MlshipError


class Panels(TyperGroup):
    """Lists the commands in panels, as plain text: typer's own rich help costs more than all else at the start."""

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override] # noqa: ANN401
        """Write one section per panel."""
        for panel, commands in PANELS.items():
            with formatter.section(panel):
                known = [self.get_command(ctx, command.__name__) for command in commands]
                formatter.write_dl([(each.name, each.get_short_help_str(100)) for each in known if each])


app = typer.Typer(
    name="mlship",
    cls=Panels,
    rich_markup_mode=None,
    help="Bring a new model live by one plan, judged at every step, with a way back at 3 a.m.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PANELS = {
    "Start": (demo, init, validate, plan, schema, doctor),
    "Roll out": (deploy, status, watch, history, show),
    "Steer": (pause, resume, promote, abort, rollback, down),
}

for group in PANELS.values():
    for command in group:
        app.command()(command)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (also MLSHIP_DEBUG=1).")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Options of every command."""
    if version:
        from mlship import __version__

        typer.echo(f"mlship {__version__}")
        raise typer.Exit
    if debug:
        os.environ["MLSHIP_DEBUG"] = "1"


def run() -> None:
    """Run the command line; never returns."""
    try:
        app()
    except MlshipError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.DONE)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:
        if os.environ.get("MLSHIP_DEBUG"):
            raise
        typer.secho(f"error: unexpected {type(error).__name__}: {error}", fg="red", err=True)
        typer.echo("  hint: run it again with --debug and report what it prints", err=True)
        sys.exit(Exit.UNEXPECTED)


def _tell(error: MlshipError) -> None:
    faults = getattr(error, "faults", ())
    if faults:
        from mlship.views.faults import faults as page
        from mlship.views.page import emit

        emit(lambda paper: page(faults, paper), sys.stderr)
    if os.environ.get("MLSHIP_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    typer.secho(f"error: {error.message}", fg="red", err=True)
    if error.hint:
        typer.echo(f"  hint: {error.hint}", err=True)
