"""A file of somebody else's with one line per service: ours is replaced, every other one stays as it is."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlship.errors import OutOfReach


def value_in(file: Path, key: str) -> str | None:
    """What the file says of `key`; None where it says nothing, or cannot be read."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return None
    return next((value for name, value in map(_entry, lines) if name == key), None)


def rewrite(file: Path, key: str, value: str | None) -> None:
    """Have the file say `value` of `key`, or nothing; a reader sees the old file or the new one, after a power cut too.

    Raises:
        OutOfReach: it cannot be written; the old text stands.
    """
    if value is not None and value_in(file, key) == value:
        return
    try:
        with _locked(file.parent):
            lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            others = [line for line in lines if _entry(line)[0] != key]
            ours = [] if value is None else [f"{key} {value}"]
            replace_text(file, "".join(f"{line}\n" for line in [*others, *ours]))
    except (OSError, UnicodeError) as error:
        raise unkept(file, error) from error


def unkept(file: Path, error: OSError | UnicodeError) -> OutOfReach:
    """What to raise where the file could not be written."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return OutOfReach(
        f"{file} cannot be written, and a reload would bring back the split before: {why}",
        hint=f"let mlship's user write {file.parent}, or say `persist: false`",
    )


def writable(file: Path) -> str:
    """Why the file cannot be replaced; empty: it can."""
    if not file.is_file():
        return f"{file} is not on this machine"
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return f"{file.parent} cannot be written by this user"
    return ""


def _entry(line: str) -> tuple[str, str]:
    name, _, value = line.strip().partition(" ")
    return name, value.strip()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time: services share the file. The folder itself is the lock, so nothing is left in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def text_in(file: Path) -> str:
    """All of it; empty where there is none.

    Raises:
        OutOfReach: it is there and cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = "make it a file that mlship's user can read; `mlship rollback` replaces it unread"
        raise OutOfReach(f"{file} cannot be read: {why}", hint=hint) from error


def text_if_readable(file: Path) -> str | None:
    """All of it, as `text_in`; None where it cannot be read."""
    with suppress(OutOfReach):
        return text_in(file)
    return None


def replace_text(file: Path, text: str, *, staging: Path | None = None) -> None:
    """Write the whole file; its mode and owner stay. It is made in `staging`, else beside the one before.

    Raises:
        OSError: it cannot be written; the old text stands.
    """
    # Nodes are changed in threads of one process, and several of them may share the folder or the file.
    partial = (staging or file.parent) / f".{file.name}.{os.getpid()}-{threading.get_native_id()}"
    status = file.stat() if file.exists() else None
    try:
        # HAProxy may read it as another user than mlship is: nothing in it is secret.
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
            if status is not None:
                os.fchmod(descriptor, status.st_mode & 0o777)
                with suppress(PermissionError):
                    os.fchown(descriptor, status.st_uid, status.st_gid)
            sink.write(text)
            sink.flush()
            os.fsync(descriptor)
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
