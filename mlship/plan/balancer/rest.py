"""What a plan of the right shape may still get wrong about a balancer that is asked by templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from mlship.plan.able import AT_ONCE, FINER, bandit
from mlship.plan.balancer.asked import splits
from mlship.plan.balancer.countless import check_requests
from mlship.plan.balancer.templates import check_templates
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown
from mlship.plan.routing import WHOLE
from mlship.plan.weights import closest, even

KEYS_OF: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "header": ("header", "value"),
    "basic": ("user", "password"),
    "bearer": ("token",),
}
"""Type of login → what it needs."""
SECRETS = ("value", "password", "token")
ADDRESS = re.compile(r"(.+):([0-9]{1,5})")
MOST_PORT = 65_535
NO_BANDIT = "a bandit needs steps of 0.01%, and no time between them"


def check_rest(draft: Draft) -> None:
    """Add every fault of the driver's settings, of the models and of the stages."""
    at: Steps = ("driver", "rest")
    _nodes(draft, at)
    _login(draft, (*at, "auth"))
    _proof(draft, at)
    check_templates(draft, at)
    check_requests(draft, "rest")
    _servers(draft)
    _rest_of(draft, (*at, "read", "rest-of"))
    for stage in draft.places("stages"):
        if draft.value(*stage, "strategy") == "bandit":
            draft.fault((*stage, "strategy"), NO_BANDIT, bandit(draft, stage))
        if draft.value(*stage, "strategy") == "blue-green" and draft.has(*at, "write", "for-each"):
            why = "blue-green is all at once, and `for-each` is one request after the other"
            draft.fault((*stage, "strategy"), why, f"send all weights in one request, or use canary; {AT_ONCE}")
        for path, shares in splits(draft, stage):
            _exact(draft, path, shares)


def _nodes(draft: Draft, at: Steps) -> None:
    taken: set[str] = set()
    for node in draft.places(*at, "nodes"):
        url = draft.value(*node, "url")
        if url in taken:
            draft.fault((*node, "url"), "is a node already", "name each node once")
        taken.add(url)
        if draft.has(*at, "probe") and not draft.has(*node, "users"):
            hint = 'add `users: "http://10.0.0.5"`, where it takes the requests of users'
            draft.fault(node, "`users` is missing: a probe asks there", hint)
        for path in ((*node, "url"), (*node, "users")):
            told = draft.value(*path)
            if isinstance(told, str) and "${" not in told and not _sound(told):
                draft.fault(path, f"expected a port from 1 to {MOST_PORT}; got {shown(told)}")


def _sound(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _login(draft: Draft, at: Steps) -> None:
    kind = draft.value(*at, "type")
    needed = KEYS_OF.get(str(kind), ())
    for key in needed:
        if not draft.has(*at, key):
            draft.fault(at, f"`{key}` is missing: type {kind} needs it", f"add `{key}`", at_key=True)
    for key in draft.names(*at):
        if kind in KEYS_OF and key not in {"type", *needed}:
            draft.fault((*at, key), f"type {kind} has no use for it", "remove it", at_key=True)
        elif key in SECRETS and isinstance(told := draft.value(*at, key), str) and "${env:" not in told:
            hint = f"write `{key}: ${{env:BALANCER_{key.upper()}}}`, and export the variable"
            draft.fault((*at, key), "is no reference: whoever can read the plan could log in", hint)


def _proof(draft: Draft, at: Steps) -> None:
    if isinstance(draft.value(*at), dict) and not draft.has(*at, "read") and not draft.has(*at, "probe"):
        hint = "add `read` where the API tells the weights, else `probe`: requests whose answers tell who serves"
        draft.fault(at, "nothing would prove a change: a status of 200 does not", hint, at_key=True)


def _servers(draft: Draft) -> None:
    taken: dict[str, str] = {}
    for name in draft.names("models"):
        path: Steps = ("models", name)
        if not draft.has(*path, "servers"):
            hint = 'add `servers: ["10.0.1.1:8000"]`: mlship asks them whether they are ready'
            draft.fault(path, "`servers` is missing", hint, at_key=True)
        for place in draft.places(*path, "servers"):
            server = draft.value(*place)
            if server is None:
                continue
            found = ADDRESS.fullmatch(server)
            if found is None or not 1 <= int(found[2]) <= MOST_PORT:
                draft.fault(place, f"expected an address and a port such as 10.0.1.1:8000; got {shown(server)}")
            elif server in taken:
                draft.fault(place, f"is a server of {taken[server]}", "a server serves one model")
            taken.setdefault(server, name)


def _rest_of(draft: Draft, path: Steps) -> None:
    model, models = draft.value(*path), draft.names("models")
    if model is None:
        return
    if model not in models:
        draft.fault(path, f"there is no model {shown(model)}", f"models: {', '.join(models)}")
    elif len(models) != 2:
        draft.fault(path, "one number tells two shares, and the plan has more models", "read a weight for each")
    elif draft.value("driver", "rest", "scale", "unit") == "server":
        draft.fault(path, "servers have the weights, and it is a model", "read a weight for each server")


def _exact(draft: Draft, path: Steps, shares: Mapping[str, int]) -> None:
    at: Steps = ("driver", "rest", "scale")
    whole = draft.number(*at, "total", default=100)
    most = draft.number(*at, "max", default=whole)
    by_server = draft.value(*at, "unit") == "server"
    counts = {name: len(list(draft.places("models", name, "servers"))) if by_server else 1 for name in shares}
    check_exact(draft, path, shares, counts, most=most, whole=whole)


def check_exact(
    draft: Draft, path: Steps, shares: Mapping[str, int], counts: Mapping[str, int], *, most: int, whole: int
) -> None:
    """A fault where no whole weights up to `most`, and `whole` together, make exactly these shares."""
    if not all(counts.values()) or even(shares, counts, most=most, whole=whole):
        return
    hint = FINER
    if len(shares) == 2:
        (first, share), (second, _) = shares.items()

        def fits(tried: int) -> bool:
            return even({first: tried, second: WHOLE - tried}, counts, most=most, whole=whole) is not None

        close = " or ".join(f"{points / 100:g}%" for points in closest(share, fits))
        hint = f"{close} can be; {FINER}" if close else FINER
    draft.fault(path, f"no whole weights up to {most} make exactly this split", hint)
