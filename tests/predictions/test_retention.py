"""The store is bounded: in time and in bytes."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from .made import SETTINGS, Site, line


def test_old_answers_go(tmp_path: Path) -> None:
    """After `keep` seconds an answer is gone, and a label for it matches nothing."""
    site = Site(tmp_path, replace(SETTINGS, keep=3600.0))
    site.both(("a", 1, 1))
    site.look()
    site.clock.sleep(3700)
    site.label(("a", 1))
    assert site.look().total.labelled == 0
    assert site.kept.query("SELECT count(*) FROM predictions") == [(0,)]


def test_the_oldest_answers_make_room(tmp_path: Path) -> None:
    """Above `most` bytes the oldest answers go, the latest stay, and the file stops growing."""
    most = 8 * 1024**2
    site = Site(tmp_path, replace(SETTINGS, most=most))
    sizes = []
    for batch in range(12):
        site.write(*(line(f"{batch}-{n}", body=noise(batch * 400 + n)) for n in range(400)))
        site.rotate(batch)
        site.look()
        sizes.append((site.folder / "kept" / "predictions.duckdb").stat().st_size)
    assert max(sizes) < 3 * most
    assert max(sizes[8:]) <= max(sizes[:8]) * 1.2
    kept = {name for (name,) in site.kept.query("SELECT id FROM predictions")}
    assert "11-399" in kept
    assert "0-0" not in kept


def noise(seed: int) -> dict[str, object]:
    import random

    return {"y": 1, "pad": random.Random(seed).randbytes(3000).hex()}
