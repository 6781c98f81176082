"""The emulator as a process of its own, for tests that run the command line, and orders to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def order(url: str, what: str, **asked: Any) -> Any:
    """`POST /_control/WHAT`; the answer."""
    request = urllib.request.Request(f"{url}/_control/{what}", json.dumps(asked).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@contextmanager
def process(*arguments: str) -> Iterator[str]:
    """Its URL; `arguments` as on its command line. It has to end well."""
    command = [sys.executable, "-m", "tests.emulators.sagemaker", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield running.stdout.readline().strip()
        finally:
            running.terminate()
            assert running.wait(timeout=20) == 0
