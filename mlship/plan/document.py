"""YAML to a tree of values, each with the place where it stands. Bounded before anything grows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlship.plan.fault import Findings, Place, Steps, bare, refused, shown

MOST_WEIGHT = 20_000
"""Values that a plan may expand to once its aliases are followed; a long text counts for several."""
MOST_DEPTH = 32
_TEXT_PER_WEIGHT = 64

_TAGS = "tag:yaml.org,2002:"
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]{0,15})")
_FRACTION = re.compile(r"[-+]?([0-9]{1,16}\.[0-9]{0,16}|\.[0-9]{1,16})([eE][-+][0-9]{1,2})?")
_NEVER_TEXT = re.compile(r"[\x00\ud800-\udfff]")

Atom = str | int | float | bool | None


@dataclass(slots=True, kw_only=True, eq=False)
class Node:
    """A value and where it stands. An aliased node is shared, so a node is never changed once it is complete."""

    place: Place
    value: Atom | list[Node] | dict[str, Node]
    keys: dict[str, Place] = field(default_factory=dict)
    written: str = ""
    plain: bool = False
    """A scalar without quotes."""
    weight: int = 1


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been reached."""

    node: Node
    anchor: str | None
    key: Node | None = None
    merges: list[Node] = field(default_factory=list)


def plain(node: Node) -> Any:  # noqa: ANN401 - JSON
    """The values alone, as JSON."""
    match node.value:
        case dict() as entries:
            return {key: plain(child) for key, child in entries.items()}
        case list() as items:
            return [plain(item) for item in items]
        case scalar:
            return scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """What YAML takes an unquoted text for; `surprise` says so where that is seldom what was meant."""

    value: Atom
    surprise: str = ""
    remedy: str = ""


def scalar(text: str) -> Scalar:
    """An unquoted text by the rules of YAML 1.1, whose oddities are named and never followed."""
    from yaml import SafeLoader

    resolvers: dict[str, list[tuple[str, Any]]] = SafeLoader.yaml_implicit_resolvers
    tag = next((tag for tag, pattern in resolvers.get(text[:1], []) if pattern.match(text)), "")
    match tag.removeprefix(_TAGS):
        case "null":
            return Scalar(value=None)
        case "bool":
            return _boolean(text)
        case "int":
            return Scalar(value=int(text)) if _DECIMAL.fullmatch(text) else _surprise(text, "an unusual number")
        case "float":
            return Scalar(value=float(text)) if _FRACTION.fullmatch(text) else _surprise(text, "an unusual number")
        case "timestamp":
            return _surprise(text, "a date")
        case _:
            return Scalar(value=text)


def _boolean(text: str) -> Scalar:
    if text.lower() in {"true", "false"}:
        return Scalar(value=text.lower() == "true")
    meant = shown(text.lower() in {"yes", "on"})
    return _surprise(text, meant, f"write {meant}, or {shown(text)} in quotes for the text")


def _surprise(text: str, taken: str, remedy: str = "") -> Scalar:
    return Scalar(
        value=text, surprise=f"YAML reads {bare(text)} as {taken}", remedy=remedy or f"quote it: {shown(text)}"
    )


class Composer:
    """Builds the tree of one document from the parser's events."""

    def __init__(self, findings: Findings, source: str, kind: str = "plan") -> None:
        self.root: Node | None = None
        self._findings = findings
        self._source = source
        self._kind = kind
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}

    def take(self, event: Any) -> None:  # noqa: ANN401 - many kinds of event, marks optional in the library's stubs
        """One event further.

        Raises:
            PlanError: the document is too deep, too large once expanded, or contains itself.
        """
        import yaml

        place = Place(self._source, event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case yaml.DocumentStartEvent() if self.root is not None:
                hint = f"a file holds one {self._kind}: remove the `---`"
                raise refused(place, "a second document begins here", hint)
            case yaml.ScalarEvent():
                self._done(self._scalar(event, place), event.anchor)
            case yaml.AliasEvent():
                self._done(self._aliased(str(event.anchor), place), None)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event, place)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case _:
                pass

    def _begin(self, event: Any, place: Place) -> None:  # noqa: ANN401 - as above
        import yaml

        if len(self._open) >= MOST_DEPTH:
            raise refused(place, f"nested deeper than {MOST_DEPTH} levels", path=self._path())
        self._check_tag(event, place, allowed=("map", "seq"))
        node = Node(place=place, value={} if isinstance(event, yaml.MappingStartEvent) else [])
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Open(node, event.anchor))

    def _end(self) -> None:
        ended = self._open.pop()
        for merged in ended.merges:
            self._merge(ended.node, merged)
        self._done(ended.node, ended.anchor)

    def _done(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        self._weigh(parent.node, node)
        match parent.node.value:
            case list() as items:
                items.append(node)
            case _ if parent.key is None:
                parent.key = node
            case _:
                self._entry(parent, parent.key, node)
                parent.key = None

    def _weigh(self, parent: Node, child: Node) -> None:
        parent.weight += child.weight
        if parent.weight > MOST_WEIGHT:
            raise refused(
                child.place,
                f"the {self._kind} expands to more than {MOST_WEIGHT} values",
                hint="an alias counts each time it is used",
            )

    def _entry(self, parent: _Open, key: Node, node: Node) -> None:
        if key.plain and key.written == "<<":
            parent.merges.extend(node.value if isinstance(node.value, list) else [node])
            return
        name = self._name(key)
        if name is None:
            return
        entries, keys = parent.node.value, parent.node.keys
        assert isinstance(entries, dict)
        if name in entries:
            self._findings.add(key.place, (*self._path(-1), name), f"is here twice, first on line {keys[name].line}")
            return
        entries[name] = node
        keys[name] = key.place

    def _name(self, key: Node) -> str | None:
        if isinstance(key.value, str):
            return key.value
        got = "a mapping or a list" if isinstance(key.value, dict | list) else shown(key.value)
        hint = f'quote it: "{key.written}"' if key.written else ""
        self._findings.unreadable(key.place, self._path(-1), f"a key must be text; got {got}", hint)
        return key.written or None

    def _merge(self, node: Node, merged: Node) -> None:
        if not isinstance(merged.value, dict):
            self._findings.add(merged.place, self._path(), "`<<` merges a mapping, or a list of mappings")
            return
        assert isinstance(node.value, dict)
        for name in merged.value.keys() - node.value.keys():
            self._weigh(node, merged.value[name])
        node.value = {**merged.value, **node.value}
        node.keys = {**merged.keys, **node.keys}

    def _aliased(self, anchor: str, place: Place) -> Node:
        if anchor not in self._anchors:
            hint = f"set it earlier: &{anchor}"
            raise refused(place, f"there is no anchor named {shown(anchor)}", hint, self._path())
        node = self._anchors[anchor]
        if node is None:
            raise refused(place, f"the anchor {shown(anchor)} contains itself", path=self._path())
        return node

    def _scalar(self, event: Any, place: Place) -> Node:  # noqa: ANN401 - as above
        text: str = event.value
        self._check_tag(event, place, allowed=("str",))
        is_plain = event.tag is None and event.implicit[0]
        taken = scalar(text) if is_plain else Scalar(value=text)
        if taken.surprise:
            self._findings.unreadable(place, self._path(), taken.surprise, taken.remedy)
        if _NEVER_TEXT.search(text):
            self._findings.unreadable(place, self._path(), f"holds a character that no text may hold: {shown(text)}")
        weight = 1 + len(text) // _TEXT_PER_WEIGHT
        return Node(place=place, value=taken.value, written=text, plain=is_plain, weight=weight)

    def _check_tag(self, event: Any, place: Place, *, allowed: tuple[str, ...]) -> None:  # noqa: ANN401 - as above
        if event.tag not in {None, "!", *(_TAGS + name for name in allowed)}:
            name = event.tag.replace(_TAGS, "!!")
            self._findings.unreadable(place, self._path(), f"the tag {bare(name)} means nothing here", "remove it")

    def _path(self, end: int | None = None) -> Steps:
        return tuple(self._steps(self._open[:end]))

    @staticmethod
    def _steps(frames: list[_Open]) -> Iterator[str | int]:
        for frame in frames:
            if isinstance(frame.node.value, list):
                yield len(frame.node.value)
            elif frame.key is not None:
                yield frame.key.written
