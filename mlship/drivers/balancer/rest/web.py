"""A request to a balancer's API, and its reply. Nothing secret is in a message."""

from __future__ import annotations

import http.client
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

import mlship
from mlship.drivers.balancer.rest.settings import Auth
from mlship.errors import OutOfReach, UsageError
from mlship.metrics.address import Address, Secrets, addressed, secrets_of
from mlship.metrics.patience import Passing, patiently
from mlship.plan.references import resolve

MOST_BODY = 4_000_000
"""Bytes of a reply."""
LATER = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses that may be over at the next try."""
UNKNOWN = frozenset({401, 403, 407})
"""Statuses that say: not without a login."""
SAFE = frozenset({"GET", "HEAD"})


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    text: str
    said: str
    """The beginning of the text, for a message."""

    @property
    def hint(self) -> str:
        """What to do, where it is not good."""
        if self.status in UNKNOWN:
            return "it wants to know who asks: check the driver's `auth`, and the variables that it names"
        return self.said or "see its log"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A request, its placeholders filled."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


class Lost(OutOfReach):
    """It was sent, and not answered: only a look can tell what became of it."""


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """One balancer's API."""

    url: str
    name: str
    """As messages show it."""
    auth: Auth
    timeout: float
    """Seconds that one request may take."""
    retries: int
    env: Mapping[str, str]

    def ask(self, sent: Sent) -> Reply:
        """The reply, whatever its status; one that may be over at the next try is waited for.

        Raises:
            OutOfReach: nobody answers, and nothing was changed.
            Lost: it was sent, and changes something, and nobody answers.
        """
        address = addressed(self.url, self.env)
        login = _login(self.auth, address, self.env)
        secrets = address.secrets | secrets_of(*_texts(self.auth), *sent.headers.values(), env=self.env)
        secrets |= Secrets(frozenset(value.rpartition(" ")[2] for value in login.values()))
        headers = {"User-Agent": f"mlship/{mlship.__version__}", **login, **_resolved(sent.headers, self.env)}
        whole = msgspec.structs.replace(sent, headers=headers)
        patience = self.timeout * (self.retries + 1)
        return patiently(
            lambda left: self._asked(whole, address, secrets, min(left, self.timeout)),
            timeout=patience,
            retries=self.retries,
        )

    def good(self, sent: Sent) -> Reply:
        """A reply with a status of 2xx.

        Raises:
            OutOfReach: there is none.
        """
        reply = self.ask(sent)
        if reply.status // 100 != 2:
            raise OutOfReach(
                f"balancer {self.name} answers {reply.status} to {sent.method} {sent.path}", hint=reply.hint
            )
        return reply

    def reach(self) -> None:
        """See that it is there, and ask nothing.

        Raises:
            OutOfReach: it is not.
        """
        address = addressed(self.url, self.env)
        connection = _connection(address, self.timeout)
        try:
            connection.connect()
        except OSError as error:
            hint = "see that it runs, and can be reached"
            raise OutOfReach(self._silence(error, address.secrets), hint=hint) from error
        finally:
            connection.close()

    def _asked(self, sent: Sent, address: Address, secrets: Secrets, seconds: float) -> Reply:
        parts, connection = urlsplit(address.bare), _connection(address, seconds)
        try:
            try:
                connection.connect()
            except OSError as error:
                raise Passing(self._silence(error, secrets), hint="see that it runs, and can be reached") from error
            reply = self._exchanged(connection, sent, parts.path.rstrip("/"), secrets)
        finally:
            connection.close()
        if reply.status in LATER:
            raise Passing(f"balancer {self.name} answers {reply.status}", hint=reply.said or "look at its log")
        return reply

    def _exchanged(self, connection: http.client.HTTPConnection, sent: Sent, under: str, secrets: Secrets) -> Reply:
        try:
            connection.request(sent.method, under + sent.path, body=sent.body, headers=dict(sent.headers))
            response = connection.getresponse()
            text = response.read(MOST_BODY).decode("utf-8", "replace")
        except (OSError, http.client.IncompleteRead, http.client.BadStatusLine) as error:
            kind = Passing if sent.method in SAFE else Lost
            raise kind(self._silence(error, secrets), hint="see whether it hangs") from error
        except (ValueError, http.client.HTTPException) as error:
            # Not a word of it: it quotes what it does not like, which may be a password.
            hint = "look for blanks and line ends in path and headers, and in the variables that they name"
            raise UsageError(f"a request to {self.name} cannot be sent", hint=hint) from error
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(status=response.status, headers=headers, text=text, said=secrets.quoted(text))

    def _silence(self, error: Exception, secrets: Secrets) -> str:
        late = isinstance(error, TimeoutError)
        why = f"not within {self.timeout:g} s" if late else getattr(error, "strerror", "") or str(error)
        return f"balancer {self.name} does not answer: {secrets.quoted(why) or type(error).__name__}"


def _connection(address: Address, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(address.bare)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=seconds)


def _login(auth: Auth, address: Address, env: Mapping[str, str]) -> Mapping[str, str]:
    match auth.type:
        case "header":
            return {auth.header: resolve(auth.value, env)}
        case "bearer":
            return {"Authorization": f"Bearer {resolve(auth.token, env)}"}
        case "basic":
            return _basic(resolve(auth.user, env), resolve(auth.password, env))
        case "none":
            return {} if address.user is None else _basic(address.user, address.password)


def _basic(user: str, password: str) -> Mapping[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def _texts(auth: Auth) -> tuple[str, ...]:
    return (auth.value, auth.user, auth.password, auth.token)


def _resolved(headers: Mapping[str, str], env: Mapping[str, str]) -> Mapping[str, str]:
    return {name: resolve(value, env) for name, value in headers.items()}
