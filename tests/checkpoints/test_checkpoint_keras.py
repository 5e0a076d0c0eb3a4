"""compare_checkpoints of Keras' and TensorFlow's files, by their own readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost

pytest.importorskip("h5py")
pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
pytestmark = [
    pytest.mark.filterwarnings("default"),  # the frameworks' own
    pytest.mark.runtimes,
]


def built(classes: int = 5, activation: str = "relu") -> Any:
    """Return a small network."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation=activation),
            layers.BatchNormalization(),
            layers.Conv2D(classes, 1),
        ]
    )


def trained(**options: Any) -> Any:
    """Return a network whose batch-norm statistics are not the initial ones."""
    model = built(**options)
    model(np.random.default_rng(0).normal(2, 3, (4, 8, 8, 3)).astype(np.float32), training=True)
    return model


def codes(checkpoint: Any, model: Any) -> set[str]:
    """Return the codes of the findings."""
    return {*segpost.compare_checkpoints(checkpoint, model).codes}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file of a trained model."""
    path = tmp_path / "net.weights.h5"
    trained().save_weights(path)
    return path


def test_a_restored_model_has_nothing_wrong(file: Path) -> None:
    """Every tensor of a Keras file matches the model, values included."""
    model = built()
    model.load_weights(file)
    diff = segpost.compare_checkpoints(file, model)
    assert (diff.ok, diff.findings, diff.matched_share) == (True, (), 1)


def test_a_fresh_model_is_not_loaded_and_its_statistics_are_initial(
    file: Path, tmp_path: Path
) -> None:
    """A hint of the model; of a file of a model that never saw a picture it is likely."""
    assert codes(file, built()) == {"not-loaded"}
    fresh = tmp_path / "fresh.weights.h5"
    built().save_weights(fresh)
    assert "batch-norm-initial" in codes(fresh, built())


def test_another_head_is_told_with_its_numbers(file: Path) -> None:
    """Another number of classes, which Keras refuses to load, is a finding."""
    other = built(7)
    found = segpost.compare_checkpoints(file, other).findings[0]
    assert (found.code, found.evidence["classes"]) == ("head-classes", [5, 7])
    with pytest.raises(ValueError, match="shape"):
        other.load_weights(file)


def test_another_activation_has_the_same_names_and_shapes(file: Path) -> None:
    """Another activation loads without an error, and only a fingerprint shows it."""
    model = built(activation="sigmoid")
    model.load_weights(file)
    assert segpost.compare_checkpoints(file, model).ok
    x = segpost.probe_image((8, 8))[None].astype(np.float32) / 255
    before = trained()
    before.load_weights(file)
    taken = [segpost.fingerprint(np.asarray(m(x)), axis=-1) for m in (before, model)]
    assert taken[0].compare(taken[1]).verdict == "changed"


def test_a_tensorflow_checkpoint_is_read_by_its_prefix(tmp_path: Path) -> None:
    """A TensorFlow checkpoint is read, and the optimizer's slots are not weights."""
    tensorflow = pytest.importorskip("tensorflow")

    model = trained()
    model.compile("adam", "mse")
    model.fit(np.ones((2, 8, 8, 3)), np.ones((2, 6, 6, 5)), verbose=0)
    path = tensorflow.train.Checkpoint(model=model).save(str(tmp_path / "ck"))
    diff = segpost.compare_checkpoints(path, path, resume=True)
    assert diff.matched_share == 1
    assert diff.ok, str(diff)
    assert not [name for name in diff.matched if "optimizer" in name]


def test_a_damaged_file_is_refused(file: Path) -> None:
    """A Keras file that is cut after its first bytes is refused."""
    file.write_bytes(file.read_bytes()[:600])
    with pytest.raises(ValueError, match=r"net\.weights\.h5"):
        segpost.compare_checkpoints(file, built())
