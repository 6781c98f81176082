"""The daemon: found as Docker's own command line finds it, and its errors in words."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlship.drivers.docker.contexts import endpoint
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from docker import DockerClient

OLDEST = "1.40"
"""Version of the API that is named before the daemon has told its own."""

PATIENCE = 60
"""Seconds that the daemon may take to answer."""

_HINTS = {
    PermissionError: "add the user to the group `docker` and log in anew, or set DOCKER_HOST to a daemon of theirs",
    FileNotFoundError: "start it (`systemctl start docker`), or say where it is: DOCKER_HOST, or `docker context use`",
    ConnectionRefusedError: "start it, or correct DOCKER_HOST or the Docker context",
}
_SPACE = re.compile(r"no space left on device", re.IGNORECASE)
SPACE_HINT = "free some space where the daemon keeps its data: `docker system df` tells what takes it"


def connect(settings: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> DockerClient:
    """A client of the daemon that the plan names, else of the one that `docker` would talk to.

    Raises:
        OutOfReach: it does not answer, or not to this user.
        UsageError: there is no such Docker context.
    """
    with asking("be connected to"):
        there = _environment(settings, environment)
        client = _client(there, version=OLDEST)
        version = _version(client)
        client.close()
        return _client(there, version=version)


def _client(environment: Mapping[str, str], *, version: str) -> DockerClient:
    import docker

    there = endpoint(environment)
    url = str(there.get("base_url"))
    if url.startswith("ssh://"):
        return _over_ssh(url, version)
    client = docker.DockerClient(**there, timeout=PATIENCE, version=version)
    # Otherwise REQUESTS_CA_BUNDLE would count for more than the daemon's own authority.
    client.api.trust_env = False
    return client


def _version(client: DockerClient) -> str:
    """The version of its API. What it tells of itself takes longer: it asks all that it is made of for theirs."""
    told = client.api.get(f"{client.api.base_url}/_ping", timeout=PATIENCE)
    told.raise_for_status()
    return str(told.headers.get("API-Version") or client.api.version(api_version=False)["ApiVersion"])


def _over_ssh(url: str, version: str) -> DockerClient:
    import docker

    from mlship.drivers.docker.ssh import SshAdapter

    client = docker.DockerClient(base_url="unix:///var/run/docker.sock", timeout=PATIENCE, version=version)
    adapter = SshAdapter(url, timeout=PATIENCE)
    # What the library looks for where it streams, and where it closes.
    client.api._custom_adapter = adapter  # noqa: SLF001
    client.api.mount("http+docker://", adapter)
    client.api.trust_env = False
    return client


def _environment(settings: Mapping[str, Any], environment: Mapping[str, str]) -> Mapping[str, str]:
    environment = dict(environment)
    if "context" in settings:
        environment.pop("DOCKER_HOST", None)
        environment["DOCKER_CONTEXT"] = str(settings["context"])
    if "host" in settings:
        environment["DOCKER_HOST"] = str(settings["host"])
    return environment


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Map what goes wrong between here and the daemon; `what` it was asked to do, in words.

    Raises:
        OutOfReach: it does not answer, or refuses.
    """
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException, OSError) as error:
        raise told(error, what) from error


@contextmanager
def reaching(what: str) -> Iterator[None]:
    """As `asking`, but what the daemon answers is left to who asked.

    Raises:
        OutOfReach: it does not answer.
        APIError: it refuses.
        BuildError: what it was to build cannot be built.
    """
    from docker.errors import APIError, BuildError, DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (APIError, BuildError):
        raise
    except (DockerException, RequestException, OSError) as error:
        raise told(error, what) from error


def told(error: Exception, what: str) -> OutOfReach:
    """What a user reads of an error of the daemon."""
    from docker.errors import APIError

    if isinstance(error, APIError):
        why = str(error.explanation or error)
        hint = SPACE_HINT if no_space(why) else "see the daemon's log"
        return OutOfReach(f"the Docker daemon could not {what}: {one_line(why)}", hint=hint)
    root = _root(error)
    if isinstance(root, TimeoutError) or "timed out" in str(error):
        return OutOfReach(
            f"the Docker daemon does not answer within {PATIENCE} s", hint="see whether it hangs: docker info"
        )
    why = root.strerror or str(root) if isinstance(root, OSError) else one_line(str(error))
    hint = next((hint for kind, hint in _HINTS.items() if isinstance(root, kind)), "check DOCKER_HOST: docker info")
    return OutOfReach(f"the Docker daemon cannot be reached: {why}", hint=hint)


def _root(error: BaseException) -> BaseException:
    """The system's own error at the bottom of a library's."""
    seen: list[BaseException] = [error]
    for each in seen:
        under = [each.__cause__, each.__context__, *each.args]
        seen += [found for found in under if isinstance(found, BaseException) and found not in seen]
    return next((each for each in seen if type(each) in _HINTS or isinstance(each, TimeoutError)), error)


def no_space(text: str) -> bool:
    """Whoever complains has nothing left to write to."""
    return _SPACE.search(text) is not None


def one_line(text: str) -> str:
    """A text without line breaks, not too long."""
    return " ".join(text.split())[:300]


def status_of(error: Exception) -> int:
    """The status code of an answer of the daemon; 0 where it is none."""
    return int(getattr(error, "status_code", 0) or 0)
