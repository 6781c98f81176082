from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mlship.demo import protocol, training
from mlship.errors import UsageError


def test_the_newest_two_models_are_clearly_better_and_clearly_worse(models: Path) -> None:
    """There is a challenger to choose and one to reject, with differences that a short run can see."""
    v1, v2, v3 = (training.accuracy_of(training.trained(name, models)) for name in ("v1", "v2", "v3"))

    assert 0.9 < v1 < v2 - 0.03 <= 1.0
    assert 0.8 < v3 < v1 - 0.08


def test_truths_belong_to_their_images(models: Path) -> None:
    """Asked with the bodies, a model is right as often as its file says."""
    model = training.load(training.trained("v3", models))
    bodies, truths = zip(*training.labelled_bodies(), strict=True)

    read = [int(model.estimator.predict(protocol.parse(body, training.FEATURES).rows)[0]) for body in bodies]

    assert len(bodies) == 540
    assert sum(map(int.__eq__, read, truths)) / len(truths) == pytest.approx(model.accuracy, abs=1e-6)


def test_a_kept_model_is_used_again(models: Path) -> None:
    """A model is trained once; the second time its file is the same file."""
    path = training.trained("v1", models)
    before = path.stat()

    assert training.trained("v1", models) == path
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("damage", [b"", b"no model", b"\xff\xfe\n", b"0 0.9\nrest"])
def test_a_damaged_file_is_refused_and_trained_anew(models: Path, tmp_path: Path, damage: bytes) -> None:
    """A damaged cache heals itself; it is never unpickled."""
    path = tmp_path / training.trained("v2", models).name
    path.write_bytes(damage)

    with pytest.raises(UsageError, match="not a model file"):
        training.load(path)

    assert training.trained("v2", tmp_path) == path
    assert training.load(path).accuracy > 0.9


def test_a_file_cut_short_is_damaged(models: Path, tmp_path: Path) -> None:
    """One missing byte is enough to be seen."""
    whole = training.trained("v2", models)
    cut = tmp_path / "cut.model"
    cut.write_bytes(whole.read_bytes()[:-1])

    assert training.is_intact(whole)
    assert not training.is_intact(cut)


@pytest.mark.usefixtures("models")
def test_nothing_but_the_model_is_left_in_the_folder(tmp_path: Path) -> None:
    """Writing whole or not at all leaves no temporary files."""
    path = training.trained("v2", tmp_path / "new")

    assert list(path.parent.iterdir()) == [path]


def test_an_unknown_model_is_named_beside_the_known_ones(tmp_path: Path) -> None:
    """A wrong name is answered with the right ones."""
    with pytest.raises(UsageError) as caught:
        training.trained("v9", tmp_path)

    assert "v1, v2, v3" in caught.value.hint


@pytest.mark.usefixtures("models")
def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the folder should be: a message, not a traceback."""
    blocked = tmp_path / "file"
    blocked.write_text("")

    with pytest.raises(UsageError, match="cannot keep"):
        training.trained("v2", blocked)


def test_a_model_that_cannot_be_put_in_place_leaves_nothing_behind(models: Path, tmp_path: Path) -> None:
    """A folder where the file should be: a message, and no temporary file."""
    blocked = tmp_path / training.trained("v2", models).name
    blocked.mkdir()

    with pytest.raises(UsageError, match="cannot keep"):
        training.trained("v2", tmp_path)

    assert list(tmp_path.iterdir()) == [blocked]


def test_a_missing_model_file_is_a_clear_error(tmp_path: Path) -> None:
    """A path without a file: a message that names it."""
    with pytest.raises(UsageError, match="cannot read the model file"):
        training.accuracy_of(tmp_path / "none.model")


def test_without_scikit_learn_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lacks scikit-learn is told the line that installs it."""
    monkeypatch.setitem(sys.modules, "sklearn", None)

    with pytest.raises(UsageError) as caught:
        training.trained("v1", tmp_path)

    assert caught.value.hint == "pip install 'mlship[demo]'"


@pytest.mark.usefixtures("models")
def test_request_bodies_are_the_same_ones_every_time() -> None:
    """Requests are real held-out images, and reproducible."""
    bodies = training.infer_bodies(5)

    assert bodies == training.infer_bodies(5)
    assert len({json.dumps(json.loads(body)["inputs"][0]["data"]) for body in bodies}) == 5
