from __future__ import annotations

import json
import math

import pytest
from hypothesis import given

from mlship.errors import JournalUnavailable
from mlship.journal.codec import KINDS, decode, encode, line, timestamp
from mlship.journal.events import Event, Failed, Intended, Looked, Passed, Recorded, RollbackBegun, Taken
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.verdict import Evidence, Outcome, Verdict
from tests.journal.made import events, examples, look, recorded, started

INFINITE = Verdict(
    gate="errors",
    outcome=Outcome.WAIT,
    reason="no errors yet",
    evidence=Evidence(measure="odds ratio", estimate=math.nan, interval=(0.0, math.inf), e_value=-math.inf),
)


@examples(200)
@given(event=events())
def test_every_event_survives_the_journal_exactly(event: Event) -> None:
    """What is read back equals what was written, for every kind of event and any values in it."""
    assert decode(encode(event)) == event


def test_mappings_of_every_kind_are_written() -> None:
    """Read-only mappings inside an event are written like any other mapping."""
    assert json.loads(encode(started()))["compiled"]["steps"][0]["ready"] == {"v2": 1}


@pytest.mark.parametrize("text", ["caf\u00e9 \u2713", "\udcff from a model's log", "\x00\u2028\n"])
def test_any_text_survives(text: str) -> None:
    """Text that is no valid UTF-8, as a model may write to its log, is kept and does not stop the journal."""
    event = Failed(verb="ensure", model="v2", message=text, log=(text,))

    assert decode(encode(event)) == event
    assert encode(event).isascii()


def test_infinite_evidence_survives_and_is_null_in_public() -> None:
    """An unbounded interval reads back unbounded; the public line, which has no infinity, says null."""
    event = Looked(step=0, look=look(1), verdicts=(INFINITE,))
    (public,) = [line(item)["verdicts"][0]["evidence"] for item in recorded(event)]

    assert repr(decode(encode(event))) == repr(event)
    assert (public["estimate"], public["interval"], public["e_value"]) == (None, [0.0, None], None)


def test_a_line_names_its_event() -> None:
    """The public line carries the envelope and the event's own fields, flat."""
    event = Recorded(
        seq=7, service="fraud", rollout="r1", at=1_800_000_000.1234, event=Taken(by="ana", reason="resume")
    )

    assert line(event) == {
        "v": 1,
        "seq": 7,
        "at": "2027-01-15T08:00:00.123Z",
        "service": "fraud",
        "rollout": "r1",
        "type": "taken",
        "by": "ana",
        "reason": "resume",
    }


def test_a_whole_second_keeps_its_milliseconds() -> None:
    """Timestamps have one width, so they sort as text."""
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"


def test_kinds_are_named_in_kebab_case() -> None:
    """The type of an event is its class name in kebab case."""
    assert KINDS["rollback-begun"] is RollbackBegun
    assert KINDS["passed"] is Passed


@pytest.mark.parametrize("text", ['{"v":1,"type":"teleported"}', '{"v":2,"type":"taken","by":"a","reason":"b"}'])
def test_an_event_of_a_newer_mlship_says_so(text: str) -> None:
    """A kind or a version that this mlship does not know asks for an update instead of being guessed at."""
    with pytest.raises(JournalUnavailable, match="newer mlship") as caught:
        decode(text)

    assert "Update mlship" in caught.value.hint


def test_a_field_of_a_newer_mlship_is_passed_over() -> None:
    """Fields may be added under the same version: an older mlship reads the rest."""
    assert decode('{"v":1,"type":"taken","by":"a","reason":"b","mood":"good"}') == Taken(by="a", reason="b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        "{}",
        '{"v":1}',
        '{"v":"x","type":"taken"}',
        '{"v":1,"type":["taken"]}',
        '{"v":1,"type":"taken","by":"a"}',
        '{"v":1,"type":"entered","step":"one"}',
        '{"v":1,"type":"intended","verb":"route","routing":{"segments":[["v1",9999]]}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_event_says_so(text: str) -> None:
    """Whatever stands in the place of an event, the answer is one clear error."""
    with pytest.raises(JournalUnavailable, match="damaged"):
        decode(text)


def test_a_routing_is_read_back_as_one() -> None:
    """Values inside an event come back as the types they were."""
    routing = Routing(segments=(("v1", WHOLE - 1), ("v2", 1)))
    event = decode(encode(Intended(verb="route", routing=routing)))

    assert isinstance(event, Intended)
    assert event.routing == routing
