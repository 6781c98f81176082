"""A registry on loopback with one image, whose only layer is small to fetch and large to unpack."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SCHEMA = "application/vnd.docker.distribution.manifest.v2+json"


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _layer(size: int) -> bytes:
    """A file of so many zeros; the end of its archive is left out, because nobody gets there."""
    member = tarfile.TarInfo("weights.bin")
    member.size = size
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(member.tobuf())
        for _ in range(size // 2**20):
            file.write(bytes(2**20))
    return packed.getvalue()


@contextmanager
def registry(size: int) -> Iterator[str]:
    """The image's name, "127.0.0.1:port/large:1"; it takes `size` bytes."""
    layer = _layer(size)
    rootfs = {"type": "layers", "diff_ids": [_digest(b"never looked at")]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    kinds = {"config": ("application/vnd.docker.container.image.v1+json", config)}
    kinds["layer"] = ("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)
    told = {
        kind: {"mediaType": media, "size": len(data), "digest": _digest(data)} for kind, (media, data) in kinds.items()
    }
    manifest = {"schemaVersion": 2, "mediaType": SCHEMA, "config": told["config"], "layers": [told["layer"]]}
    served = {_digest(data): data for data in (layer, config)} | {"1": json.dumps(manifest).encode(), "": b"{}"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = served.get(self.path.rpartition("/")[2], served["1"])
            self.send_response(200)
            self.send_header("content-type", SCHEMA if "/manifests/" in self.path else "application/octet-stream")
            self.send_header("content-length", str(len(data)))
            self.send_header("docker-content-digest", _digest(data))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET  # noqa: N815 - the name is that of the method of HTTP

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}/large:1"
        finally:
            server.shutdown()
