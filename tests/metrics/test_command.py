"""Numbers that a program prints."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.base import Source, Totals
from mlship.metrics.command import CommandSource
from mlship.metrics.registry import sourced
from tests.support.site import until


def script(folder: Path, text: str, name: str = "kpi") -> str:
    """A program in shell."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def source(folder: Path, text: str, *arguments: str, timeout: float = 20.0) -> Source:
    return sourced(CommandSource(run=(script(folder, text), *arguments), workdir=str(folder), timeout=timeout))


def prints(folder: Path, output: str) -> Source:
    (folder / "output").write_text(output)
    return source(folder, "cat output")


def value(source: Source) -> float | None:
    return source.value("v2", 1000.5, 1060.25)


def test_the_numbers_are_what_it_prints(tmp_path: Path) -> None:
    """Totals with and without squares, and a value."""
    assert prints(tmp_path, '{"count": 5, "sum": 2}').totals("v2", 0, 60) == Totals(count=5, sum=2, square=2)
    assert prints(tmp_path, '{"count": 2, "sum": 3.5, "square": 8}').totals("v2", 0, 60) == Totals(
        count=2, sum=3.5, square=8
    )
    assert value(prints(tmp_path, ' {"value": 0.25, "more": "x"}\n')) == 0.25


def test_the_question_stands_in_its_environment(tmp_path: Path) -> None:
    """Model and interval, beside the environment of mlship."""
    text = """printf '{"value": %s%s}' "${MLSHIP_SINCE%.*}" "${MLSHIP_UNTIL#*.}"; echo "$MLSHIP_MODEL $MORE" > asked"""
    spec = CommandSource(run=(script(tmp_path, text),), workdir=str(tmp_path))

    assert value(sourced(spec, {**os.environ, "MORE": "yes"})) == 1000250
    assert (tmp_path / "asked").read_text() == "v2 yes\n"


def test_no_shell_reads_its_arguments(tmp_path: Path) -> None:
    """Each argument arrives as it is written."""
    arguments = ("$HOME; echo x", "*", "a b")

    value(source(tmp_path, """printf '%s\\n' "$@" > arguments; echo '{"value": 1}'""", *arguments))

    assert (tmp_path / "arguments").read_text().splitlines() == list(arguments)


@pytest.mark.parametrize("output", ["null", '{"value": null, "count": null, "sum": null}'])
def test_null_is_no_data(tmp_path: Path, output: str) -> None:
    """It ran, and has nothing to say."""
    assert value(prints(tmp_path, output)) is None
    assert prints(tmp_path, output).totals("v2", 0, 60) is None


def test_a_failure_is_told_by_its_last_words(tmp_path: Path) -> None:
    """The exit code, and the last lines of the error output."""
    with pytest.raises(OutOfReach) as caught:
        value(source(tmp_path, "for n in 1 2 3 4 5; do echo line $n >&2; done; echo '{\"value\": 1}'; exit 3"))

    assert caught.value.message == "kpi failed with 3"
    assert caught.value.hint == "line 3 | line 4 | line 5"


def test_a_silent_failure_is_told_too(tmp_path: Path) -> None:
    """Without words there is at least the signal."""
    with pytest.raises(OutOfReach) as caught:
        value(source(tmp_path, "kill -9 $$"))

    assert caught.value.message == "kpi was ended by SIGKILL"
    assert caught.value.hint == "it wrote nothing to its error output"


def test_words_that_move_a_cursor_are_not_passed_on(tmp_path: Path) -> None:
    """Nothing that a program writes changes the terminal."""
    with pytest.raises(OutOfReach) as caught:
        value(source(tmp_path, r"printf '\033[2Jgone\n' >&2; exit 1"))

    assert caught.value.hint == "[2Jgone"


def test_a_slow_program_is_ended_with_its_children(tmp_path: Path) -> None:
    """Nothing of it is left, and what it said until then is told."""
    with pytest.raises(OutOfReach, match=r"was not done in 0\.5 s") as caught:
        value(source(tmp_path, "echo starting >&2; sleep 600 & echo $! > child; wait", timeout=0.5))

    assert caught.value.hint == "starting"
    child = int((tmp_path / "child").read_text())
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_a_program_that_closes_its_output_is_ended_too(tmp_path: Path) -> None:
    """Having said all and going on for ever is not done."""
    with pytest.raises(OutOfReach, match=r"was not done in 0\.5 s"):
        value(source(tmp_path, "echo '{\"value\": 1}'; exec >&- 2>&-; exec sleep 600", timeout=0.5))


def test_endless_output_is_cut(tmp_path: Path) -> None:
    """More than a megabyte is no number, and an error output without end is no harm."""
    with pytest.raises(OutOfReach, match="prints more than 1,000,000 bytes"):
        value(source(tmp_path, "exec yes"))

    assert value(source(tmp_path, "yes | head -c 3000000 >&2; echo '{\"value\": 1}'")) == 1


@pytest.mark.parametrize("output", ["", "value: 1", '{"value": NaN}', "{"])
def test_garbage_is_out_of_reach(tmp_path: Path, output: str) -> None:
    """What is not JSON says nothing of the model."""
    with pytest.raises(OutOfReach, match="is no JSON"):
        value(prints(tmp_path, output))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("[1]", "prints no object"),
        ("1", "prints no object"),
        ("{}", "prints no value, only an empty object"),
        ('{"rate": 1}', "prints no value, only rate"),
        ('{"value": "1"}', "value is no number but a text"),
    ],
)
def test_another_form_is_a_mistake(tmp_path: Path, output: str, said: str) -> None:
    """The message says what was printed, and what is wanted."""
    with pytest.raises(UsageError, match=said):
        value(prints(tmp_path, output))


def test_a_missing_program_is_a_mistake_of_the_plan(tmp_path: Path) -> None:
    """Also one that may not be run, and a folder that is not there."""
    (tmp_path / "data").write_text("no program")
    for run, folder in ((("no-such-program",), tmp_path), (("./data",), tmp_path), (("true",), tmp_path / "nowhere")):
        with pytest.raises(UsageError, match="cannot be started"):
            value(sourced(CommandSource(run=run, workdir=str(folder))))


def test_a_ping_looks_for_the_program(tmp_path: Path) -> None:
    """On the path, or relative to its folder; it is not run."""
    script(tmp_path, "touch was-run")

    sourced(CommandSource(run=("./kpi",), workdir=str(tmp_path))).ping()
    sourced(CommandSource(run=(sys.executable,))).ping()

    assert not (tmp_path / "was-run").exists()
    with pytest.raises(UsageError, match="cannot be started"):
        sourced(CommandSource(run=("./other",), workdir=str(tmp_path))).ping()
