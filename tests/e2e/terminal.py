"""A person in front of a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

from tests.e2e.site import PATIENCE, Site

INTO = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
    "os.login_tty(int(sys.argv[1])); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)
"""The command must belong to the terminal, or it is not told when the terminal is lost."""


class Terminal:
    """A terminal of its own with one command in it."""

    def __init__(self, site: Site, *words: str | Path) -> None:
        self._end, theirs = pty.openpty()
        self.command = subprocess.Popen(
            [sys.executable, "-c", INTO, str(theirs), "-m", "mlship", *map(str, words)],
            env=site.environment, text=True, pass_fds=[theirs],
        )  # fmt: skip
        site.started.append(self.command)
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> None:
        """Read on until `text` is on the screen."""
        while text not in self.seen:
            assert select.select([self._end], [], [], PATIENCE)[0], self.seen
            self.seen += os.read(self._end, 4096).decode(errors="replace")

    def type(self, line: str) -> None:
        """A line and the enter key."""
        os.write(self._end, f"{line}\n".encode())

    def lose(self) -> int:
        """The window is closed; the command's exit code."""
        os.close(self._end)
        return self.command.wait(30)

    def leave(self) -> int:
        """Read to the end of the command; its exit code."""
        try:
            while data := os.read(self._end, 4096):
                self.seen += data.decode(errors="replace")
        except OSError:  # how the end of a terminal reads on Linux
            pass
        return self.lose()
