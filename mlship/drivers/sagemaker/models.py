"""SageMaker Models, named by what they are made of: the same model is made once, and found again from any machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from mlship.drivers.sagemaker import names
from mlship.drivers.sagemaker.aws import Aws
from mlship.drivers.sagemaker.messages import Absent, Existing
from mlship.drivers.sagemaker.settings import Settings
from mlship.errors import UsageError
from mlship.plan.load import resolve
from mlship.plan.model import Model


def same(asked: Any, found: Any) -> bool:  # noqa: ANN401 - JSON
    """All that was asked for is found so; what AWS adds to it does not count."""
    match asked:
        case dict():
            return isinstance(found, dict) and all(same(value, found.get(key)) for key, value in asked.items())
        case list():
            return isinstance(found, list) and len(asked) == len(found) and all(map(same, asked, found))
        case _:
            return bool(asked == found)


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """The models of a service, in one account."""

    aws: Aws
    service: str
    settings: Settings

    def name_of(self, model: Model) -> str:
        """Its name in the account, whether it is there or not."""
        return model.hosted.sagemaker_model or names.named(
            self.service, model.name, content=self._content(model, model.env)
        )

    def provide(self, model: Model) -> str:
        """Make it, unless it is there; its name.

        Raises:
            UsageError: a model of that name is another one, or the named one is not there.
            OutOfReach: AWS does not answer.
        """
        name = self.name_of(model)
        if model.hosted.sagemaker_model:
            self._describe(name)
            return name
        content = self._content(model, {key: resolve(value, os.environ) for key, value in model.env.items()})
        tags = names.tags(self.service, self.settings.tags)
        try:
            self.aws.call("sagemaker", "create_model", ModelName=name, Tags=tags, **content)
        except Existing:
            self._adopt(name, content)
        return name

    def _adopt(self, name: str, content: Mapping[str, Any]) -> None:
        if not same(content, self._describe(name)):
            hint = (
                f"give the model another name in the plan, or delete it: aws sagemaker delete-model --model-name {name}"
            )
            raise UsageError(f"the SageMaker model {name} is there with other contents", hint=hint)

    def _describe(self, name: str) -> dict[str, Any]:
        try:
            return self.aws.call("sagemaker", "describe_model", ModelName=name)
        except Absent as error:
            raise UsageError(
                f"there is no SageMaker model {name}", hint="`aws sagemaker list-models` has those"
            ) from error

    def _content(self, model: Model, env: Mapping[str, str]) -> dict[str, Any]:
        hosted = model.hosted
        container: dict[str, Any] = {"Image": hosted.image}
        if hosted.model_package:
            container = {"ModelPackageName": hosted.model_package}
        if hosted.model_data.endswith("/"):
            source = {"S3Uri": hosted.model_data, "S3DataType": "S3Prefix", "CompressionType": "None"}
            container["ModelDataSource"] = {"S3DataSource": source}
        elif hosted.model_data:
            container["ModelDataUrl"] = hosted.model_data
        if env:
            container["Environment"] = dict(env)
        content: dict[str, Any] = {"PrimaryContainer": container, "EnableNetworkIsolation": hosted.network_isolation}
        role = hosted.role or self.settings.role
        return {**content, "ExecutionRoleArn": role} if role else content
