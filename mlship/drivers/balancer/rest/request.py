"""A request out of its template."""

from __future__ import annotations

from urllib.parse import urlencode

from msgspec import UNSET

from mlship.drivers.balancer.rest.settings import Request
from mlship.drivers.balancer.rest.template import Context, filled, path_of, text_of
from mlship.drivers.balancer.rest.web import Sent


def sent(request: Request, context: Context) -> Sent:
    """The request with its placeholders filled.

    Raises:
        UsageError: a placeholder finds nothing.
    """
    kind, body = _body(request, context)
    default = {"Content-Type": kind} if kind else {}
    # What is put in is no reference of the plan's, whatever it looks like.
    own = {
        name: text_of(value, context, protect=lambda text: text.replace("${", "$${"))
        for name, value in request.headers.items()
    }
    return Sent(method=request.method, path=path_of(request.path, context), headers={**default, **own}, body=body)


def _body(request: Request, context: Context) -> tuple[str, bytes | None]:
    """(its type, itself)."""
    if request.json is not UNSET:
        import json

        return "application/json", json.dumps(filled(request.json, context)).encode()
    if request.form is not UNSET:
        fields = {name: text_of(value, context) for name, value in request.form.items()}
        return "application/x-www-form-urlencoded", urlencode(fields).encode()
    if request.lines is not UNSET:
        used = [server for server in context["servers"] if server["weight"]]
        return "text/plain", "".join(
            f"{text_of(request.lines, {**context, 'each': server})}\n" for server in used
        ).encode()
    return ("text/plain", text_of(request.text, context).encode()) if request.text is not UNSET else ("", None)
