"""What holds for every file, and what no linter looks for."""

from __future__ import annotations

import ast
import importlib
import ipaddress
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit

import mlship
from mlship.cli.app import PANELS
from mlship.errors import Exit

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = Path(mlship.__file__).parent

LONGEST_FUNCTION = 50
LONGEST_FILE = 300
WALL_CLOCK = {
    ("time", "sleep"),
    ("time", "time"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}
MAY_READ_THE_CLOCK = {
    PACKAGE / "clock.py",
    TESTS / "e2e" / "model.py",  # a model that is slow on demand
    TESTS / "e2e" / "site.py",  # polls other processes, with a bound
    TESTS / "support" / "users.py",  # sends at a rate
}
NAMES_NOT_ADDRESSES = {"json-schema.org", "spec.openapis.org"}
"""Hosts in identifiers that nobody connects to."""
RESERVED_FOR_EXAMPLES = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def sources(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def nodes(*folders: Path) -> Iterator[tuple[Path, ast.AST]]:
    for path in sources(*folders):
        for node in ast.walk(parsed(path)):
            yield path, node


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path, node: ast.AST) -> str:
    return f"{path}:{getattr(node, 'lineno', 1)}"


def functions(*folders: Path) -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, node in nodes(*folders):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield path, node


def imported(node: ast.AST) -> set[str]:
    match node:
        case ast.Import(names=names):
            return {name.name for name in names}
        case ast.ImportFrom(module=str(module), names=names):
            return {module} | {f"{module}.{name.name}" for name in names}
        case _:
            return set()


def reads_the_clock(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
            return (owner, name) in WALL_CLOCK
        case ast.ImportFrom(module="time", names=names):
            return any(("time", name.name) in WALL_CLOCK for name in names)
        case _:
            return False


def test_nothing_is_mocked() -> None:
    """Tests run real parts: no mock library, and no function replaced by another."""
    offenders = [place(path, node) for path, node in nodes(PACKAGE, TESTS) if replaces_code(node)]

    assert offenders == []


def replaces_code(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="monkeypatch"), attr="setattr" | "delattr"):
            return True
        case ast.arg(arg="mocker"):
            return True
        case _:
            return not {"mock", "unittest.mock", "pytest_mock"}.isdisjoint(imported(node))


def test_time_comes_from_the_clock() -> None:
    """Wall time is read, and waited for, in clock.py only."""
    offenders = [
        place(path, node)
        for path, node in nodes(PACKAGE, TESTS)
        if path not in MAY_READ_THE_CLOCK and reads_the_clock(node)
    ]

    assert offenders == []


def test_functions_fit_on_a_page() -> None:
    """No function is longer than 50 lines."""
    offenders = [
        f"{place(path, function)} {function.name}"
        for path, function in functions(PACKAGE, TESTS, ROOT / "benchmarks")
        if (function.end_lineno or 0) - function.lineno >= LONGEST_FUNCTION
    ]

    assert offenders == []


def test_files_stay_short() -> None:
    """No source file is longer than 300 lines."""
    offenders = [
        f"{path}: {length}"
        for path in sources(PACKAGE, TESTS, ROOT / "benchmarks")
        if (length := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    ]

    assert offenders == []


def test_every_test_states_its_promise() -> None:
    """The docstring of a test function says in one line what it promises."""
    offenders = [
        place(path, function)
        for path, function in functions(TESTS)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]

    assert offenders == []


def test_tests_stay_on_this_machine() -> None:
    """No test holds an address that is neither loopback nor reserved for examples."""
    offenders = [
        f"{place(path, node)} {host}"
        for path, node in nodes(TESTS)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for host in hosts(node.value)
        if not is_harmless(host)
    ]

    assert offenders == []


def hosts(text: str) -> Iterator[str]:
    yield from re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", text)
    for url in re.findall(r"https?://[\w.\-\[\]:]+", text):
        yield urlsplit(url).hostname or ""


def is_harmless(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        example = re.search(r"(^|\.)(example(\.\w+)?|test|invalid|localhost)$", host)
        return "." not in host or host in NAMES_NOT_ADDRESSES or example is not None
    return address.is_loopback or address.is_unspecified or any(address in net for net in RESERVED_FOR_EXAMPLES)


def test_addresses_are_told_apart() -> None:
    """The check above sees a foreign address, and lets loopback and examples pass."""
    foreign = [".".join(["10"] * 4), "models.internal"]
    text = f"{foreign[0]}:53 127.0.0.1:80 192.0.2.7 1.2.3 http://example.com/ http://" + foreign[1]

    assert [host for host in hosts(text) if not is_harmless(host)] == foreign


def test_entry_points_lead_somewhere() -> None:
    """Every script and driver that the package declares can be imported."""
    declared = [point for point in distribution("mlship").entry_points if point.value.startswith("mlship")]

    assert {point.group for point in declared} == {"console_scripts", "mlship.drivers"}
    for point in declared:
        assert callable(point.load())


def test_every_module_can_be_imported() -> None:
    """No module of the package needs something that the package does not install."""
    names = [".".join(("mlship", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in sources(PACKAGE)]

    for name in names:
        importlib.import_module(name.removesuffix(".__init__"))


def test_no_package_escapes_the_layers() -> None:
    """Every package and every module of mlship has its place in the one-way order."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = configuration["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {name.strip() for layer in layers for name in layer.split("|")}
    packages = {f"mlship.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}

    assert packages | {"mlship.errors", "mlship.clock", "mlship.private"} == placed


def test_every_package_says_what_it_is() -> None:
    """The docstring of each package tells a reader what they will find."""
    silent = [path for path in PACKAGE.rglob("__init__.py") if not ast.get_docstring(parsed(path))]

    assert silent == []


def test_the_changelog_knows_this_version() -> None:
    """A version is not released without a word about it."""
    assert f"## [{mlship.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_links_in_the_documents_lead_somewhere() -> None:
    """A reader who follows a link finds a file."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^):#]+)\)", page.read_text("utf-8"))]

    assert links
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_the_readme_knows_every_command_and_exit_code() -> None:
    """What a command or a code means can be looked up."""
    readme = (ROOT / "README.md").read_text("utf-8")
    commands = {name for names in PANELS.values() for name in names}

    assert {
        name for name in commands if f"`mlship {name}" not in readme and f"    mlship {name}" not in readme
    } == set()
    assert set(re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)) == {str(int(code)) for code in Exit}
