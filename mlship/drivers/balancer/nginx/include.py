"""The file that mlship writes: maps and a draw for one service, and what is meant by them, with a hash of it all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from mlship.drivers.balancer.line import CLOSED, HAND
from mlship.plan.balancer.nginx import MOST_COPIES
from mlship.plan.routing import WHOLE

COOKIE = "mlship_user"
"""Keeps users on one model who do not send the header that users are told apart by."""

_LOG = (
    """log_format {name} escape=json '{{"m":"${name}","s":"$status","t":"$upstream_response_time","""
    """"r":"$request_time"{more}}}';"""
)
_BEGUN = ',"h":"$upstream_header_time"'
"""nginx reads only the head of a challenger's answer: beside copies the live model is timed up to there, too."""
_USERS = """\
map {header} ${v}_known {{ "" $cookie_{cookie}; default {header}; }}
map ${v}_known ${v}_unit {{ "" $request_id; default ${v}_known; }}
map ${v}_known ${v}_cookie {{ "" "{cookie}=$request_id; Path=/; Max-Age=31536000"; default ""; }}
split_clients "${v}_unit:{salt}" ${v}_drawn {{ {parts} }}
"""
_REQUESTS = """\
map "" ${v}_cookie {{ default ""; }}
split_clients "$request_id" ${v}_drawn {{ {parts} }}
"""
KINDS = ("by", "if", "copy")
"""What words of a value begin with."""

_GENERATION = re.compile(r'^map "" \$mlship_\w+_generation \{ default "([0-9a-f]{12}) ([^"]+)"; \}$', re.MULTILINE)
_DRAW = re.compile(r"split_clients\s[^{]*\{([^}]*)\}")
_PART = re.compile(r"(?:([0-9.]+)%|(\*))\s+([A-Za-z0-9_.-]+)\s*;")


def variable(service: str) -> str:
    """What names of the service's variables begin with, without the dollar."""
    return f"mlship_{service.replace('-', '_')}"


def copy_variable(service: str, number: int) -> str:
    """The upstream that the copy of a request goes to, by the number of its location; empty: it is not copied."""
    return f"{variable(service)}_copy{number}"


def text_of(value: str, service: str) -> str:
    """The file for a value; of one that somebody has edited, for what it does."""
    v, value = variable(service), value.removeprefix(HAND)
    shares, *words = value.split(" ")
    asked = {kind: [word.split(":")[1:] for word in words if word.startswith(f"{kind}:")] for kind in KINDS}
    lines = [
        f"# Written by mlship for the service {service}, anew at each change. Edits are seen, and stop the next step.",
        _LOG.format(name=v, more=_BEGUN if asked["copy"] else ""),
        _draw(v, shares, asked["by"]),
        *_picked(v, asked["if"]),
        *_copied(service, asked["copy"]),
        f'map "" ${v}_closed {{ default "{"1" if value == CLOSED else ""}"; }}',
    ]
    body = "\n".join(lines) + "\n"
    return f'{body}map "" ${v}_generation {{ default "{_hash(body)} {value}"; }}\n'


def generation_of(text: str) -> str:
    """What nginx serves once it runs this text: hash and value; empty: it is none of mlship's."""
    found = _GENERATION.search(text)
    return f"{found[1]} {found[2]}" if found else ""


def value_of(text: str) -> str:
    """What the text means: its own word for it, or what it does where somebody has edited it."""
    found = _GENERATION.search(text)
    if found and text[: found.start()] and _hash(text[: found.start()]) == found[1] and found.end() == len(text) - 1:
        return found[2]
    return f"{HAND}{_drawn(text) or 'unreadable'}"


def upstreams_of(value: str) -> frozenset[str]:
    """Those that a value sends requests to."""
    shares, *words = value.split(" ")
    drawn = set() if shares == CLOSED else {part.partition(":")[0] for part in shares.split(",")}
    picked = {word.split(":")[3] for word in words if word.startswith("if:")}
    return frozenset(drawn | picked | {word.split(":")[1] for word in words if word.startswith("copy:")})


def copies_of(value: str) -> int:
    """How many challengers a value has requests copied to."""
    return value.count(" copy:")


def _hash(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def _draw(v: str, shares: str, by: Sequence[Sequence[str]]) -> str:
    widths = [part.split(":") for part in shares.split(",")] if shares != CLOSED else [[CLOSED, str(WHOLE)]]
    *first, last = widths
    parts = " ".join([*(f"{int(width) / 100:.2f}% {name};" for name, width in first), f"* {last[0]};"])
    if not by:
        return _REQUESTS.format(v=v, parts=parts).rstrip("\n")
    header, salt = by[0]
    read = f"$http_{header.replace('-', '_')}" if header else f"$cookie_{COOKIE}"
    return _USERS.format(v=v, header=read, cookie=COOKIE, salt=salt, parts=parts).rstrip("\n")


def _picked(v: str, rules: Sequence[Sequence[str]]) -> list[str]:
    """The first rule that matches, else the draw: so the last rule is asked first."""
    lines, otherwise = [], f"${v}_drawn"
    for number, (header, value, upstream) in reversed(list(enumerate(rules))):
        # Plain values are compared without regard to case; a regular expression is not.
        lines.append(
            f"map $http_{header.replace('-', '_')} ${v}_rule{number} "
            f'{{ "~^{re.escape(value)}$" {upstream}; default {otherwise}; }}'
        )
        otherwise = f"${v}_rule{number}"
    return [*lines, f'map "" ${v} {{ default {otherwise}; }}']


def _copied(service: str, copies: Sequence[Sequence[str]]) -> list[str]:
    """Every number has its names, also one that copies nothing: the configuration's locations know them."""
    lines = []
    for number in range(1, MOST_COPIES + 1):
        name = copy_variable(service, number)
        upstream, share = copies[number - 1] if number <= len(copies) else ("", WHOLE)
        # Of 100% nginx would leave out the highest point.
        parts = f'{int(share) / 100:.2f}% {upstream}; * "";' if int(share) < WHOLE else f'* "{upstream}";'
        lines += [_LOG.format(name=name, more=_BEGUN), f'split_clients "$request_id:{number}" ${name} {{ {parts} }}']
    return lines


def _drawn(text: str) -> str:
    """Parts of the first draw in a text that somebody has edited; empty: there is none that can be read."""
    found = _DRAW.search(text)
    parts = _PART.findall(found[1]) if found else []
    try:
        widths = [round(float(percent) * 100) if percent else None for percent, _, _ in parts]
    except ValueError:
        return ""
    rest = WHOLE - sum(width for width in widths if width is not None)
    names = [name for _, _, name in parts]
    return ",".join(f"{name}:{rest if width is None else width}" for name, width in zip(names, widths, strict=True))
