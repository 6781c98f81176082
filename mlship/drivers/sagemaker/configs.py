"""Endpoint configurations: values that are made, or found again, and never changed."""

from __future__ import annotations

from typing import Any

import msgspec

from mlship.drivers.sagemaker import names
from mlship.drivers.sagemaker.aws import Aws
from mlship.drivers.sagemaker.layout import Layout
from mlship.drivers.sagemaker.messages import Existing
from mlship.drivers.sagemaker.models import same
from mlship.drivers.sagemaker.settings import Settings
from mlship.errors import UsageError


class Configs(msgspec.Struct, frozen=True, kw_only=True):
    """The configurations of a service, in one account."""

    aws: Aws
    service: str
    settings: Settings
    known: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Those that were read before: nobody can change one."""

    def read(self, name: str) -> dict[str, Any]:
        """What a configuration says.

        Raises:
            Absent: somebody has deleted it.
            OutOfReach: AWS does not answer.
        """
        if name not in self.known:
            self.known[name] = self.aws.call("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
        return self.known[name]

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
