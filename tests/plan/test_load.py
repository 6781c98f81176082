"""Files that hold a plan, and files that do not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlship.errors import Exit, UsageError
from mlship.plan.fault import PlanError
from mlship.plan.load import load, parse
from mlship.plan.model import Plan
from mlship.plan.text import MOST_BYTES
from tests.plan.reading import DRIVERS, GOOD, faults, read


def load_from(path: Path) -> Plan:
    return load(path, drivers=DRIVERS, variables={}, env={})


def fault_of(path: Path) -> str:
    with pytest.raises(PlanError) as caught:
        load_from(path)
    (fault,) = caught.value.faults
    assert (fault.source, fault.line, fault.column) == (str(path), 1, 1)
    return fault.message


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """Paths in it start from its own folder, wherever the command runs."""
    path = tmp_path / "plan.yaml"
    path.write_text(GOOD)

    assert load_from(path).models["v1"].workdir == str(tmp_path)


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    """There is nothing to read."""
    assert fault_of(tmp_path / "plan.yaml").startswith("there is no file")


def test_a_folder_is_a_fault(tmp_path: Path) -> None:
    """A folder holds no plan by itself."""
    assert fault_of(tmp_path).endswith("is a folder, not a plan")


def test_a_pipe_is_a_fault(tmp_path: Path) -> None:
    """A pipe that nobody writes to is not waited for."""
    os.mkfifo(tmp_path / "pipe")

    assert fault_of(tmp_path / "pipe").endswith("is a pipe or a device, not a plan")


def test_a_file_that_may_not_be_read_is_a_fault(tmp_path: Path) -> None:
    """Permissions are named as the reason."""
    path = tmp_path / "plan.yaml"
    path.write_text(GOOD)
    path.chmod(0)

    with nobody_special():
        assert "may not read" in fault_of(path)


@contextmanager
def nobody_special() -> Iterator[None]:
    """Root may read every file, so a test of permissions is another user for a moment."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_name_that_no_file_can_have_is_a_fault(tmp_path: Path) -> None:
    """What the system refuses to look up is reported as it says it."""
    assert "cannot be read" in fault_of(tmp_path / ("x" * 5000))
    assert "cannot be read" in fault_of(Path("a\0b"))


def test_a_large_file_is_a_fault(tmp_path: Path) -> None:
    """Five megabytes are refused by size, and the limit is stated."""
    path = tmp_path / "plan.yaml"
    path.write_bytes(GOOD.encode() + b"#" * (5 * MOST_BYTES))

    assert fault_of(path) == "is larger than 1024 KiB"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "1:1: the file holds no plan"),
        (b"# nothing yet\n\n", "1:1: the file holds no plan"),
        (b"---\n", "2:1: a plan is a mapping; got nothing"),
        (b"plan\n", '1:1: a plan is a mapping; got "plan"'),
        (b"- version: 1\n", "1:1: a plan is a mapping; got a list"),
        (b"version: 1\nservice: \x00\n", "2:10: is not a text file: it holds the character U+0000"),
        (b"\x7fELF\x02\x01", "1:1: is not a text file: it holds the character U+007F"),
        (b"version: 1\nservice: caf\xe9\n", "2:13: is not UTF-8 text: byte 0xe9"),
        (GOOD.encode("utf-16"), "1:1: is not UTF-8 text: byte 0xff"),
        (b"[" * 900, "1:33: " + "[0]" * 32 + ": nested deeper than 32 levels"),
        (b"- " * 900, "1:65: " + "[0]" * 32 + ": nested deeper than 32 levels"),
    ],
)
def test_what_is_no_plan_is_said_to_be_none(data: bytes, expected: str) -> None:
    """One fault, where it can be found in the file."""
    (fault,) = faults(data)

    assert fault.split(" (")[0] == expected


@pytest.mark.parametrize("bracket", [b"[", b"- ", b"{a: "])
def test_a_tower_of_brackets_is_a_fault(bracket: bytes) -> None:
    """However high it is, and whoever gives up on it first, the reason is the same."""
    (fault,) = faults(bracket * 100_000)

    assert "nested deeper than 32 levels" in fault


def test_byte_order_marks_and_foreign_line_ends_are_fine() -> None:
    """A plan from any editor is read."""
    text = GOOD.replace("\n", "\r\n")

    assert read(b"\xef\xbb\xbf" + text.encode()) == read(GOOD)


def test_every_fault_is_reported_at_once_by_position() -> None:
    """Faults of the text, of the shape, of the meaning and of the stages come together, in the order of the file."""
    bad = GOOD.replace("live: v1", "live: v1\nlive: v2\nbake: 10").replace("50%", "5%").replace("[errors]", "[eror]")

    places = [fault.split(" ")[0] for fault in faults(bad)]

    assert places == ["8:1:", "9:7:", "16:24:", "18:10:"]


def test_faults_are_an_error_of_usage() -> None:
    """The exit code says that nothing was touched; as text the error is its faults."""
    with pytest.raises(UsageError) as caught:
        read(GOOD.replace("live: v1", "liv: v1"))

    assert caught.value.exit_code is Exit.USAGE
    assert caught.value.message == "plan.yaml has a fault: nothing was touched"
    assert str(caught.value) == "plan.yaml:7:1: liv: unknown key (did you mean live?)"


def test_many_faults_are_cut_off() -> None:
    """A file that is something else altogether does not flood the screen."""
    assert len(faults("".join(f"key{number}: 1\n" for number in range(1000)))) == 200


def test_a_fault_shows_no_control_characters() -> None:
    """What stands in the file cannot move the cursor of a terminal."""
    (fault,) = faults(GOOD.replace("service: scorer", 'service: "\\e[2J"'))

    assert fault.endswith(r'got "\x1b[2J"')


def test_a_text_without_a_folder_is_parsed(tmp_path: Path) -> None:
    """`parse` needs no file."""
    plan = parse(GOOD.encode(), source="<stdin>", drivers=DRIVERS, variables={}, env={}, base=tmp_path)

    assert plan.service == "scorer"
