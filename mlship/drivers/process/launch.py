"""Starting one replica: its port, its environment, its log."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from msgspec.structs import replace

from mlship.dataplane.files import make_folder, writing
from mlship.dataplane.life import spawn
from mlship.drivers.process.replica import MARK, Replica, Roster
from mlship.errors import ModelNotReady
from mlship.plan.model import Model


def free_port(taken: Collection[int] = ()) -> int:
    """A port of 127.0.0.1 that nobody listens on, and none of `taken`."""
    import socket

    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def is_taken(port: int) -> bool:
    """Somebody holds the port."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def launch(model: Model, replica: Replica, *, roster: Roster, log: Path) -> Replica:
    """Start the replica and put it on record.

    Raises:
        ModelNotReady: its command cannot be started.
        UsageError: its environment needs a variable that is not set.
    """
    environment = _environment(model, replica, roster.mark_of(replica))
    command = [word.replace("{port}", str(replica.port)) for word in model.command]
    if not command:
        raise ModelNotReady(f"{model.name} has no command", hint=f"write models.{model.name}.command in the plan")
    make_folder(log.parent)
    with writing(log):
        if log.exists():
            log.replace(log.with_name(f"{log.name}.1"))
        # Here, so that a log that cannot be written is not taken for a command that cannot be started.
        log.touch(mode=0o600)
    # On record before it runs: a crash in between leaves a process that the next command finds by its mark.
    roster.save(replica)
    try:
        life = spawn(command, log=log, env=environment, workdir=model.workdir)
    except OSError as error:
        roster.drop([replica])
        raise _cannot_start(model, command[0], error) from error
    born = replace(replica, life=life)
    roster.save(born)
    return born


def _environment(model: Model, replica: Replica, mark: str) -> Mapping[str, str]:
    from mlship.plan.references import resolve

    asked = {name: resolve(value, os.environ) for name, value in model.env.items()}
    own = {"PORT": str(replica.port), "MLSHIP_MODEL": model.name, MARK: mark}
    return {**os.environ, **asked, **own}


def _cannot_start(model: Model, program: str, error: OSError) -> ModelNotReady:
    if model.workdir is not None and not Path(model.workdir).is_dir():
        return ModelNotReady(
            f"{model.name} cannot start: there is no folder {model.workdir}",
            hint=f"correct models.{model.name}.workdir in the plan",
        )
    match error:
        case FileNotFoundError():
            why, what = f"command not found: {program}", "install it, or write its full path"
        case PermissionError():
            why, what = f"{program} is not executable", f"run: chmod +x {program}"
        case OSError(errno=errno.ENOEXEC):
            why, what = f"{program} is not a program that this machine can run", "a script needs a first line with #!"
        case _:
            why, what = f"{program}: {error.strerror or error}", "check the command"
    return ModelNotReady(f"{model.name} cannot start: {why}", hint=f"{what} (models.{model.name}.command in the plan)")
