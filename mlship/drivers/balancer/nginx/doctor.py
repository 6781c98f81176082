"""What `mlship doctor` finds about one nginx. Nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlship.drivers.balancer.line import HAND
from mlship.drivers.balancer.mapfile import writable
from mlship.drivers.balancer.nginx.include import generation_of, value_of
from mlship.drivers.balancer.nginx.lines import COPIES_PRINTED, copy_location
from mlship.drivers.balancer.nginx.program import Tested
from mlship.drivers.balancer.nginx.status import generation
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError
from mlship.plan.balancer.nginx import MOST_COPIES

if TYPE_CHECKING:
    from mlship.drivers.balancer.nginx.node import NginxNode


def examine(node: NginxNode) -> Iterator[Trouble]:
    """Reach, the file and what runs, rights, upstreams, log: each by itself, one sentence for one that is not there."""
    try:
        served = generation(node.status)
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)
        return
    yield from _file(node, served)
    yield from _rights(node)
    yield from _configuration(node)
    if not node.log.is_file() or not os.access(node.log, os.R_OK):
        hint = "it is in the `access_log` line that `mlship init --driver nginx` prints"
        yield Trouble(message=f"{node.log} cannot be read: nothing is counted", hint=hint)


def _file(node: NginxNode, served: str) -> Iterator[Trouble]:
    if why := writable(node.include):
        hint = "mlship's user has to be able to replace it in its folder"
        yield Trouble(message=f"{why}: no split of nginx {node.name} can be set", hint=hint)
        return
    try:
        text = node.text
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)
        return
    if value_of(text).startswith(HAND):
        why = f"somebody has edited {node.include}: it says {value_of(text).removeprefix(HAND)}"
        yield Trouble(message=why, hint="the next rollback, or `--repair`, writes it anew", grave=False)
    elif generation_of(text) != served:
        why = f"{node.include} says {value_of(text)}, nginx {node.name} runs {served.partition(' ')[2]}"
        yield Trouble(message=f"{why}: a reload changes it", hint="the next change writes both", grave=False)


def _rights(node: NginxNode) -> Iterator[Trouble]:
    if node.program.reload_words:
        return
    try:
        node.program.signal(0)
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)


def _configuration(node: NginxNode) -> Iterator[Trouble]:
    try:
        there = node.program.test()
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)
        return
    yield from _upstreams(node, there)
    yield from _copies(node, there)


def _upstreams(node: NginxNode, there: Tested) -> Iterator[Trouble]:
    for model, name in node.upstreams.items():
        if name not in there.upstreams:
            hint = f"add it, or name the right one: `{model}: {{ backend: NAME }}`"
            yield Trouble(message=f"nginx {node.name} has no upstream {name}", hint=hint)


def _copies(node: NginxNode, there: Tested) -> Iterator[Trouble]:
    # One of the models is live.
    challengers = min(MOST_COPIES, len(node.upstreams) - 1) if node.mirror else 0
    for number in range(1, challengers + 1):
        if (at := copy_location(node.service, number)) not in there.mirrors:
            why = f"nginx {node.name} copies no requests to {at}"
            yield Trouble(message=why, hint=COPIES_PRINTED, grave=number == 1)
