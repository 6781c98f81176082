"""This process without the rights that it has, and folders that nobody may write to."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml  # noqa: F401 - one of those that are loaded late

from mlship.drivers import balancer
from tests.engines import need


def open_to(folder: Path) -> None:
    """Let everybody read and change what is in there."""
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):  # such as a socket that is just made anew
            if not path.is_socket():
                path.chmod(0o777 if path.is_dir() else 0o666)


@contextmanager
def nobody() -> Iterator[None]:
    """As a user without rights; the test is for root, who can become one and come back."""
    need("root")
    _load_all()
    os.setresuid(65_534, 65_534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """As on a disk that is mounted read-only, which not even root may write to."""
    need("root")
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _load_all() -> None:
    """What is loaded late may lie where only root can read."""
    for module in pkgutil.walk_packages(balancer.__path__, f"{balancer.__name__}."):
        importlib.import_module(module.name)
