"""The lines of a CSV file, told apart by the records that they belong to."""

from __future__ import annotations

from collections import deque
from typing import Self, TextIO


class Lines:
    """Of a broken record all but the first come once more: a stray quote must not swallow what is behind it."""

    def __init__(self, stream: TextIO) -> None:
        """Nothing is read yet."""
        self._stream = stream
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._number = 1

    def __iter__(self) -> Self:
        """The lines themselves."""
        return self

    def __next__(self) -> str:
        """The next one, of the record that has begun."""
        line = self._again.popleft() if self._again else next(self._stream)
        self._record.append(line)
        return line

    def begun(self) -> int:
        """The number of the next line, where a record begins."""
        self._number += len(self._record)
        self._record.clear()
        return self._number

    def back(self) -> None:
        """The record is broken: its first line is given up, the others are not."""
        self._again.extendleft(reversed(self._record[1:]))
        del self._record[1:]
