"""What stands in a reply: by JMESPath, in a header, or by a regular expression."""

from __future__ import annotations

from fractions import Fraction

import msgspec

from mlship.drivers.balancer.rest.settings import Extract, Where
from mlship.drivers.balancer.rest.template import Context, pattern_of, text_of
from mlship.drivers.balancer.rest.web import Reply
from mlship.errors import OutOfReach
from mlship.metrics.address import quoted
from mlship.predictions.expressions import value_of


def text_in(where: Where, reply: Reply, context: Context) -> str | None:
    """The text there; None: there is none.

    Raises:
        OutOfReach: JSON is expected, and it is none.
    """
    how = Extract(json=where) if isinstance(where, str) else where
    if how.header:
        return reply.headers.get(how.header.lower())
    if how.regex:
        match = pattern_of(how.regex, context).search(reply.text)
        return match[1] if match else None
    try:
        document = msgspec.json.decode(reply.text)
    except msgspec.DecodeError as error:
        hint = "is the request's path right? For what is no JSON there are `regex` and `header`"
        raise OutOfReach(f"expected JSON; got {quoted(reply.text) or 'nothing'}", hint=hint) from error
    value = value_of(text_of(how.json, context), document)
    return None if value is None else str(value)


def weight_in(where: Where, reply: Reply, context: Context) -> Fraction | None:
    """The weight there.

    Raises:
        OutOfReach: what is there is no weight.
    """
    how = Extract(json=where) if isinstance(where, str) else where
    if how.zero_if and pattern_of(how.zero_if, context).search(reply.text):
        return Fraction(0)
    text = text_in(how, reply, context)
    if text is None:
        return None if how.default is None else Fraction(how.default)
    try:
        weight = Fraction(text)
    except (ValueError, ZeroDivisionError):
        weight = Fraction(-1)
    if weight < 0:
        raise OutOfReach(f"{quoted(text)!r} is no weight", hint="see where `weight` of `read` looks")
    return weight
