"""`show stat`: a table of proxies and servers, as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence

from mlship.drivers.balancer.haproxy.api import RuntimeApi
from mlship.drivers.balancer.health import answers
from mlship.drivers.balancer.node import Server
from mlship.errors import OutOfReach
from mlship.metrics.counters import Tally
from mlship.plan.model import Model

Row = Mapping[str, str]

ANSWERS = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
TOTAL = "BACKEND"
CONNECTED = {"L4OK", "L6OK"}
"""The server takes connections; whether it can serve was not asked."""
PASSED = {*CONNECTED, "L7OK", "L7OKC"}


def rows(text: str) -> Sequence[Row]:
    """The table; empty where the text is none."""
    lines = [line for line in text.splitlines() if line]
    if not lines or not lines[0].startswith("# pxname"):
        return []
    return list(csv.DictReader([lines[0].removeprefix("# "), *lines[1:]]))


def backend(table: Iterable[Row], name: str) -> Row | None:
    """A backend's own row."""
    return next((row for row in table if row["pxname"] == name and row["svname"] == TOTAL), None)


def proxy(table: Iterable[Row], name: str) -> Row | None:
    """A frontend's own row."""
    return next((row for row in table if row["pxname"] == name and row["svname"] == "FRONTEND"), None)


def servers(table: Iterable[Row], name: str) -> Sequence[Row]:
    """The rows of a backend's servers."""
    return [row for row in table if row["pxname"] == name and row["svname"] not in {TOTAL, "FRONTEND"}]


def server(row: Row) -> Server:
    """A server by HAProxy's own checks; one that is not checked is up as long as nobody has said otherwise.

    HAProxy sends requests to a server from the start on, before its first check has ended: that one is not up here.
    """
    status, check = row["status"], row.get("check_status", "").lstrip("* ")
    return Server(
        name=row["svname"],
        up=(status.startswith("UP") and (not check or check in PASSED)) or unchecked(row),
        parked=parked(row),
        told=f"{status} ({check})" if check and check not in PASSED else status,
    )


def parked(row: Row) -> bool:
    """Somebody has put it into maintenance."""
    return row["status"].startswith("MAINT")


def unchecked(row: Row) -> bool:
    """HAProxy does not check it."""
    return row["status"] == "no check"


def tally(row: Row) -> Tally:
    """Answers and those of them that are errors, HAProxy's own included: users cannot tell them apart."""
    counts = [int(row[name] or 0) for name in ANSWERS]
    return Tally(requests=sum(counts), errors=int(row["hrsp_5xx"] or 0))


def tally_of_server(row: Row) -> Tally:
    """As `tally`; what a server did not answer, or not with HTTP, is counted apart from its answers."""
    answered, unanswered = tally(row), int(row["econ"] or 0) + int(row["eresp"] or 0)
    return Tally(requests=answered.requests + unanswered, errors=answered.errors + unanswered)


def table_of(api: RuntimeApi) -> Sequence[Row]:
    """All proxies and servers.

    Raises:
        OutOfReach: it cannot be had.
    """
    table = rows(api.ask("show stat"))
    if not table:
        hint = "is `socket` the one of its `stats socket` line?"
        raise OutOfReach(f"HAProxy {api.address} tells no statistics", hint=hint)
    return table


def asked(row: Row, model: Model) -> Server:
    """A server; one that HAProxy does not check is asked by the model's health path."""
    return asked_itself(row, model) if unchecked(row) else server(row)


def asked_itself(row: Row, model: Model) -> Server:
    """A server by the model's health path, whatever HAProxy says of it; its address takes a level of operator."""
    if not row.get("addr"):
        return server(row)
    fine = answers(row["addr"], model.health.path, timeout=model.health.timeout)
    told = row["status"] if fine else f"GET {model.health.path} does not answer 2xx"
    return Server(name=row["svname"], up=fine, told=told)
