"""The Typer application, and the one place where an error becomes a message, a hint and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from mlship.cli import streams
from mlship.errors import Exit, MlshipError

PANELS = {
    "Start": ("demo", "init", "validate", "plan", "simulate", "schema", "doctor"),
    "Roll out": ("deploy", "status", "watch", "history", "show", "replay", "outcome"),
    "Steer": ("pause", "resume", "promote", "flag", "abort", "review", "rollback", "down", "adopt"),
}
"""Command names, each of which is a module of this package with a function of the same name."""

PLAIN: dict[str, Any] = {
    "rich_markup_mode": None,  # typer's rich help costs more than all else at the start
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class Commands(TyperGroup):
    """Loads a command when it is named: `rollback` does not pay for `deploy`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer does not export its context's type
        """Every command, panel by panel."""
        return [name for names in PANELS.values() for name in names]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ANN401
        """The command of that name; a near miss is told what it may have meant."""
        names = self.list_commands(ctx)
        if cmd_name not in names:
            from difflib import get_close_matches

            near = get_close_matches(cmd_name, names, n=1)
            return ctx.fail(f"no command {cmd_name!r}; did you mean {near[0]!r}?") if near else None
        function = getattr(import_module(f"mlship.cli.{cmd_name}"), cmd_name)
        single = typer.Typer(add_completion=False, **PLAIN)
        single.command(cmd_name)(function)
        return cast("TyperCommand", typer.main.get_command(single))

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """One section per panel."""
        for panel, names in PANELS.items():
            known = {name: self.get_command(ctx, name) for name in names}
            with formatter.section(panel):
                formatter.write_dl([(name, each.get_short_help_str(100)) for name, each in known.items() if each])


app = typer.Typer(
    name="mlship",
    cls=Commands,
    help="Bring a new model live by one plan, judged at every step, with a way back at 3 a.m.",
    no_args_is_help=True,
    **PLAIN,
)


def _print_version(asked: bool) -> None:
    if asked:
        from mlship import __version__

        typer.echo(f"mlship {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (also MLSHIP_DEBUG=1).")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options of every command."""
    del version
    if debug:
        os.environ["MLSHIP_DEBUG"] = "1"


def run() -> None:
    """Run the command line; never returns."""
    streams.secure()
    try:
        _run()
    except SystemExit as ended:
        try:
            sys.stdout.flush()
        except streams.Unwritable as error:
            _tell(_unwritable(error))
            sys.exit(ended.code or Exit.UNEXPECTED)
        raise


def _run() -> None:
    try:
        app()
    except MlshipError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except streams.Unwritable as error:
        _tell(_unwritable(error))
        sys.exit(Exit.UNEXPECTED)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:
        if os.environ.get("MLSHIP_DEBUG"):
            raise
        typer.secho(f"error: unexpected {type(error).__name__}: {error}", fg="red", err=True)
        typer.echo("  hint: run it again with --debug and report what it prints", err=True)
        sys.exit(Exit.UNEXPECTED)


def _unwritable(error: streams.Unwritable) -> MlshipError:
    return MlshipError(f"the output cannot be written: {error.strerror}")


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
