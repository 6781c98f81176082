"""One service on the docker driver, worked on by the real command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.site import Site
from tests.support import images
from tests.support.docker_site import DockerSite


class DockerPlace(Site):
    """As `Site`, with containers."""

    def __init__(self, folder: Path, *, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(folder)
        self.docker = DockerSite(state=folder, port=self.port)
        self.service = self.docker.service
        self.settings = dict(settings or {})

    def plan_of(self, stages: str, *, more: str = "", name: str = "plan", **models: Mapping[str, Any]) -> Path:
        """A plan from v1 to v2; `v1` and `v2` are what those have beyond an image and a health check."""
        file = self.folder / f"{name}.yaml"
        router = {"image": images.ROUTER, "workers": 1}
        driver = {"docker": {"listen": f"127.0.0.1:{self.port}", "router": router, **self.settings}}
        asked = {"v1": {}, **({"v2": {}} if stages else {}), **models}
        written = "".join(f"  {model}: {json.dumps(self._contained(**keys))}\n" for model, keys in asked.items())
        file.write_text(
            f"version: 1\nservice: {self.service}\ndriver: {json.dumps(driver)}\nmodels:\n{written}live: v1\n"
            f"look-every: 300ms\n{more}{'stages:' if stages else ''}\n{stages}"
        )
        return file

    def up(self, **keys: Any) -> None:
        """v1 is live."""
        ran = self.mlship("deploy", self.plan_of("", name="first", v1=keys), "--yes", "-o", "plain")
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def _contained(self, **more: Any) -> dict[str, Any]:
        health = {"path": "/v2/health/ready", "within": "60s", "timeout": "5s"}
        source = {} if "build" in more else {"image": images.SERVER}
        return {**source, "drain": "5s", "timeout": "10s", "health": health, **more}

    def python(self, script: str, **environment: str) -> str:
        """What a program of its own prints."""
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env={**self.environment, **environment}, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return ran.stdout

    def told(self) -> dict[str, Any]:
        """`mlship status --json`."""
        ran = self.mlship("status", self.service, "--json")
        assert ran.returncode == 0, ran.stderr
        return dict(json.loads(ran.stdout)[0])

    def clear(self) -> None:
        """Leave nothing behind."""
        super().clear()
        self.docker.clear()
