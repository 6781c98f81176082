"""GET for sources of numbers: bounded in time and size, tried again, kept on its host, with no secret in a message."""

from __future__ import annotations

import http.client
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPMessage
from time import monotonic
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit

import mlship
from mlship.errors import MlshipError, OutOfReach, UsageError
from mlship.metrics.address import Address, Secrets, secrets_of
from mlship.metrics.patience import RETRIES, TIMEOUT, Passing, patiently
from mlship.plan.references import resolve

MOST_BODY = 1_000_000
"""Bytes of an answer."""
_CHUNK = 65_536
_LATER = frozenset({408, 425, 429})
UNKNOWN = frozenset({401, 403, 407})
"""Statuses that say: not without a login."""
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said; that it fails, or is too busy, is no answer."""

    status: int
    body: bytes
    elsewhere: str
    """Scheme and host of a redirect that was not followed."""
    address: Address
    secrets: Secrets

    @property
    def good(self) -> bool:
        """It is what was asked for."""
        return self.status // 100 == 2

    @property
    def said(self) -> str:
        """The beginning of the body, for a message."""
        return self.secrets.quoted(self.body.decode("utf-8", "replace"))

    def refusal(self) -> MlshipError:
        """The error of an answer that is not good."""
        where = self.address.shown
        if self.elsewhere:
            hint = f"if {self.elsewhere} may see the question and its headers, write its address in the plan"
            return UsageError(f"{where} leads elsewhere: to {self.elsewhere}", hint=hint)
        if self.status in UNKNOWN:
            hint = "check user, password and headers in the plan, and the variables that they name"
            return OutOfReach(f"{where} answers {self.status}: it wants to know who asks", hint=hint)
        return OutOfReach(f"{where} answers {self.status}", hint=self.said or "check the address")


class Web:
    """Asks servers by GET.

    Args:
        headers: values may hold `${env:NAME}`.
        timeout: seconds that one question may take, retries included.
        retries: tries after the first one, where a server cannot be reached, fails or is too busy.
        env: where variables are looked up, each time anew.
    """

    def __init__(
        self, headers: Mapping[str, str], *, timeout: float = TIMEOUT, retries: int = RETRIES, env: Mapping[str, str]
    ) -> None:
        self._headers = headers
        self._timeout = timeout
        self._retries = retries
        self._env = env

    def get(self, address: Address, *, path: str = "") -> Answer:
        """What the address answers, or what lies under it at `path`.

        Raises:
            OutOfReach: no answer in time, a status of 5xx, or a body of more than `MOST_BODY`.
            UsageError: an address or a header that cannot be sent.
        """
        parts = urlsplit(address.bare)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise UsageError(f"{address.shown} is no address of the web", hint="write http://host/ or https://host/")
        own = {name: resolve(value, self._env) for name, value in self._headers.items()}
        login = {} if address.user is None else {"Authorization": f"Basic {_encoded(address)}"}
        default = {"Accept": "application/json", "User-Agent": f"mlship/{mlship.__version__}"}
        question = _Question(
            url=address.bare if not path else address.bare.rstrip("/") + path,
            headers={**default, **login, **own},
            address=address,
            secrets=address.secrets
            | secrets_of(*self._headers.values(), env=self._env)
            | Secrets(
                frozenset(
                    {_encoded(address), *own.values(), *(word for value in own.values() for word in value.split())}
                )
            ),
        )
        return patiently(question.asked, timeout=self._timeout, retries=self._retries)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    url: str
    headers: Mapping[str, str]
    address: Address
    secrets: Secrets

    def asked(self, seconds: float) -> Answer:
        ends = monotonic() + seconds
        try:
            with self._opened(seconds) as response:
                answer = self._answer(response, ends)
        except (OSError, http.client.HTTPException) as error:
            raise self._silence(error) from error
        if answer.status >= 500 or answer.status in _LATER:
            hint = answer.said or "look at its log"
            raise Passing(f"{self.address.shown} answers {answer.status}", hint=hint)
        return answer

    def _opened(self, seconds: float) -> http.client.HTTPResponse | HTTPError:
        try:
            request = urllib.request.Request(self.url, headers=dict(self.headers))  # noqa: S310 - checked before
            response: http.client.HTTPResponse = _opener().open(request, timeout=seconds)
        except HTTPError as error:
            return error
        except (ValueError, http.client.InvalidURL) as error:
            # Not a word of it: it quotes what it does not like, which may be a password.
            hint = "look for blanks and line ends in them, and in the variables that they name"
            raise UsageError(f"{self.address.shown}: address or headers cannot be sent", hint=hint) from error
        return response

    def _answer(self, response: http.client.HTTPResponse | HTTPError, ends: float) -> Answer:
        location = response.headers.get("Location", "") if (response.status or 0) // 100 == 3 else ""
        return Answer(
            status=response.status or 0,
            body=self._body(response, ends),
            elsewhere=_origin(urljoin(self.url, location)) if location else "",
            address=self.address,
            secrets=self.secrets,
        )

    def _body(self, response: http.client.HTTPResponse | HTTPError, ends: float) -> bytes:
        body = bytearray()
        # One read from the network at a time: a server that trickles is cut at the end of its time too.
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > MOST_BODY:
                hint = "ask for sums, not for single records"
                raise OutOfReach(f"{self.address.shown} answers with more than {MOST_BODY:,} bytes", hint=hint)
            if monotonic() > ends:
                raise TimeoutError
        if len(body) < int(response.headers.get("Content-Length") or 0):
            raise http.client.IncompleteRead(bytes(body))
        return bytes(body)

    def _silence(self, error: Exception) -> Passing:
        reason = error.reason if isinstance(error, URLError) else error
        late = isinstance(reason, TimeoutError)
        why = "not in time" if late else self.secrets.quoted(str(reason)) or type(reason).__name__
        hint = "see that it runs, and can be reached from here"
        return Passing(f"{self.address.shown} does not answer: {why}", hint=hint)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to the same host and port, or from there to its https; headers with secrets go nowhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if not _stays(req.full_url, newurl):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _stays(old: str, new: str) -> bool:
    here, there = urlsplit(old), urlsplit(new)
    if here.hostname != there.hostname or there.scheme not in _PORTS:
        return False
    same = here.scheme == there.scheme and _port(here.scheme, here.port) == _port(there.scheme, there.port)
    return same or (here.scheme, there.scheme) == ("http", "https")


def _port(scheme: str, port: int | None) -> int:
    return port or _PORTS[scheme]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")


def _encoded(address: Address) -> str:
    return b64encode(f"{address.user or ''}:{address.password}".encode()).decode()
