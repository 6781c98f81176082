"""A plan while it is being checked: any part may be absent or wrong, and every look at it allows for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlship.plan.document import Node, plain
from mlship.plan.fault import Findings, Place, Steps


@dataclass(slots=True, kw_only=True)
class Draft:
    """The tree of a plan, with what is known to be wrong with it."""

    root: Node
    findings: Findings
    kind: str = "plan"
    """Which of the shipped schemas it has to meet."""
    _tainted: set[Steps] = field(default_factory=set)

    def taint(self) -> None:
        """From here on, what holds a fault found so far counts as absent."""
        self._tainted = {path[:end] for path in self.findings.paths for end in range(len(path) + 1)}

    def fault(self, path: Steps, message: str, hint: str = "", *, at_key: bool = False) -> None:
        """One more fault, at the value that `path` leads to, or at the key before it."""
        self.findings.add(self._place(path, at_key=at_key), path, message, hint)

    def _place(self, path: Steps, *, at_key: bool) -> Place:
        parent = self.node(path[:-1]) if path else None
        if at_key and parent is not None and path[-1] in parent.keys:
            return parent.keys[str(path[-1])]
        node = self.node(path)
        if node is not None:
            return node.place
        return self._place(path[:-1], at_key=True) if path else self.root.place

    def node(self, path: Steps) -> Node | None:
        """What stands at `path`."""
        node: Node | None = self.root
        for step in path:
            node = _child(node, step) if node is not None else None
        return node

    def value(self, *path: str | int) -> Any:  # noqa: ANN401 - JSON
        """The value at `path`; None where it is absent or wrong."""
        node = None if path in self._tainted else self.node(path)
        return None if node is None else plain(node)

    def has(self, *path: str | int) -> bool:
        """There is something at `path`, right or wrong."""
        return self.node(path) is not None

    def names(self, *path: str | int) -> Mapping[str, Node]:
        """The entries of the mapping at `path`; none where it is no mapping."""
        node = self.node(path)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    def places(self, *path: str | int) -> Iterator[Steps]:
        """The paths of the list's items; none where it is no list."""
        node = self.node(path)
        if node is not None and isinstance(node.value, list):
            yield from ((*path, place) for place in range(len(node.value)))

    def number(self, *path: str | int, default: int) -> int:
        """The whole number at `path`."""
        number = self.value(*path)
        return default if number is None else int(number)


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(str(step))
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None
