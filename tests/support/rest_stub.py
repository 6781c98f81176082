"""Servers on loopback that speak the APIs which products document, strictly, and misbehave as they are asked to.

They are no evidence about the products: what they refuse, and which shapes they take, is from the documents alone.
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

SPLIT = re.compile(r"/apisix/admin/routes/([^/]+)")


class Rejected(Exception):
    """The status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def must(true: object, why: str, status: int = 400) -> None:
    if not true:
        raise Rejected(status, why)


@dataclass(kw_only=True)
class Product:
    """What answers: it keeps `weights`, and checks who asks."""

    login: ClassVar[tuple[str, str]] = ("", "")
    """A header, and the value that it must have."""

    weights: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    def read(self, path: str) -> object:
        """The answer to GET."""
        raise NotImplementedError

    def write(self, method: str, path: str, body: Any) -> object:
        """The answer to everything else; the path has its query."""
        raise NotImplementedError


class Kong(Product):
    """Targets of the upstream `digits`; one by one."""

    login = ("Kong-Admin-Token", "kong-secret")

    def read(self, path: str) -> object:
        must(path == "/upstreams/digits/targets", "no such path", 404)
        return {"data": [{"target": name, "weight": weight} for name, weight in self.weights.items()], "next": None}

    def write(self, method: str, path: str, body: Any) -> object:
        must(method == "PATCH", "method not allowed", 405)
        target = path.removeprefix("/upstreams/digits/targets/")
        must(target in self.weights, "no such target", 404)
        must(isinstance(body, dict) and set(body) == {"weight"}, "schema violation: unknown field")
        must(type(body["weight"]) is int and 0 <= body["weight"] <= 65535, "schema violation: weight")
        self.weights[target] = body["weight"]
        return {"target": target, "weight": body["weight"]}


class Apisix(Product):
    """The route `digits` with another plugin, which a merge leaves alone; `weights` by upstream."""

    login = ("X-API-KEY", "apisix-secret")
    others: ClassVar[Mapping[str, object]] = {"limit-count": {"count": 100}}

    def read(self, path: str) -> object:
        must(path == "/apisix/admin/routes/digits", "Key not found", 404)
        upstreams = [{"upstream_id": name, "weight": weight} for name, weight in self.weights.items()]
        split = {"traffic-split": {"rules": [{"weighted_upstreams": upstreams}]}} if upstreams else {}
        return {"value": {"uri": "/*", "plugins": {**self.others, **split}}, "modifiedIndex": self.version}

    def write(self, method: str, path: str, body: Any) -> object:
        must(method == "PATCH" and path == "/apisix/admin/routes/digits", "not found", 404)
        rules = body["plugins"]["traffic-split"]["rules"]
        for upstream in rules[0]["weighted_upstreams"]:
            must(set(upstream) == {"upstream_id", "weight"}, "additional properties forbidden")
            must(isinstance(upstream["upstream_id"], str) and type(upstream["weight"]) is int, "wrong type")
        self.weights = {each["upstream_id"]: each["weight"] for each in rules[0]["weighted_upstreams"]}
        return self.read(path)


@dataclass(kw_only=True)
class Dataplane(Product):
    """The entry `v2` of the map `split.map`, a text; the map's file has it only where a change asks for that."""

    login = ("Authorization", "Basic " + b64encode(b"mlship:dataplane-secret").decode())
    entry: ClassVar[str] = "/v3/services/haproxy/runtime/maps/split.map/entries/v2"

    file: dict[str, Any] = field(default_factory=dict)
    """What a reload brings back."""

    def read(self, path: str) -> object:
        must(path == self.entry, "no such entry", 404)
        return {"id": "0x55", "key": "v2", "value": str(self.weights["v2"])}

    def write(self, method: str, path: str, body: Any) -> object:
        where, _, query = path.partition("?")
        must(method == "PUT" and where == self.entry, "method not allowed", 405)
        must(query in {"", "force_sync=true", "force_sync=false"}, "force_sync in query must be of type boolean", 422)
        must(isinstance(body, dict) and set(body) == {"value"}, "unknown property")
        must(isinstance(body["value"], str), "value in body must be of type string", 422)
        self.weights["v2"] = int(body["value"])
        if query == "force_sync=true":
            self.file = dict(self.weights)
        return self.read(where)


class Plain(Product):
    """All weights in one document; a change has to name the version that it is of, if it names one."""

    def read(self, path: str) -> object:
        must(path == "/split", "not found", 404)
        return self.weights

    def write(self, method: str, path: str, body: Any) -> object:
        must((method, path) == ("PUT", "/split"), "not found", 404)
        self.weights = dict(body)
        return self.weights


@dataclass(kw_only=True)
class Stub:
    """A product that listens. `faults` are taken one after the other by the requests that change something."""

    product: Product
    port: int = 0
    faults: list[str] = field(default_factory=list)
    """503, 401, 400: that status · lost: done, and not answered · cut: not done, and not answered · lie: 200, and not
    done · late: done, and a gateway on the way answers 504 · hang: not answered until
    `released` · raced: somebody else changes it first · "": nothing."""
    asked: list[str] = field(default_factory=list)
    """Method and path of every request."""
    released: threading.Event = field(default_factory=threading.Event)
    raced: Mapping[str, Any] = field(default_factory=dict)
    """What somebody else makes of it; empty: another version of the same."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, object] | None:
        """Status and document; None: the connection ends."""
        self.asked.append(f"{method} {path}")
        name, value = self.product.login
        if name and headers.get(name) != value:
            return 401, {"message": f"Unauthorized: {headers.get(name)}"}
        # What a change asks for on the side is the product's business; that of a look is not checked.
        where = unquote(urlsplit(path).path if method == "GET" else path)
        try:
            return self._done(method, where, headers, body)
        except Rejected as rejected:
            return rejected.status, {"message": str(rejected)}
        except (KeyError, TypeError, IndexError, ValueError) as error:
            return 400, {"message": repr(error)}

    def _done(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, object] | None:
        if method == "GET":
            return 200, self.product.read(path)
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdigit():
            return int(fault), {"message": "as asked"}
        if fault == "raced":
            self.product.version += 1
            self.product.weights = dict(self.raced) or self.product.weights
        if fault == "hang":
            self.released.wait()
        if fault == "cut":
            return None
        if fault == "lie":
            return 200, {}
        must(headers.get("If-Match") in {None, str(self.product.version)}, "stale", 412)
        told = self.product.write(method, path, json.loads(body))
        self.product.version += 1
        if fault == "late":
            return 504, {"message": "gateway timeout"}
        return None if fault == "lost" else (200, told)


@contextmanager
def stub(product: Product) -> Iterator[Stub]:
    """The product, listening."""
    served = Stub(product=product)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            told = served.answer(self.command, self.path, dict(self.headers), self.rfile.read(length))
            if told is None:
                self.close_connection = True
                return
            status, document = told
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", str(served.product.version))
            self.end_headers()
            self.wfile.write(data)

        do_PATCH = do_PUT = do_GET  # noqa: N815 - as http.server wants them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    with listening(Handler) as port:
        served.port = port
        yield served


class Ready(BaseHTTPRequestHandler):
    """A model's server, of which only its health is of interest."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server of that handler; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
