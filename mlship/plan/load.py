"""A plan's file, text or record to a `Plan`. Every fault of a file is found at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlship.errors import UsageError
from mlship.plan.build import build, build_model
from mlship.plan.model import Capability, Model, Plan

if TYPE_CHECKING:
    from mlship.plan.draft import Draft

Drivers = Mapping[str, frozenset[Capability]]


def load(path: Path, *, drivers: Drivers, variables: Mapping[str, str], env: Mapping[str, str]) -> Plan:
    """The checked plan in a file; relative paths in it start from its folder.

    Raises:
        PlanError: with every fault, by position.
    """
    from mlship.plan.fault import Place
    from mlship.plan.text import read

    data = read(path, Place(str(path)))
    return parse(data, source=str(path), drivers=drivers, variables=variables, env=env, base=path.absolute().parent)


def parse(
    data: bytes,
    *,
    source: str,
    drivers: Drivers,
    variables: Mapping[str, str],
    env: Mapping[str, str],
    base: Path,
) -> Plan:
    """The checked plan in `data`; `source` is its name in faults, `base` the folder that its paths start from.

    Raises:
        PlanError: with every fault, by position.
    """
    from mlship.plan.draft import Draft
    from mlship.plan.fault import Findings
    from mlship.plan.overlay import File, assembled
    from mlship.plan.references import Filler

    findings = Findings()
    file = File(source=source, base=base, chain=(os.path.realpath(base / Path(source).name),))
    filler = Filler(variables=variables, env=env, findings=findings)
    draft = Draft(root=assembled(data, file, filler), findings=findings)
    return checked(draft, first=source, drivers=drivers, base=base)


def checked(draft: Draft, *, first: str, drivers: Drivers, base: Path) -> Plan:
    """The plan of a draft; of its faults those of the file `first` come first.

    Raises:
        PlanError: with every fault, by position.
    """
    from mlship.plan.balancer.check import check_balancers
    from mlship.plan.containers import check_containers
    from mlship.plan.course import check_course
    from mlship.plan.document import plain
    from mlship.plan.managedcheck import check_managed
    from mlship.plan.rulecheck import check_flags
    from mlship.plan.sagemaker.check import check_sagemaker
    from mlship.plan.schema import check_shape
    from mlship.plan.semantics import check_meaning, driver_name
    from mlship.plan.userlist import with_users

    check_shape(draft)
    if not draft.findings.full:
        draft.taint()
        check_meaning(draft, drivers)
        check_containers(draft, driver_name(draft))
        check_balancers(draft, driver_name(draft))
        check_sagemaker(draft, driver_name(draft))
        check_managed(draft, drivers, driver_name(draft))
        check_course(draft)
        check_flags(draft, base=base)
    draft.findings.raise_if_any(first=first)
    return build(with_users(plain(draft.root), base=base), base=base)


def revive(document: Mapping[str, Any], *, base: Path = Path()) -> Plan:
    """The plan of a document that was checked before, as the journal keeps it.

    Raises:
        UsageError: another version of mlship wrote it, in a form that this one does not know.
    """
    try:
        return build(document, base=base)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(error) from error


def revive_model(name: str, document: Mapping[str, Any], *, base: Path = Path()) -> Model:
    """One model of a document that was checked before.

    Raises:
        UsageError: as `revive`.
    """
    try:
        return build_model(name, document, base=base)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _foreign(error) from error


def _foreign(error: Exception) -> UsageError:
    return UsageError(
        f"the plan in the journal cannot be read: {error!r}", hint="use the version of mlship that recorded it"
    )


def resolve(text: str, env: Mapping[str, str]) -> str:
    """The text with each `${env:NAME}` replaced; called where a model starts, so that no value is ever stored.

    Raises:
        UsageError: a variable is not set.
    """
    from mlship.plan import references

    return references.resolve(text, env)
