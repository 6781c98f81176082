"""Envoy's administration on the loopback of its container."""

from __future__ import annotations

import http.client
import io
from shlex import quote
from typing import TYPE_CHECKING

from mlship.dataplane.admin import PATIENCE, Administration
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from mlship.drivers.docker.shell import Session

DOWN = "`mlship resume` or `mlship rollback` starts it again with its last routing"


class ShellAdmin(Administration):
    """An Envoy whose administration is reached by the shell in its container."""

    def __init__(self, session: Session, port: int) -> None:
        self._session = session
        self._port = port

    def _ask(self, method: str, target: str) -> tuple[int, str]:
        request = f"{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        talk = f"{{ printf %s {quote(request)} >&3 && cat <&3; }} 3<>/dev/tcp/127.0.0.1/{self._port}"
        # An order may have been carried out although nobody has told so.
        said = self._session.run(f"{talk} 2>/dev/null; true", patience=PATIENCE, again=method == "GET")
        if said is None:
            raise OutOfReach("the router is down", hint=DOWN)
        try:
            return _answer(method, said)
        except (OSError, http.client.HTTPException) as error:
            raise OutOfReach(
                "the router does not answer in its container",
                hint="if it has died, `mlship resume` or `mlship rollback` starts it again",
            ) from error


class _Heard:
    """As much of a socket as a parser wants."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(self._said)


def _answer(method: str, said: bytes) -> tuple[int, str]:
    response = http.client.HTTPResponse(_Heard(said), method=method)  # type: ignore[arg-type]
    response.begin()
    return response.status, response.read().decode("utf-8", "replace")
