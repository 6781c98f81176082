"""The file in which a driver keeps what it has set last: replaced whole, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from mlship.dataplane.files import replace_file, writing
from mlship.errors import OutOfReach

L = TypeVar("L", bound=msgspec.Struct)

NAME = "ledger.json"


def read_ledger(folder: Path, kind: type[L]) -> L:
    """The service's ledger; `kind()` where nothing was ever set.

    Raises:
        OutOfReach: it cannot be read.
    """
    file = folder / NAME
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        return kind()
    except (OSError, msgspec.MsgspecError) as error:
        hint = "remove it: what is there now is then taken as it is found"
        raise OutOfReach(f"{file} cannot be read: {error}", hint=hint) from error


def write_ledger(folder: Path, ledger: msgspec.Struct) -> None:
    """Keep it.

    Raises:
        OutOfReach: it cannot be written.
    """
    replace_file(folder / NAME, msgspec.json.encode(ledger).decode())


def forget(folder: Path) -> None:
    """Nothing of the service is known any more.

    Raises:
        OutOfReach: the file cannot be removed.
    """
    with writing(folder):
        (folder / NAME).unlink(missing_ok=True)
