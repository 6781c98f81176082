"""Which generation runs: nginx serves it in a location of its configuration."""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlsplit

from mlship.errors import OutOfReach, RoutingRefused

ANSWERS_WITHIN = 2.0
"""Seconds that nginx gets for an answer before it counts as out of reach."""

PRINTED = "its configuration needs the lines that `mlship init --driver nginx` prints"
_GENERATION = re.compile(r"[0-9a-f]{12} [^\n]+\n")


def generation(url: str) -> str:
    """Hash and value of what runs, by a connection of its own: one that is kept open would ask the worker before.

    Raises:
        OutOfReach: nobody answers.
        RoutingRefused: what answers is no generation.
    """
    told = urlsplit(url)
    connection = http.client.HTTPConnection(told.netloc, timeout=ANSWERS_WITHIN)
    try:
        connection.request("GET", told.path or "/", headers={"Connection": "close"})
        response = connection.getresponse()
        text = response.read(4096).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise OutOfReach(
            f"nginx {told.netloc} does not answer: {why}", hint="start nginx, or correct `status`"
        ) from error
    finally:
        connection.close()
    if response.status != 200 or not _GENERATION.fullmatch(text):
        raise RoutingRefused(f"{url} tells no generation: it answers {response.status}", hint=PRINTED)
    return text.rstrip("\n")
