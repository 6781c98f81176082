"""Endpoint configurations: values that are made, or found again, and never changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from mlship.dataplane.files import make_folder, replace_file
from mlship.drivers.sagemaker import names
from mlship.drivers.sagemaker.aws import Aws
from mlship.drivers.sagemaker.layout import CONTENT, Layout
from mlship.drivers.sagemaker.messages import Absent, Existing
from mlship.drivers.sagemaker.models import same
from mlship.drivers.sagemaker.settings import Settings
from mlship.errors import UsageError


class Configs(msgspec.Struct, frozen=True, kw_only=True):
    """The configurations of a service, in one account."""

    aws: Aws
    service: str
    settings: Settings
    folder: Path
    """Where those in use are remembered, should somebody delete one."""
    writes: bool
    known: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Those that were read before: nobody can change one."""
    asked: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Those that were asked for from here, which AWS may not show yet."""

    def read(self, name: str) -> dict[str, Any]:
        """What a configuration says; one that somebody has deleted while it was in use is made again.

        AWS refuses every update of an endpoint whose configuration is gone.

        Raises:
            UsageError: it is gone, and was never seen from here.
            OutOfReach: AWS does not answer.
        """
        if name not in self.known:
            try:
                told = self.aws.call("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
                self.known[name] = {key: told[key] for key in CONTENT if key in told}
            except Absent as error:
                self.known[name] = self._again(name, error)
            self._keep(name)
        return self.known[name]

    def _again(self, name: str, error: Absent) -> dict[str, Any]:
        try:
            content: dict[str, Any] = msgspec.json.decode((self.folder / f"{name}.json").read_bytes())
        except (OSError, msgspec.MsgspecError):
            hint = "somebody has deleted it: make it again under its name, as the endpoint's variants are"
            raise UsageError(f"the endpoint configuration {name} is in use and not there", hint=hint) from error
        if self.writes:
            self.aws.call("sagemaker", "create_endpoint_config", EndpointConfigName=name, **content)
        return content

    def _keep(self, name: str) -> None:
        file = self.folder / f"{name}.json"
        if self.writes and not file.exists():
            make_folder(self.folder)
            replace_file(file, msgspec.json.encode(self.known[name]).decode())

    def name_of(self, layout: Layout) -> str:
        """The name of the configuration that says so, whether it is there or not."""
        return names.named(self.service, content=layout.request())

    def provide(self, layout: Layout) -> str:
        """Make it, unless it is there; its name.

        Raises:
            UsageError: one of that name says something else.
            OutOfReach: AWS does not answer.
        """
        content, name = layout.request(), self.name_of(layout)
        self.asked[name] = content
        tags = names.tags(self.service, self.settings.tags)
        try:
            self.aws.call("sagemaker", "create_endpoint_config", EndpointConfigName=name, Tags=tags, **content)
        except Existing:
            if not same(content, self.read(name)):
                hint = f"delete it: aws sagemaker delete-endpoint-config --endpoint-config-name {name}"
                raise UsageError(
                    f"the endpoint configuration {name} is there and says something else", hint=hint
                ) from None
        return name
