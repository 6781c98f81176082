"""What a plan may get wrong about mirrors, kept answers, and the gates over them."""

from __future__ import annotations

from collections.abc import Iterator

from mlship.plan import units
from mlship.plan.answergates import PROVEN
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown, suggestion
from mlship.plan.model import CaptureSettings
from mlship.plan.routing import WHOLE

ERRORS = ("absolute_error", "squared_error", "log_loss")
"""Scores that need no expression of the plan's own."""


def mirrored(draft: Draft) -> tuple[str, ...]:
    """The models that get copies in some stage."""
    names = (name for stage in draft.places("stages") for name in draft.names(*stage, "mirror"))
    return tuple(dict.fromkeys(names))


def scores(draft: Draft) -> list[str]:
    """What a paired comparison may compare."""
    return ["accuracy", *ERRORS, *draft.names("capture", "scores")]


def check_mirror(draft: Draft, stage: Steps) -> None:
    """Add the faults of a stage's `mirror`."""
    models, live = draft.names("models"), draft.value("live")
    for name in draft.names(*stage, "mirror"):
        path = (*stage, "mirror", name)
        if name not in models:
            hint = suggestion(name, models, what="models")
            draft.fault(path, f"there is no model {shown(name)}", hint, at_key=True)
        elif name == live:
            draft.fault(path, f"{shown(name)} is the live model: its requests are what is copied", at_key=True)
        _share(draft, path)


def check_capture(draft: Draft) -> None:
    """Add the faults of `capture`."""
    for path in _expressions(draft):
        _expression(draft, path)
    _share(draft, ("capture", "sample"))
    keep = draft.value("capture", "keep")
    if keep is not None and units.seconds(keep) <= 0:
        draft.fault(("capture", "keep"), f"expected more than 0s; got {shown(keep)}")
    if not draft.value("capture", "request"):
        for path in _from(draft, "request"):
            draft.fault(path, "the bodies of requests are not kept", "add `request: true` to `capture`")
    if not draft.value("capture", "headers"):
        for path in _from(draft, "headers"):
            draft.fault(path, "no header is kept", "name it in `headers` of `capture`")


def check_watch(draft: Draft) -> None:
    """Add the faults of `watch-labels`."""
    if not draft.has("watch-labels"):
        return
    path: Steps = ("watch-labels", "for") if draft.names("watch-labels") else ("watch-labels",)
    period = draft.value(*path)
    if not mirrored(draft):
        hint = "add a stage with `strategy: shadow`, or remove this"
        draft.fault(("watch-labels",), "no stage compares answers with labels", hint, at_key=True)
    elif period is not None:
        keep = draft.value("capture", "keep")
        kept = CaptureSettings().keep if keep is None else units.seconds(keep)
        if units.seconds(period) <= 0:
            draft.fault(path, f"expected more than 0s; got {shown(period)}")
        elif units.seconds(period) > kept:
            draft.fault(path, "longer than answers are kept", f"raise `keep` in `capture` to {period} or more")


def check_answer_gate(draft: Draft, path: Steps) -> None:
    """Add the faults of a gate over answers."""
    metric = draft.value(*path, "metric")
    if draft.has(*path, "better-than") and draft.has(*path, "no-worse-than"):
        draft.fault(
            (*path, "no-worse-than"), "a gate has one question", "keep `better-than` or `no-worse-than`", at_key=True
        )
    elif draft.has(*path, "no-worse-than") and not draft.has(*path, "margin"):
        draft.fault(path, "`margin` is missing", "add `margin: 1%`", at_key=True)
    if draft.has(*path, "better-than") or draft.has(*path, "no-worse-than"):
        _score(draft, path, metric)
    minimum = draft.value(*path, "min")
    if metric in PROVEN and minimum is not None and units.fraction(minimum) == 1:
        draft.fault((*path, "min"), f"no number of answers proves {metric} of 100%", "99% is usual")
    elif minimum is not None and not 0 < units.fraction(minimum) <= 1:
        draft.fault((*path, "min"), f"expected more than 0% and at most 100%; got {shown(minimum)}")
    of, watched = draft.value(*path, "of"), _watched(draft)
    if of is not None and of not in watched:
        draft.fault((*path, "of"), f"nothing named {shown(of)} is watched", suggestion(of, watched, what="known"))
    _segment(draft, path)


def _score(draft: Draft, path: Steps, metric: str) -> None:
    known = [*scores(draft), "error_rate", "latency_p95"]
    if metric not in known:
        draft.fault((*path, "metric"), f"there is no metric {shown(metric)}", suggestion(metric, known, what="known"))
        return
    if metric == "log_loss" and not draft.has("capture", "probability"):
        draft.fault((*path, "metric"), "log_loss needs probabilities", "add `probability` to `capture`")
    _margin(draft, path, metric)


def _margin(draft: Draft, path: Steps, metric: str) -> None:
    margin = draft.value(*path, "margin")
    if margin is None:
        return
    percentage = isinstance(margin, str)
    if metric == "accuracy" and (not percentage or not 0 <= units.fraction(margin) < 1):
        draft.fault((*path, "margin"), f"expected a percentage under 100% for accuracy; got {shown(margin)}")
    elif metric != "accuracy" and percentage:
        draft.fault((*path, "margin"), f"expected a number in units of {metric}; got {shown(margin)}")
    elif draft.has(*path, "no-worse-than") and (units.fraction(margin) if percentage else margin) == 0:
        draft.fault((*path, "margin"), "no number of answers proves a margin of 0", "1% is usual")


def _segment(draft: Draft, path: Steps) -> None:
    segment = draft.value(*path, "segment")
    known = list(draft.names("capture", "segments"))
    if segment is None or (segment == "each" and known):
        return
    if segment.partition("=")[0] not in known:
        hint = suggestion(segment, known, what="known") if known else "add it to `capture: { segments: ... }`"
        draft.fault((*path, "segment"), f"there is no segment {shown(segment)}", hint)


def _watched(draft: Draft) -> list[str]:
    own = ["prediction", *draft.names("capture", "scores"), *draft.names("capture", "drift")]
    if not draft.has("capture", "reference"):
        return own
    compared = dict.fromkeys((*draft.names("capture", "drift"), *draft.names("capture", "reference", "columns")))
    return [*own, *(f"{name}@reference" for name in compared)]


def _share(draft: Draft, path: Steps) -> None:
    text = draft.value(*path)
    if text is None:
        return
    share = units.basis_points(text)
    if share is None:
        draft.fault(path, f"finer than 0.01%: {text}", "the router divides traffic into steps of 0.01%")
    elif not 0 < share <= WHOLE:
        draft.fault(path, f"expected more than 0% and at most 100%; got {shown(text)}")


def _expressions(draft: Draft) -> Iterator[Steps]:
    """Where JMESPath stands."""
    yield from (("capture", key) for key in ("prediction", "probability"))
    for key in ("scores", "segments", "drift"):
        yield from (("capture", key, name) for name in draft.names("capture", key))
    yield from draft.places("capture", "redact")


def _expression(draft: Draft, path: Steps) -> None:
    text = draft.value(*path)
    if text is None:
        return
    import jmespath

    try:
        jmespath.compile(text)
    except jmespath.exceptions.JMESPathError as error:
        complaint = str(error).splitlines()[0].partition(": ")[2].rstrip(":")
        draft.fault(path, f"no JMESPath expression: {complaint}", 'names with hyphens need quotes: "x-country"')


def _from(draft: Draft, root: str) -> Iterator[Steps]:
    """Expressions that start at `root`."""
    for path in _expressions(draft):
        text = draft.value(*path)
        if isinstance(text, str) and path[1] in {"segments", "drift"} and text.startswith(f"{root}."):
            yield path
