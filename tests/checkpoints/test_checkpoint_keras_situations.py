"""compare_checkpoints beside what Keras and TensorFlow load themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segpost

pytest.importorskip("h5py")
tensorflow = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.runtimes]


def built(classes: int = 5, wide: int = 4, seed: int = 0) -> Any:
    """Return a small network whose values no new one has."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(wide, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(classes, 1),
        ]
    )
    rng = np.random.default_rng(seed)
    model.set_weights([np.abs(rng.normal(size=w.shape)) + 0.2 for w in model.get_weights()])
    return model


def nested(seed: int = 0) -> Any:
    """Return a network in a network."""
    inner = built(seed=seed)
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Conv2D(3, 1)(inner(inputs))
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(seed)
    model.set_weights([np.abs(rng.normal(size=w.shape)) + 0.2 for w in model.get_weights()])
    return model


def output(model: Any) -> Any:
    """Return the logits of a fixed input."""
    x = np.random.default_rng(3).normal(size=(2, 8, 8, 3)).astype(np.float32)
    return np.asarray(model(x, training=False))


def run(cure: str, **names: Any) -> Any:
    """Return the model after a cure."""
    exec(cure, names)
    return names["model"]


def trained(model: Any) -> Any:
    """Return a model that has an optimizer."""
    model.compile("adam", "mse")
    shape = model.output_shape[1:]
    model.fit(np.ones((2, 8, 8, 3)), np.ones((2, *shape)), verbose=0)
    return model


FORMS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "weights": ("net.weights.h5", lambda model, path: model.save_weights(path)),
    "whole": ("whole.h5", lambda model, path: model.save(path)),
    "weights with optimizer": (
        "net.weights.h5",
        lambda model, path: trained(model).save_weights(path),
    ),
    "whole with optimizer": ("whole.h5", lambda model, path: trained(model).save(path)),
}


@pytest.mark.parametrize("make", [built, nested])
@pytest.mark.parametrize("form", sorted(FORMS))
def test_what_keras_restores_is_right(form: str, make: Any, tmp_path: Path) -> None:
    """Whatever load_weights restores bit for bit has hints at most, and the cure is that call."""
    name, save = FORMS[form]
    path = str(tmp_path / name)
    saved = make()
    save(saved, path)
    model = make(seed=1)
    diff = segpost.compare_checkpoints(path, model)
    assert {f.rank for f in diff.findings} <= {"hint"}, str(diff)
    assert diff.matched_share == 1
    for finding in diff.findings:
        if finding.cure and not finding.code.startswith("batch-norm"):
            restored = run(finding.cure, model=make(seed=1))
            np.testing.assert_array_equal(output(restored), output(saved))
    model.load_weights(path)
    np.testing.assert_array_equal(output(model), output(saved))
    assert segpost.compare_checkpoints(path, model).ok


@pytest.mark.parametrize("form", ["weights", "whole"])
def test_other_heads_and_widths_stay_certain(form: str, tmp_path: Path) -> None:
    """What Keras refuses is certain in both forms."""
    name, save = FORMS[form]
    path = str(tmp_path / name)
    save(built(7), path)
    diff = segpost.compare_checkpoints(path, built(5))
    assert diff.findings[0].code == "head-classes"
    restored = run(
        diff.findings[0].cure, model=built(5), build_model=lambda num_classes: built(num_classes)
    )
    np.testing.assert_array_equal(output(restored), output(built(7)))
    assert "another-architecture" in segpost.compare_checkpoints(path, built(7, 6)).codes


def test_a_whole_model_beside_a_file_of_weights(tmp_path: Path) -> None:
    """Without a live model the order is not known: another naming, and not certain."""
    whole, weights = str(tmp_path / "whole.h5"), str(tmp_path / "net.weights.h5")
    built().save(whole)
    built().save_weights(weights)
    diff = segpost.compare_checkpoints(whole, weights)
    (found,) = [f for f in diff.findings if f.code == "another-naming"]
    assert found.rank == "likely"
    restored = run(found.cure, model=built(seed=1))
    np.testing.assert_array_equal(output(restored), output(built()))


def test_a_whole_model_of_another_network(tmp_path: Path) -> None:
    """A whole model with other layers is another network."""
    path = str(tmp_path / "whole.h5")
    built().save(path)
    diff = segpost.compare_checkpoints(path, keras.Sequential([keras.Input((4,)),
                                                               keras.layers.Dense(3)]))  # fmt: skip
    assert "nothing-matches" in diff.codes or "missing" in diff.codes
    assert not diff.ok


def test_a_tensorflow_checkpoint_of_a_keras_model(tmp_path: Path) -> None:
    """TensorFlow restores it bit for bit: another naming with the call that does."""
    saved = built()
    path = tensorflow.train.Checkpoint(model=saved).save(str(tmp_path / "ck"))
    diff = segpost.compare_checkpoints(path, built(seed=1))
    assert not [f for f in diff.findings if f.rank == "certain"], str(diff)
    (found,) = [f for f in diff.findings if f.code == "another-naming"]
    restored = run(found.cure, model=built(seed=1))
    np.testing.assert_array_equal(output(restored), output(saved))


def test_a_keras_file_is_refused_in_words(tmp_path: Path) -> None:
    """A .keras archive is a whole model."""
    path = tmp_path / "whole.keras"
    built().save(path)
    with pytest.raises(ValueError, match="save its weights"):
        segpost.compare_checkpoints(path, built())
