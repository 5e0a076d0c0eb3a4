"""Why did an Inception V3 fail to restore from its checkpoint?

It is a classifier, not a segmentation network, and the questions are the same: which tensors do not
fit, and is what has loaded still the network that was saved?
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
from chapters import Chapter, tell

import segpost

SIZE = (75, 75)  # the smallest that Inception V3 takes


def inception(classes: int = 10) -> Any:
    """Keras' own, without its weights from a hub."""
    return keras.applications.InceptionV3(
        weights=None, input_shape=(*SIZE, 3), classes=classes, classifier_activation=None
    )


def prepared(image: np.ndarray) -> np.ndarray:
    """(1, H, W, 3) in -1..1, as this family of networks was trained."""
    return image[None].astype(np.float32) / 127.5 - 1


def lively(model: Any) -> Any:
    """Batch-norm statistics of some pictures, as training leaves them."""
    rng = np.random.default_rng(0)
    pictures = [prepared(np.roll(segpost.probe_image(SIZE), rng.integers(75), 0)) for _ in range(4)]
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(np.concatenate(pictures), training=True)
    return model


def fingerprint(model: Any, x: np.ndarray) -> segpost.Fingerprint:
    """(1, classes) logits; what the network was fed, and what its first third makes of it."""
    third = keras.Model(model.inputs, model.get_layer("mixed2").output)
    stages = {"input": x, "mixed2": np.asarray(third(x))}
    return segpost.fingerprint(np.asarray(model(x)), stages=stages, axis=-1)


def differs(a: Any, b: Any, x: np.ndarray) -> float:
    """The largest difference of two networks' logits."""
    return float(np.abs(np.asarray(a(x)) - np.asarray(b(x))).max())


def main() -> list[Chapter]:
    """Make each failure, ask, apply the cure."""
    keras.utils.set_random_seed(0)
    model = lively(inception())
    x = prepared(segpost.probe_image(SIZE))
    kept = fingerprint(model, x)
    chapters = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "inception.weights.h5"  # Keras 3 refuses other endings
        model.save_weights(file)

        # 1. Another number of classes: Keras says a shape, not which choice was another.
        other = inception(classes=12)
        report = segpost.compare_checkpoints(file, other)
        try:
            other.load_weights(file)
            raised = 0.0
        except ValueError:
            raised = 1.0
        restored = inception(classes=report.findings[0].evidence["classes"][0])
        restored.load_weights(file)
        assert kept.compare(fingerprint(restored, x)).ok
        chapters.append(
            tell("Another number of classes", report, "networks that load", 1 - raised, 1.0)
        )

        # 2. "A relu swapped for a sigmoid fails to load": it does not. It loads, and is another.
        changed = inception()
        for layer in changed.layers:
            if getattr(layer, "activation", None) is keras.activations.relu:
                layer.activation = keras.activations.sigmoid
        changed.load_weights(file)  # no error
        assert segpost.compare_checkpoints(file, changed).ok  # no name and no shape says so
        report = kept.compare(fingerprint(changed, x))
        chapters.append(
            tell("ReLU became a sigmoid", report, "largest difference of logits",
                 differs(model, changed, x), differs(model, restored, x))
        )  # fmt: skip

        # 3. The picture in 0..1 instead of -1..1.
        report = kept.compare(fingerprint(restored, (x + 1) / 2))
        before = float(np.abs(np.asarray(model(x)) - np.asarray(restored((x + 1) / 2))).max())
        chapters.append(
            tell("Another preprocessing", report, "largest difference of logits", before,
                 differs(model, restored, x))
        )  # fmt: skip

        # 4. "Another optimizer makes restoring fail": weights have nothing to do with it.
        restored.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
        restored.load_weights(file)
        report = segpost.compare_checkpoints(file, restored)
        chapters.append(
            tell("Another optimizer, which does no harm", report, "largest difference of logits",
                 differs(model, restored, x), differs(model, restored, x))
        )  # fmt: skip
    return chapters


if __name__ == "__main__":
    main()
