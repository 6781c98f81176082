"""What is new in a file of the router's."""

from __future__ import annotations

from pathlib import Path

from mlship.predictions import spool


def test_a_file_that_is_written_all_the_time_is_read_to_where_it_was(tmp_path: Path) -> None:
    """Lines that come while a look reads are the next look's: a busy router holds up none of them."""
    file = tmp_path / "feedback.jsonl"
    file.write_bytes(b"1\n2\n")
    parts = []
    for part in spool.unread(file, {}):
        parts.append(part)
        with file.open("ab") as stream:
            stream.write(b"3\n4")

    assert [part.lines for part in parts] == [(b"1", b"2")]
    (rest,) = spool.unread(file, {parts[0].name: parts[0].end})
    assert (rest.lines, rest.end) == ((b"3",), 6)


def test_long_files_are_read_in_portions(tmp_path: Path) -> None:
    """Each part ends with a whole line, and together they are the file."""
    file = tmp_path / "predictions.jsonl"
    lines = [b"%07d" % number + b"x" * 4089 for number in range(3000)]
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    parts = list(spool.unread(file, {}))

    assert len(parts) > 1
    assert [line for part in parts for line in part.lines] == lines
    assert parts[-1].end == file.stat().st_size
