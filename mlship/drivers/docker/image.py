"""Images: there, pulled or built before anything is touched, and known by what does not change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlship.drivers.docker.daemon import SPACE_HINT, asking, no_space, one_line, reaching, status_of
from mlship.errors import OutOfReach, UsageError
from mlship.plan.container import Build

if TYPE_CHECKING:
    from docker import DockerClient

Say = Callable[[str], None]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def quiet(_: str) -> None:
    """Say nothing."""


def pin(client: DockerClient, image: str) -> str | None:
    """What an image is now: "name@sha256:..." as its registry has it, else its id; None: it is not on the daemon."""
    from docker.errors import ImageNotFound

    with asking("look at an image"):
        try:
            told = client.api.inspect_image(image)
        except ImageNotFound:
            return None
    repository = _split(image)[0]
    known = (digest for digest in told.get("RepoDigests") or () if digest.partition("@")[0] == repository)
    return next(known, str(told["Id"]))


def provide(client: DockerClient, image: str, say: Say = quiet) -> str:
    """The pinned image; pulled where the daemon has none of that name.

    Raises:
        UsageError: there is no such image, or it may not be pulled.
        OutOfReach: the registry cannot be reached, or the daemon has no space left.
    """
    found = pin(client, image)
    if found is None:
        _pull(client, image, say)
        found = pin(client, image)
    if found is None:
        raise UsageError(f"there is no image {image}", hint="correct its name, or build it first")
    return found


def build(client: DockerClient, told: Build, *, tag: str, say: Say = quiet) -> str:
    """The pinned image of a folder, built.

    Raises:
        UsageError: it cannot be built, for the reason that the last lines tell.
        OutOfReach: the daemon does not answer, or has no space left.
    """
    from docker.errors import APIError, BuildError

    try:
        with reaching("build an image"):
            image, lines = client.images.build(
                path=told.context,
                dockerfile=told.dockerfile,
                buildargs=dict(told.args),
                target=told.target or None,
                tag=tag,
                rm=True,
            )
    except (BuildError, APIError, TypeError) as error:
        why = one_line(str(getattr(error, "msg", "") or error))
        last = _last_line(getattr(error, "build_log", ()))
        message = f"{told.context} cannot be built: {why}{f': {last}' if last else ''}"
        if no_space(message):
            raise OutOfReach(message, hint=SPACE_HINT) from error
        raise UsageError(message, hint=f"docker build {told.context} tells more") from error
    for line in lines:
        if text := str(line.get("stream", "") if isinstance(line, Mapping) else "").strip():
            say(text)
    return str(image.id)


def _last_line(log: Iterable[Mapping[str, Any]]) -> str:
    """What the command said that failed, without what the daemon says around it."""
    plain = (_COLOUR.sub("", str(each.get("stream", ""))) for each in log)
    said = [text for piece in plain for text in piece.splitlines() if text.strip()]
    own = [text for text in said if not text.startswith(("Step ", " ---> ", "Removing intermediate"))]
    return one_line(own[-1]) if own else ""


def _pull(client: DockerClient, image: str, say: Say) -> None:
    from docker.errors import APIError

    repository, tag = _split(image)
    try:
        with reaching("pull an image"):
            for line in _news(image, client.api.pull(repository, tag=tag, stream=True, decode=True)):
                say(f"{image}: {line}")
    except APIError as error:
        why = one_line(str(error.explanation or error))
        if status_of(error) == 404:
            raise UsageError(
                f"there is no image {image}: {why}", hint="correct its name, or `docker login` to its registry"
            ) from error
        raise _not_pulled(image, why) from error


def _not_pulled(image: str, why: str) -> OutOfReach:
    hint = SPACE_HINT if no_space(why) else "see whether the daemon reaches the registry"
    return OutOfReach(f"the image {image} cannot be pulled: {why}", hint=hint)


def _news(image: str, lines: Any) -> Iterator[str]:  # noqa: ANN401 - dictionaries, as the daemon sends them
    """Each layer's state once; progress within it is left out."""
    told: set[str] = set()
    for line in lines:
        if "error" in line:
            raise _not_pulled(image, one_line(str(line["error"])))
        text = " ".join(filter(None, (line.get("id"), line.get("status"))))
        if text not in told:
            told.add(text)
            yield text


def _split(image: str) -> tuple[str, str]:
    """(repository, tag or digest)."""
    repository, at, digest = image.partition("@")
    if at:
        return repository, digest
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "latest")
