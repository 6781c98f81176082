"""A plan over its base: `extends: base.yaml`. Mappings merge deeply, lists and single values replace."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from mlship.plan.document import MOST_WEIGHT, Node
from mlship.plan.fault import Findings, Place, Steps, refused, shown
from mlship.plan.references import Filler
from mlship.plan.text import read, tree

_MOST_FILES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A plan file that is being read."""

    source: str
    base: Path
    """Folder that relative paths in it start from."""
    chain: tuple[str, ...] = ()
    """Real paths of the files that extend this one, this one last."""


def assembled(data: bytes, file: File, filler: Filler) -> Node:
    """The whole plan, references filled, `extends` carried out and `x-` keys left out.

    Raises:
        PlanError: a file cannot be read, or extends itself.
    """
    node = filler.filled(_without_extras(tree(data, file.source, filler.findings)))
    entries = _entries(node)
    extends = entries.get("extends")
    if extends is None:
        return node
    own = replace(node, value={name: child for name, child in entries.items() if name != "extends"})
    if not isinstance(extends.value, str):
        filler.findings.add(extends.place, ("extends",), f"expected the path of a plan; got {shown(extends.value)}")
        return own
    return _merged(_base(extends.value, extends.place, file, filler), own, filler.findings)


def _base(name: str, place: Place, file: File, filler: Filler) -> Node:
    path = file.base / name
    data = read(path, place)
    real = os.path.realpath(path)
    if real in file.chain:
        raise refused(place, f"{shown(name)} extends itself, directly or through others", path=("extends",))
    if len(file.chain) >= _MOST_FILES:
        raise refused(place, f"more than {_MOST_FILES} files extend each other", path=("extends",))
    source = str(Path(file.source).parent / name)
    return assembled(data, File(source=source, base=path.parent, chain=(*file.chain, real)), filler)


def _entries(node: Node) -> dict[str, Node]:
    assert isinstance(node.value, dict)
    return node.value


def _without_extras(root: Node) -> Node:
    return replace(root, value={name: node for name, node in _entries(root).items() if not name.startswith("x-")})


def _merged(base: Node, over: Node, findings: Findings, path: Steps = ()) -> Node:
    if not isinstance(base.value, dict) or not isinstance(over.value, dict) or _is_other_driver(base, over, path):
        return over
    value = dict(base.value)
    for name, node in over.value.items():
        value[name] = _merged(value[name], node, findings, (*path, name)) if name in value else node
    weight = sum(node.weight for node in value.values()) + 1
    if weight > MOST_WEIGHT:
        raise refused(over.place, f"the plan expands to more than {MOST_WEIGHT} values", path=path)
    return replace(over, value=value, keys={**base.keys, **over.keys}, weight=weight)


def _is_other_driver(base: Node, over: Node, path: Steps) -> bool:
    # A plan has one driver: naming another one replaces it.
    return path == ("driver",) and _entries(base).keys().isdisjoint(_entries(over).keys())
