"""Three scikit-learn models of handwritten digits, trained at first use and kept.

A model file is one line, `<sha256 of the rest> <accuracy>`, and a pickle: a file that was cut short or changed is seen
before anything in it is unpickled.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pickle
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlship.errors import UsageError
from mlship.private import make_private

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 20
RECIPE = 1
"""Rises when a model is trained in another way, so that no file of the old way is used."""
FEATURES = 64
"""An image is 8 x 8 grey values."""
MODELS = {
    "v1": "logistic regression on principal components",
    "v2": "support-vector machine",
    "v3": "decision tree",
}


class Estimator(Protocol):
    """What serving needs of a fitted scikit-learn classifier; some have `predict_proba` as well."""

    classes_: NDArray[np.int64]

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """Rows of shape (n, 64) → n digits."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A fitted classifier and the share of held-out digits that it reads correctly."""

    accuracy: float
    estimator: Estimator


@dataclass(frozen=True, slots=True, kw_only=True)
class _Digits:
    train: tuple[Any, Any]
    held_out: tuple[Any, Any]


def trained(name: str, folder: Path) -> Path:
    """The file of model `name` (a key of `MODELS`) under `folder`; trained now unless an intact one is there.

    Raises:
        UsageError: there is no such model, scikit-learn is missing, or the folder cannot be written.
    """
    if name not in MODELS:
        raise UsageError(f"there is no demo model {name!r}", hint=f"choose one of: {', '.join(MODELS)}")
    _require_sklearn()
    path = folder / _file_name(name)
    if not is_intact(path):
        save(_train(name), path)
    return path


def load(path: Path) -> TrainedModel:
    """Read a model file.

    Raises:
        UsageError: the file is missing or is not an intact model file, or scikit-learn is missing.
    """
    _require_sklearn()
    accuracy, pickled = _read(path)
    return TrainedModel(accuracy=accuracy, estimator=pickle.loads(pickled))  # noqa: S301 - the digest shows that it is ours


def answered(estimator: Estimator, rows: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """The digits for rows of shape (n, 64), and probabilities of shape (n, classes) from a model that tells them."""
    tell = getattr(estimator, "predict_proba", None)
    if tell is None:
        return estimator.predict(rows), None
    shares = tell(rows)
    # One pass through the model, not two.
    return estimator.classes_[shares.argmax(axis=1)], shares


def tells_probabilities(estimator: Estimator) -> bool:
    """Whether the model tells how probable each digit is."""
    return hasattr(estimator, "predict_proba")


def accuracy_of(path: Path) -> float:
    """The held-out accuracy that is written on a model file, without loading the model."""
    return _read(path)[0]


def is_intact(path: Path) -> bool:
    """Whether `path` is a whole, unchanged model file."""
    try:
        _read(path)
    except UsageError:
        return False
    return True


def save(model: TrainedModel, path: Path) -> None:
    """Write a model file whole or not at all; several processes may do so at once.

    Raises:
        UsageError: the folder cannot be written.
    """
    pickled = pickle.dumps(model.estimator)
    header = f"{hashlib.sha256(pickled).hexdigest()} {model.accuracy:.6f}\n".encode()
    try:
        make_private(path.parent)
        _write_whole(path, header + pickled)
    except OSError as error:
        raise UsageError(
            f"cannot keep the demo's models in {path.parent}: {error.strerror}", hint="choose a folder you can write to"
        ) from error


def infer_bodies(count: int = 64) -> tuple[bytes, ...]:
    """Bodies of inference requests: `count` held-out images, one to a request, the same ones every time.

    Raises:
        UsageError: scikit-learn is missing.
    """
    _require_sklearn()
    return tuple(body for body, _ in labelled_bodies()[:count])


def labelled_bodies() -> tuple[tuple[bytes, int], ...]:
    """Bodies of inference requests with the digit that is right: every held-out image, one to a request.

    Raises:
        UsageError: scikit-learn is missing.
    """
    _require_sklearn()
    images, digits = _digits().held_out
    return tuple((_body(image.tolist()), int(digit)) for image, digit in zip(images, digits, strict=True))


def _body(image: Sequence[float]) -> bytes:
    tensor = {"name": "pixels", "shape": [1, FEATURES], "datatype": "FP64", "data": image}
    return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()


def _train(name: str) -> TrainedModel:
    digits = _digits()
    estimator = _unfitted(name).fit(*digits.train)
    return TrainedModel(accuracy=float(estimator.score(*digits.held_out)), estimator=estimator)


def _unfitted(name: str) -> Any:  # noqa: ANN401 - scikit-learn has no types
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if name == "v3":
        from sklearn.tree import DecisionTreeClassifier

        return DecisionTreeClassifier(random_state=SEED)
    # v2 must be no slower than v1, else the demo's good candidate would rightly be rolled back for its latency.
    if name == "v1":
        components = PCA(30, random_state=SEED)
        return make_pipeline(StandardScaler(), components, LogisticRegression(max_iter=1000, random_state=SEED))
    return SVC(gamma=0.001, random_state=SEED)


def _digits() -> _Digits:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images, labels, test_size=0.3, random_state=SEED, stratify=labels)
    return _Digits(train=(parts[0], parts[2]), held_out=(parts[1], parts[3]))


def _read(path: Path) -> tuple[float, bytes]:
    try:
        header, _, pickled = path.read_bytes().partition(b"\n")
        digest, accuracy = header.decode("ascii").split(" ")
        share = float(accuracy)
    except OSError as error:
        raise UsageError(f"cannot read the model file {path}: {error.strerror}") from error
    except ValueError as error:
        raise _not_a_model(path) from error
    if hashlib.sha256(pickled).hexdigest() != digest:
        raise _not_a_model(path)
    return share, pickled


def _not_a_model(path: Path) -> UsageError:
    return UsageError(f"{path} is not a model file of the demo, or it is damaged", hint="delete it: it is trained anew")


def _write_whole(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _file_name(name: str) -> str:
    # A pickle is only good for the versions that wrote it, so they are part of its name.
    from importlib.metadata import version

    return f"digits-{name}-recipe{RECIPE}-sklearn{version('scikit-learn')}-numpy{version('numpy')}.model"


def _require_sklearn() -> None:
    if importlib.util.find_spec("sklearn") is None:
        raise UsageError(
            "the demo's models need scikit-learn, which is not installed", hint="pip install 'mlship[demo]'"
        )
