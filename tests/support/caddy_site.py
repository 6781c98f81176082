"""Caddy in front of real model servers, configured by the very lines that `init` prints."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from mlship.drivers.balancer.caddy import CaddyDriver
from mlship.drivers.balancer.caddy.admin import AdminApi
from mlship.drivers.balancer.caddy.lines import Place, configuration_lines, handler_lines
from mlship.errors import MlshipError
from mlship.plan.pool import Pool
from tests.engines import caddy, need
from tests.ports import free_port
from tests.support.balanced_site import BalancedSite, short_folder
from tests.support.site import until

Json = dict[str, Any]

RUNTIME = {"GOMAXPROCS": "8", "GOGC": "1000"}
"""What the docs advise to tell Go, so that fewer connections end with a change."""


@dataclass(kw_only=True)
class Caddy:
    """One Caddy, which resumes what it had unless it is told otherwise."""

    folder: Path
    servers: Mapping[str, str]
    """Model → address of its server."""
    service: str = "scorer"
    resumes: bool = True
    over_tcp: bool = False
    mode: str = ""
    """Of its admin socket, such as "|0660"."""
    more: Mapping[str, object] = field(default_factory=dict)
    """Further settings of the log's writer."""
    runtime: Mapping[str, str] = field(default_factory=dict)
    """What Go's runtime is told in its environment."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.admin = f"127.0.0.1:{free_port()}" if self.over_tcp else str(self.folder / "admin.sock")
        listen = self.admin if self.over_tcp else f"unix/{self.admin}{self.mode}"
        place = Place(listen=f"127.0.0.1:{self.port}", admin=listen, log=str(self.log))
        text = json.loads(configuration_lines(handler_lines(self.service, self.servers, every="100ms"), place))
        text["logging"]["logs"]["mlship"]["writer"] |= self.more
        self.file.write_text(json.dumps(text))

    @property
    def file(self) -> Path:
        return self.folder / "caddy.json"

    @property
    def log(self) -> Path:
        return self.folder / "access.log"

    @property
    def api(self) -> AdminApi:
        return AdminApi(address=self.admin)

    def start(self) -> None:
        """Run it, until it answers."""
        program = caddy()
        assert program
        words = [program, "run", *(["--resume"] if self.resumes else []), "--config", str(self.file)]
        env = {**os.environ, "XDG_CONFIG_HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder), **self.runtime}
        with (self.folder / "caddy.log").open("ab") as log:
            self.process = subprocess.Popen(words, env=env, stdout=log, stderr=log)
        until(self.answers)

    def answers(self) -> bool:
        """Its admin endpoint does, and it serves."""
        with suppress(MlshipError):
            return self.api.get("/config/apps/http/servers/users/listen").status == 200
        return False

    def reload(self) -> None:
        """As `caddy reload`: what the file says is loaded anew."""
        program = caddy()
        assert program
        at = self.admin if self.over_tcp else f"unix/{self.admin}"
        words = [program, "reload", "--force", "--config", str(self.file), "--address", at]
        subprocess.run(words, check=True, capture_output=True, timeout=30)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def block(self) -> Json:
        """The handler with our id."""
        return dict(json.loads(self.api.get(f"/id/mlship-{self.service}").text))

    @property
    def proxy(self) -> Json:
        """The owner's proxy in it."""
        return dict(next(each for each in self.block["routes"][-1]["handle"] if each["handler"] == "reverse_proxy"))

    @property
    def weights(self) -> dict[str, int]:
        """Model → weight of its server; one that was taken out is absent."""
        models = {address: name for name, address in self.servers.items()}
        policy = self.proxy["load_balancing"]["selection_policy"]
        weights = policy.get("fallback", policy)["weights"]
        return {models[each["dial"]]: weight for each, weight in zip(self.proxy["upstreams"], weights, strict=True)}

    def patch(self, path: str, value: object) -> None:
        """A change by somebody else's hand, below the handler."""
        reply = self.api.patch(f"/id/mlship-{self.service}{path}", value, etag="")  # type: ignore[arg-type]
        assert reply.status == 200, reply.text

    def set_policy(self, policy: object) -> None:
        """Another policy by somebody else's hand."""
        block = self.block
        proxy = next(each for each in block["routes"][-1]["handle"] if each["handler"] == "reverse_proxy")
        proxy["load_balancing"]["selection_policy"] = policy
        self.patch("", block)

    def set_by_hand(self, **weights: int) -> None:
        """Another split by somebody else's hand."""
        block = self.block
        proxy = next(each for each in block["routes"][-1]["handle"] if each["handler"] == "reverse_proxy")
        proxy["upstreams"] = [{"dial": self.servers[name]} for name in weights]
        proxy["load_balancing"]["selection_policy"]["weights"] = list(weights.values())
        self.patch("", block)


class CaddySite(BalancedSite[Caddy]):
    """A service on driver `caddy`."""

    make = "caddy"
    driver = CaddyDriver

    def front(self, folder: Path, **asked: Any) -> Caddy:
        """A Caddy in that folder, not started."""
        return Caddy(folder=folder, servers=self.addresses, service=self.service, **asked)

    def told(self) -> dict[str, object]:
        """What a plan says of the Caddy that there are."""
        nodes = [{"admin": each.admin, "log": str(each.log)} for each in self.balancers]
        return {"nodes": nodes, "listen": f"127.0.0.1:{self.balancer.port}"}

    def serve(self, name: str, *, sick: bool = False, **asked: str) -> None:
        """Start a model's server, and name it in the plan."""
        super().serve(name, sick=sick, **asked)
        self.models[name] = replace(self.models[name], pool=Pool(servers=(self.addresses[name],)))


@contextmanager
def caddy_site() -> Iterator[CaddySite]:
    """An empty site."""
    need("caddy")
    with short_folder() as folder:
        site = CaddySite(folder=folder)
        try:
            yield site
        finally:
            site.clear()
