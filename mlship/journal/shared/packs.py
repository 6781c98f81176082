"""A hundred entries in one object: who has no copy of a log yet reads it in few requests.

Packs are only for speed. One that is missing is read from the log instead, and written by a later writer.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, takewhile
from typing import TypeVar

import msgspec

from mlship.journal.shared.bucket import WORKERS, Bucket
from mlship.journal.shared.place import part

PACK = 100
"""Entries in a pack: pack k holds those from 100 k - 99 to 100 k."""

_Key = TypeVar("_Key")
_Found = TypeVar("_Found")


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is in the log."""

    number: int
    etag: str
    modified: float
    raw: str


class Packs:
    """The packs of one service."""

    def __init__(self, bucket: Bucket, service: str) -> None:
        self._bucket = bucket
        self._folder = bucket.place.key("services", part(service), "packs", "")

    def read(self) -> Iterator[Packed]:
        """The entries from 1 on, as far as packs follow each other; a pack that cannot be read ends them."""
        there = {item.key for item in self._bucket.list(self._folder)}
        numbers = takewhile(lambda number: self._key(number) in there, count(1))
        for number, items in enumerate(all_of(self._unpacked, numbers), start=1):
            if [item.number for item in items] != list(range(PACK * (number - 1) + 1, PACK * number + 1)):
                return
            yield from items

    def write(self, items: Sequence[Packed]) -> int:
        """Write the packs that `items`, in order, fill; the number of the last entry that is in a pack now."""
        last = 0
        for first in range(len(items) - PACK + 1):
            taken = items[first : first + PACK]
            if taken[-1].number % PACK == 0:
                body = gzip.compress(msgspec.json.encode(taken))
                self._bucket.create(self._key(taken[-1].number // PACK), body)
                last = taken[-1].number
        return last

    def _unpacked(self, number: int) -> Sequence[Packed]:
        found = self._bucket.get(self._key(number))
        try:
            return msgspec.json.decode(gzip.decompress(found.body), type=list[Packed]) if found else ()
        except (OSError, EOFError, zlib.error, msgspec.MsgspecError):
            return ()

    def _key(self, number: int) -> str:
        return f"{self._folder}{number:010}"


def all_of(find: Callable[[_Key], _Found], keys: Iterable[_Key]) -> Iterator[_Found]:
    """`find` of each key, in order, several at the same time where there are several."""
    wanted = list(keys)
    if len(wanted) < 2:
        yield from map(find, wanted)
        return
    with ThreadPoolExecutor(WORKERS) as workers:
        yield from workers.map(find, wanted)
