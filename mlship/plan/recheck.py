"""A plan that was checked before and has been changed since: checked again, without a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlship.plan.document import Node
from mlship.plan.fault import Place
from mlship.plan.model import Capability, Plan


def recheck(
    document: Mapping[str, Any], *, source: str, drivers: Mapping[str, frozenset[Capability]], base: Path
) -> Plan:
    """The plan that the document means; `source` stands where a fault would name a file.

    Raises:
        PlanError: with every fault.
    """
    from mlship.plan.draft import Draft
    from mlship.plan.fault import Findings
    from mlship.plan.load import checked

    place = Place(source)
    return checked(Draft(root=_node(document, place), findings=Findings()), first=source, drivers=drivers, base=base)


def _node(value: Any, place: Place) -> Node:  # noqa: ANN401 - JSON
    match value:
        case Mapping():
            entries = {str(key): _node(child, place) for key, child in value.items()}
            return Node(place=place, value=entries, keys=dict.fromkeys(entries, place))
        case list() | tuple():
            return Node(place=place, value=[_node(child, place) for child in value])
        case _:
            return Node(place=place, value=value, written=str(value))
