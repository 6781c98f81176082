"""Starting one replica: its image, its environment, its secrets, what it may take."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.drivers.docker.daemon import asking, no_space, one_line, reaching, status_of, told
from mlship.drivers.docker.names import ADDRESS, MODEL, NUMBER, REPLICA, Names, Role
from mlship.drivers.docker.network import Network
from mlship.drivers.docker.replica import At, Replica, container_of, remove, written
from mlship.errors import MlshipError, ModelNotReady
from mlship.plan.container import Container
from mlship.plan.model import Model
from mlship.plan.references import resolve

if TYPE_CHECKING:
    from docker import DockerClient


ALWAYS: Mapping[str, str] = {"Name": "always"}
"""What comes back after everything. `unless-stopped` does not after the daemon itself was killed: when it is started
again it ends the containers that it finds alive, and takes that for somebody's wish."""


class Launcher(msgspec.Struct, frozen=True, kw_only=True):
    """Starts replicas of one service."""

    client: DockerClient
    names: Names
    network: Network

    def launch(self, model: Model, number: int) -> Replica:
        """A container of the model, started.

        Raises:
            ModelNotReady: its image is missing, or it cannot be started from it.
            OutOfReach: the daemon does not answer, or has no space left.
            UsageError: its environment needs a variable that is not set.
        """
        if not container_of(model).reference:
            raise ModelNotReady(f"{model.name} has no image", hint=f"write models.{model.name}.image in the plan")
        self.network.make()
        replica = self._created(model, number)
        try:
            self._hand_secrets(replica, container_of(model))
            self._start(model, replica)
        except BaseException:
            with asking("remove a container"):
                remove(self.client, replica.id)
            raise
        return msgspec.structs.replace(replica, alive=True)

    def keeps_running(self, replica: Replica) -> None:
        """From now on the daemon starts it again when it dies, or when the machine does."""
        with asking("update a container"):
            self.client.api.update_container(replica.id, restart_policy=dict(ALWAYS))

    def _created(self, model: Model, number: int) -> Replica:
        from docker.errors import APIError

        address, label = self.network.free_address(), written(model)
        labels = {
            **container_of(model).labels,
            **self.names.labels(Role.MODEL),
            MODEL: model.name,
            NUMBER: str(number),
            ADDRESS: address,
            REPLICA: msgspec.json.encode(label).decode(),
        }
        name = f"{self.names.replica(model.name, number)}{At.STARTING}"
        try:
            made = self._make(model, name=name, labels=labels, address=address)
        except APIError as error:
            if status_of(error) == 404 and "image" in str(error).lower():
                raise self._missing(model) from error
            raise self._cannot(model, error) from error
        return Replica(
            id=made["Id"], model=model.name, number=number, address=address, at=At.STARTING, alive=False, written=label
        )

    def _make(self, model: Model, *, name: str, labels: Mapping[str, str], address: str) -> Mapping[str, Any]:
        container = container_of(model)
        command = [word.replace("{port}", str(container.port)) for word in model.command]
        with reaching("make a container"):
            return dict(
                self.client.api.create_container(
                    container.reference,
                    command=command or None,
                    name=name,
                    labels=dict(labels),
                    environment=_environment(model),
                    working_dir=container.workdir,
                    user=container.user or None,
                    host_config=self._host(container),
                    networking_config=self.network.configuration(address),
                )
            )

    def _host(self, container: Container) -> Any:  # noqa: ANN401 - a mapping of the library's own
        from docker.types import DeviceRequest

        limits = container.resources
        gpus = DeviceRequest(count=limits.gpus, capabilities=[["gpu"]]) if limits.gpus else None
        return self.client.api.create_host_config(
            binds=list(container.volumes),
            mem_limit=limits.memory or None,
            memswap_limit=limits.memory or None,
            nano_cpus=round(limits.cpus * 1e9) or None,
            device_requests=[gpus] if gpus else None,
            read_only=container.read_only,
            network_mode=self.names.network,
        )

    def _hand_secrets(self, replica: Replica, container: Container) -> None:
        if not container.secrets:
            return
        secrets = {f"run/secrets/{name}": resolve(text, os.environ) for name, text in container.secrets.items()}
        with asking("copy secrets into a container"):
            self.client.api.put_archive(replica.id, "/", archive(secrets))

    def _start(self, model: Model, replica: Replica) -> None:
        from docker.errors import APIError

        try:
            with reaching("start a container"):
                self.client.api.start(replica.id)
        except APIError as error:
            raise self._cannot(model, error) from error

    def _missing(self, model: Model) -> ModelNotReady:
        image = container_of(model).reference
        return ModelNotReady(
            f"{model.name} cannot start: the daemon has no image {image}",
            hint=f"docker pull {image}, or correct models.{model.name}.image in the plan",
        )

    def _cannot(self, model: Model, error: Exception) -> MlshipError:
        reach = told(error, f"start {model.name}")
        why = one_line(str(getattr(error, "explanation", "") or error))
        if no_space(why):
            # Not the model's fault: it is no reason to reject it.
            return reach
        return ModelNotReady(f"{model.name} cannot start: {why}", hint=reach.hint)


def _environment(model: Model) -> dict[str, str]:
    asked = {name: resolve(value, os.environ) for name, value in model.env.items()}
    return {**asked, "PORT": str(container_of(model).port), "MLSHIP_MODEL": model.name}


class Link(str):
    """The target of a symbolic link."""

    __slots__ = ()


Content = str | bytes | Link | None
"""Of a member of an archive; None is a folder."""


def archive(members: Mapping[str, Content], *, owner: int = 0, mode: int = 0o444) -> bytes:
    """A tar; `mode` is that of its files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.uid = member.gid = owner
            data = b""
            match content:
                case None:
                    member.type, member.mode = tarfile.DIRTYPE, 0o700
                case Link():
                    member.type, member.linkname = tarfile.SYMTYPE, str(content)
                case _:
                    data = content if isinstance(content, bytes) else content.encode()
                    member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
