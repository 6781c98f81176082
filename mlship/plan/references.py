"""References in texts: `${var:name}` is filled when the plan is read, `${env:NAME}` when a model starts.

`$${` stands for `${`. Other uses of `$`, such as a shell's `${HOME}`, are left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mlship.errors import UsageError
from mlship.plan.document import MOST_WEIGHT, Node, scalar
from mlship.plan.fault import Findings, Steps, refused, suggestion

_REFERENCE = re.compile(
    r"(?P<escaped>\$\$\{)|\$\{(?P<kind>env|var):(?P<name>[A-Za-z_][A-Za-z0-9_-]{0,99})\}|(?P<broken>\$\{(?:env|var)\b)"
)
_MOST_TEXT = 64 * MOST_WEIGHT


def resolve(text: str, env: Mapping[str, str]) -> str:
    """The text with each `${env:NAME}` replaced by the variable's value.

    Raises:
        UsageError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "${"
        if match["kind"] != "env":
            return match[0]
        if match["name"] not in env:
            raise UsageError(
                f"the environment variable {match['name']} is not set", hint=f"export {match['name']}, then try again"
            )
        return env[match["name"]]

    return _REFERENCE.sub(value, text)


@dataclass(slots=True, kw_only=True)
class Filler:
    """Fills a tree; a place where the environment is read at use keeps its `${env:NAME}` and its escapes."""

    variables: Mapping[str, str]
    env: Mapping[str, str]
    findings: Findings
    length: int = 0

    def filled(self, node: Node, path: Steps = ()) -> Node:
        """The node with its references filled, in a copy.

        Raises:
            PlanError: the variables make the plan too long.
        """
        match node.value:
            case dict() as entries:
                return replace(node, value={name: self.filled(child, (*path, name)) for name, child in entries.items()})
            case list() as items:
                return replace(node, value=[self.filled(item, (*path, place)) for place, item in enumerate(items)])
            case str() as text if "${" in text:
                return self._text(node, text, path)
            case _:
                return node

    def _text(self, node: Node, text: str, path: Steps) -> Node:
        late = self._is_late(path)
        parts = list(self._parts(node, text, path, late=late))
        self.length += sum(map(len, parts))
        if self.length > _MOST_TEXT:
            raise refused(node.place, "the variables make the plan too long", path=path)
        whole = "".join(parts)
        value = scalar(whole).value if node.plain and not late and whole != text else whole
        return replace(node, value=value, written=whole)

    def _parts(self, node: Node, text: str, path: Steps, *, late: bool) -> Iterator[str]:
        end = 0
        for match in _REFERENCE.finditer(text):
            yield text[end : match.start()]
            yield self._part(node, match, path, late=late)
            end = match.end()
        yield text[end:]

    def _part(self, node: Node, match: re.Match[str], path: Steps, *, late: bool) -> str:
        if match["escaped"]:
            return match[0] if late else "${"
        if match["broken"]:
            self.findings.unreadable(
                node.place, path, "a reference is not complete", "write ${env:NAME} or ${var:name}"
            )
            return match[0]
        if match["kind"] == "var":
            value = self._variable(node, match["name"], path)
            return value.replace("${", "$${") if late else value
        self._check_env(node, match["name"], path, late=late)
        return match[0]

    def _variable(self, node: Node, name: str, path: Steps) -> str:
        if name not in self.variables and not self.findings.covers(node.place):
            given = suggestion(name, self.variables, what="given") if self.variables else f"add --var {name}=..."
            self.findings.unreadable(
                node.place, path, f"the variable {name} has no value; give it with --var {name}=value", given
            )
        return self.variables.get(name, "")

    def _check_env(self, node: Node, name: str, path: Steps, *, late: bool) -> None:
        if not late:
            self.findings.unreadable(
                node.place,
                path,
                "the environment is read only in a model's `env` and in a driver's own settings",
                _remedy(name, path),
            )
        elif name not in self.env:
            self.findings.unreadable(
                node.place, path, f"the environment variable {name} is not set", f"export {name}, or write $${{ for ${{"
            )

    def _is_late(self, path: Steps) -> bool:
        match path:
            case ("models", _, "env" | "secrets", *_):
                return True
            case ("metrics", _, "prometheus" | "http" | "sql", "url" | "headers", *_):
                return True
            case ("driver", name, *_):
                return name not in {"process", "docker"}
            case _:
                return False


def _remedy(name: str, path: Steps) -> str:
    if path[2:3] == ("command",):
        return f"add it to the model's `env`, as {name}; arguments can be read by every user of the machine"
    return f"write ${{var:{name.lower()}}}, and give it with --var"
