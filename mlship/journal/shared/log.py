"""The log of one service: entries 1, 2, 3, … without gaps, each an object that is written once.

Whoever writes entry n + 1 has read all up to n, and of several who try exactly one does: that is order and lock in one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from mlship.errors import JournalUnavailable
from mlship.journal.codec import intact
from mlship.journal.entry import Entry
from mlship.journal.shared.bucket import Bucket, Object, settled
from mlship.journal.shared.packs import Packed, Packs, all_of
from mlship.journal.shared.place import part

VERSION = 1
"""Of the form of an entry; fields may be added under the same number."""
_RESTORE = "Restore it from an earlier version of the object; without one, begin with another prefix."


class _Version(msgspec.Struct, frozen=True, kw_only=True):
    v: int


class _Form(msgspec.Struct, frozen=True, kw_only=True):
    v: int
    nonce: str
    """Tells an entry from another one with the same words: an answer may be lost, and the entry be there."""
    entry: Entry


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in its place."""

    number: int
    etag: str
    modified: float
    """When it was written, by the clock of S3."""
    raw: bytes
    entry: Entry


class ServiceLog:
    """Reads and writes the log. Every method raises `JournalUnavailable` where S3 refuses or the log is damaged."""

    def __init__(self, bucket: Bucket, service: str) -> None:
        self._bucket = bucket
        self._folder = bucket.place.key("services", part(service), "log", "")
        self._packs = Packs(bucket, service)

    def put(self, number: int, entry: Entry) -> Filed | None:
        """Write entry `number`; None: somebody else's has that number."""
        key, raw = self._key(number), _encoded(entry)
        found = self._attempt(key, raw) or settled(lambda: self._attempt(key, raw))
        if found is None or found.body != raw:
            return None
        return Filed(number=number, etag=found.etag, modified=found.modified, raw=raw, entry=entry)

    def guards(self, filed: Filed) -> bool:
        """The store refuses to write an entry again; one that ignores the condition would lose what is written."""
        return self._bucket.create(self._key(filed.number), filed.raw) is None

    def beyond(self, number: int) -> Sequence[Filed]:
        """The entries after `number`; one cheap request if there are none."""
        found = self._bucket.get(self._key(number + 1))
        if found is None:
            return ()
        first = self._filed(found)
        return (first, *self._listed(number + 1))

    def from_known(self, number: int, etag: str) -> Sequence[Filed] | None:
        """The entries after `number`, which was seen with `etag`; None: this is not the log that it was seen in."""
        listed = self._bucket.list(self._folder, after=self._key(number - 1))
        known = next(listed, None)
        if known is None or (known.key, known.etag) != (self._key(number), etag):
            return None
        return tuple(self._read(self._without_gap(listed, number)))

    def whole(self) -> tuple[Sequence[Filed], int]:
        """Every entry, and how many of them are in packs."""
        packed = [self._unpacked(item) for item in self._packs.read()]
        return (*packed, *self._listed(len(packed))), len(packed)

    def pack(self, items: Iterable[Packed]) -> int:
        """Write those of `items` that fill a pack into one object; the number of the last that is in a pack now."""
        return self._packs.write(list(items))

    def _attempt(self, key: str, raw: bytes) -> Object | None:
        try:
            written = self._bucket.create(key, raw)
        except JournalUnavailable:
            # The answer may be lost, and the entry be there.
            found = self._bucket.get(key)
            if found is None:
                raise
            return found
        return replace(written, body=raw) if written else self._bucket.get(key)

    def _listed(self, number: int) -> Iterator[Filed]:
        listed = self._bucket.list(self._folder, after=self._key(number))
        return self._read(self._without_gap(listed, number))

    def _without_gap(self, listed: Iterable[Object], number: int) -> Iterator[str]:
        """Keys after `number`, as far as they follow each other.

        A listing may miss an entry that was written meanwhile, and tell one that was written after it.
        """
        for item in listed:
            number += 1
            if item.key != self._key(number):
                if self._bucket.get(self._key(number)) is None:
                    raise self._lost(number)
                return
            yield item.key

    def _read(self, keys: Iterable[str]) -> Iterator[Filed]:
        return map(self._filed, all_of(self._found, keys))

    def _found(self, key: str) -> Object:
        found = self._bucket.get(key)
        if found is None:
            raise self._lost(int(key.removeprefix(self._folder)))
        return found

    def _filed(self, found: Object) -> Filed:
        entry = self._entry(found.body, found.key)
        number = int(found.key.removeprefix(self._folder))
        return Filed(number=number, etag=found.etag, modified=found.modified, raw=found.body, entry=entry)

    def _unpacked(self, item: Packed) -> Filed:
        raw = item.raw.encode()
        entry = self._entry(raw, self._key(item.number))
        return Filed(number=item.number, etag=item.etag, modified=item.modified, raw=raw, entry=entry)

    def _entry(self, raw: bytes, key: str) -> Entry:
        with intact(f"{self._bucket.place.bucket}/{key}", _RESTORE):
            version = msgspec.json.decode(raw, type=_Version).v
            if version <= VERSION:
                return msgspec.json.decode(raw, type=_Form).entry
        raise JournalUnavailable(
            f"the journal {self._bucket.place} is of a newer mlship (format {version}, this one reads {VERSION})",
            hint="Update mlship on this machine to at least the version that wrote it.",
        )

    def _key(self, number: int) -> str:
        return f"{self._folder}{number:010}"

    def _lost(self, number: int) -> JournalUnavailable:
        return JournalUnavailable(
            f"the journal {self._bucket.place} has lost an entry: there is no {self._key(number)}", hint=_RESTORE
        )


def _encoded(entry: Entry) -> bytes:
    return msgspec.json.encode(_Form(v=VERSION, nonce=os.urandom(8).hex(), entry=entry))
