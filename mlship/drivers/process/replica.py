"""One replica of a model, as every shell finds it on disk. No secret is ever in there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from mlship.dataplane.files import make_folder, replace_file, writing
from mlship.dataplane.life import Life, marked, runs
from mlship.dataplane.upstream import Endpoint, Upstream
from mlship.errors import OutOfReach
from mlship.plan.model import Model

MARK = "MLSHIP_REPLICA"
"""Environment variable of a replica by which it is found again when its record was cut short."""

UNBORN = Life(pid=0, birth="")


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """A process that serves a model, or is about to."""

    model: str
    number: int
    port: int
    fingerprint: str
    life: Life = UNBORN
    passed: bool = False
    """It has passed its health check once; before that it gets no request."""
    draining: bool = False
    health_path: str = "/v2/health/ready"
    health_timeout: float = 2.0
    timeout: float = 0.0
    drain: float = 30.0

    @property
    def name(self) -> str:
        """Its name among all replicas of the service."""
        return f"{self.model}.{self.number}"

    @property
    def alive(self) -> bool:
        """Its process runs."""
        return runs(self.life)


def replica_of(model: Model, *, number: int, port: int) -> Replica:
    """A replica of `model` that is about to be started."""
    return Replica(
        model=model.name,
        number=number,
        port=port,
        fingerprint=fingerprint(model),
        health_path=model.health.path,
        health_timeout=model.health.timeout,
        timeout=model.timeout,
        drain=model.drain,
    )


def fingerprint(model: Model) -> str:
    """What a replica is started from; references to the environment stay references."""
    import hashlib

    told = [list(model.command), sorted(model.env.items()), model.workdir]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The replicas of a service: one small file each."""

    folder: Path
    mark: str
    """What the values of `MARK` of this service begin with."""

    def all(self) -> list[Replica]:
        """Every replica on record, also those that have died; each with its process, also where a crash kept it off."""
        found = [_read(file) for file in sorted(self.folder.glob("*.json"))]
        return [self._born(replica) for replica in found if replica]

    def of(self, model: str) -> list[Replica]:
        """The replicas of one model."""
        return [replica for replica in self.all() if replica.model == model]

    def save(self, replica: Replica) -> None:
        """Put a replica on record.

        Raises:
            OutOfReach: the record cannot be written.
        """
        make_folder(self.folder)
        replace_file(self._file(replica), msgspec.json.encode(replica).decode())

    def drop(self, replicas: Iterable[Replica]) -> None:
        """Take replicas off the record.

        Raises:
            OutOfReach: one cannot be taken off.
        """
        for replica in replicas:
            with writing(self._file(replica)):
                self._file(replica).unlink(missing_ok=True)

    def mark_of(self, replica: Replica) -> str:
        """The value of `MARK` in the environment of a replica."""
        return f"{self.mark}:{replica.name}"

    def _born(self, replica: Replica) -> Replica:
        if replica.life.pid:
            return replica
        life = next(marked(MARK, self.mark_of(replica)), UNBORN)
        return replace(replica, life=life)

    def _file(self, replica: Replica) -> Path:
        return self.folder / f"{replica.name}.json"


def _read(file: Path) -> Replica | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Replica)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise OutOfReach(f"{file} cannot be read: {error}", hint="remove it, and stop what it named") from error


def serving(replicas: Iterable[Replica]) -> list[Upstream]:
    """What the router may know: replicas that have passed their health check and run."""
    by_model: dict[str, list[Replica]] = {}
    for replica in replicas:
        if replica.passed and replica.alive:
            by_model.setdefault(replica.model, []).append(replica)
    return [_upstream(model, found) for model, found in by_model.items()]


def _upstream(model: str, replicas: list[Replica]) -> Upstream:
    latest = replicas[-1]
    return Upstream(
        name=model,
        endpoints=tuple(Endpoint(port=replica.port, draining=replica.draining) for replica in replicas),
        health_path=latest.health_path,
        health_timeout=latest.health_timeout,
        timeout=latest.timeout,
    )
