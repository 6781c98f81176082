import io
import json

from mlship.journal.codec import line
from mlship.views.jsonl import JsonView
from tests.views.scenes import GOOD


def test_machines_get_every_event_as_the_schema_says() -> None:
    """One object per line, nothing summarised, nothing left out."""
    stream = io.StringIO()
    view = JsonView(stream)
    for recorded in GOOD:
        view.show(recorded)
    view.close()
    assert [json.loads(text) for text in stream.getvalue().splitlines()] == [line(recorded) for recorded in GOOD]
