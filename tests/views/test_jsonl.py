import io
import json
from importlib.resources import files

from jsonschema import Draft202012Validator

from mlship.journal.codec import line
from mlship.views.jsonl import JsonView
from tests.views.scenes import CONTEST, GOOD

SCHEMA = files("mlship").joinpath("schemas", "event.v1.json")


def test_machines_get_every_event_as_the_schema_says() -> None:
    """One object per line, nothing summarised, nothing left out."""
    stream = io.StringIO()
    view = JsonView(stream)
    for recorded in (*GOOD, *CONTEST):
        view.show(recorded)
    view.close()
    shown = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert shown == [line(recorded) for recorded in (*GOOD, *CONTEST)]


def test_machines_get_copies_answers_and_the_choice() -> None:
    """Who got copies, what the answers came to, and who goes on and why, as the schema of events has it."""
    schema = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    lines = [line(recorded) for recorded in CONTEST]
    assert [error.message for each in lines for error in schema.iter_errors(each)] == []
    text, words = json.dumps(lines), ("mirrors", "answers", "unpaired", "chosen", "the largest gain in accuracy")
    assert [word for word in words if word not in text] == []
