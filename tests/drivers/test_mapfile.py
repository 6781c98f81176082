"""Files that several nodes of one balancer share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlship.drivers.balancer.mapfile import replace_text


def test_threads_replace_a_file_side_by_side(tmp_path: Path) -> None:
    """A rollback goes to all nodes at once: each writes a whole text, the last one stands, and nothing is left."""
    file = tmp_path / "server-state"
    texts = [f"{number}\n" * 1000 for number in range(8)]

    def replace(text: str) -> None:
        for _ in range(5):
            replace_text(file, text)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(replace, texts))

    assert file.read_text() in texts
    assert list(tmp_path.iterdir()) == [file]
