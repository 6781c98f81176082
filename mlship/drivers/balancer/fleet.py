"""Many balancers that carry the same traffic, as one: forward all or none, back on every one that answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from mlship.drivers.balancer.node import Changed, Node, Swapping
from mlship.errors import MlshipError, OutOfReach, RoutingRefused

T = TypeVar("T")
Failures = Mapping[str, MlshipError]


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """The nodes, in the plan's order."""

    nodes: Sequence[Node]

    def look(self) -> tuple[Mapping[str, str | None], Failures]:
        """(name of each node that answers → its value, why the others do not)."""
        return self.each(lambda node: node.read())

    def read(self) -> Mapping[str, str | None]:
        """Name of each node → its value.

        Raises:
            OutOfReach: one of them does not answer.
        """
        found, failures = self.look()
        for error in failures.values():
            raise error
        return found

    def forward(self, value: str, before: Mapping[str, str | None]) -> None:
        """The value on all of them, live and kept; if one fails, all of them as `before`.

        Raises:
            RoutingRefused: a node did not take it.
            OutOfReach: a node does not answer any more, or cannot keep it.
        """
        tried: list[Node] = []
        for node in self.nodes:
            tried.append(node)
            try:
                _step(node, value, before[node.name])
            except MlshipError as error:
                raise self._undone(node, error, tried, before) from error

    def insist(self, value: str) -> Failures:
        """The value on every node that answers, all at once; what a dead one comes back with is changed, too."""
        return self.each(lambda node: _press(node, value))[1]

    def each(self, work: Callable[[Node], T]) -> tuple[Mapping[str, T], Failures]:
        """(what `work` gave, where it failed), by node; a node that hangs does not keep the others waiting."""
        found: dict[str, T] = {}
        failures: dict[str, MlshipError] = {}
        surprises: list[Exception] = []

        def do(node: Node) -> None:
            try:
                found[node.name] = work(node)
            except MlshipError as error:
                failures[node.name] = error
            except Exception as error:  # noqa: BLE001 - raised again where it can be heard: not in the thread
                surprises.append(error)

        if len(self.nodes) == 1:
            do(self.nodes[0])  # a thread would take longer than the work
        else:
            workers = [threading.Thread(target=do, args=(node,)) for node in self.nodes]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        for surprise in surprises:
            raise surprise
        order = [node.name for node in self.nodes]
        return {name: found[name] for name in order if name in found}, failures

    def _undone(
        self, failed: Node, error: MlshipError, tried: Sequence[Node], before: Mapping[str, str | None]
    ) -> MlshipError:
        stuck: list[str] = []
        for node in tried[:-1] if isinstance(error, Changed) else tried:
            try:
                _press(node, before[node.name])
            except MlshipError:
                # The one that failed is told of already.
                if node is not failed:
                    stuck.append(node.name)
        kind = RoutingRefused if isinstance(error, RoutingRefused) else OutOfReach
        if stuck:
            return kind(
                f"{error.message}; {', '.join(stuck)} took the change and could not be taken back",
                hint="`mlship rollback` goes to every node, as often as you call it",
            )
        others = ", the other nodes are as they were" if len(self.nodes) > 1 else ""
        return kind(f"{error.message}{others}", hint=error.hint)


def _step(node: Node, value: str, before: str | None) -> None:
    if isinstance(node, Swapping):
        node.swap(value, before)
    else:
        node.write(value)
    node.keep(value)


def _press(node: Node, value: str | None) -> None:
    """Write and keep; what can be kept is kept although the node is dead: it comes back with it."""
    try:
        node.write(value)
    finally:
        node.keep(value)
