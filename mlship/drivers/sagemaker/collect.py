"""Configurations and models that nobody needs any more: no endpoint of the account, and no way back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec

from mlship.drivers.sagemaker import names
from mlship.drivers.sagemaker.aws import Aws
from mlship.drivers.sagemaker.configs import Configs
from mlship.drivers.sagemaker.ledger import Ledger
from mlship.drivers.sagemaker.models import Models
from mlship.errors import LeaseLost, MlshipError
from mlship.plan.model import Model

MOST_ENDPOINTS = 100
"""An account with more is not searched for users of what mlship has made: nothing is deleted then."""

HASH = r"-[0-9a-f]{10}$"


class Collector(msgspec.Struct, frozen=True, kw_only=True):
    """Deletes of what mlship has made for a service."""

    aws: Aws
    service: str
    models: Models
    configs: Configs

    def tidy(self, ledger: Ledger, *, models: Iterable[Model]) -> None:
        """Delete what neither the ledger nor these models nor any endpoint names. What fails stays for next time."""
        pending = {ledger.pending.config} if ledger.pending else set()
        try:
            self._tidy({ledger.config, ledger.before} | pending, {self.models.name_of(model) for model in models})
        except LeaseLost:
            raise
        except MlshipError:
            return

    def _tidy(self, configs: set[str], models: set[str]) -> None:
        old = [found for found in self._made("endpoint_config", "EndpointConfig") if found[0] not in configs]
        spare = [found for found in self._made("model", "Model") if found[0] not in models]
        if not old and not spare:
            return
        used = self._used()
        if used is None:
            return
        for name, _ in old:
            if name not in used:
                self.aws.call("sagemaker", "delete_endpoint_config", EndpointConfigName=name)
        named = self._named(configs | used)
        for name, _ in spare:
            if name not in named:
                self.aws.call("sagemaker", "delete_model", ModelName=name)

    def _made(self, kind: str, key: str) -> Iterator[tuple[str, str]]:
        """(name, ARN) of all of a kind that mlship has made for the service."""
        prefix = names.worded(self.service)[:40]
        for found in self.aws.pages("sagemaker", f"list_{kind}s", f"{key}s", NameContains=prefix):
            name, arn = found[f"{key}Name"], found[f"{key}Arn"]
            if name.startswith(prefix) and re.search(HASH, name) and self._ours(arn):
                yield name, arn

    def _ours(self, arn: str) -> bool:
        tags = self.aws.pages("sagemaker", "list_tags", "Tags", ResourceArn=arn)
        return any(tag["Key"] == names.SERVICE and tag["Value"] == self.service for tag in tags)

    def _used(self) -> set[str] | None:
        """The configurations that endpoints have, or move to; None: there are too many to look."""
        used: set[str] = set()
        for number, found in enumerate(self.aws.pages("sagemaker", "list_endpoints", "Endpoints")):
            if number == MOST_ENDPOINTS:
                return None
            told = self.aws.call("sagemaker", "describe_endpoint", EndpointName=found["EndpointName"])
            used |= {
                told.get("EndpointConfigName", ""),
                told.get("PendingDeploymentSummary", {}).get("EndpointConfigName", ""),
            }
        return used

    def _named(self, configs: Iterable[str]) -> set[str]:
        """The models that these configurations name."""
        models: set[str] = set()
        for name in filter(None, configs):
            # One that is gone names nothing.
            with suppress(MlshipError):
                told = self.configs.read(name)
                both = (*told["ProductionVariants"], *told.get("ShadowProductionVariants", ()))
                models |= {variant.get("ModelName", "") for variant in both}
        return models
