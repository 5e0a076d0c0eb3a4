"""Why does a detector in TensorFlow get worse after its checkpoint was loaded?

Three reasons are given for it: the optimizer's state, the augmentation, batch norm. Measured on a
small detector, the first costs nothing, and batch norm in training mode little. What costs is an
input that is prepared otherwise, and moving statistics that do not arrive.
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

SIZE = 48
CLASSES = 3  # background, disk, square
CELLS = SIZE // 8


def scene(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A picture (48, 48, 3) uint8, and which class is in each of 6 x 6 cells."""
    image = rng.normal(110, 25, (SIZE, SIZE, 3))
    cells = np.zeros((CELLS, CELLS), np.int64)
    y, x = np.mgrid[:SIZE, :SIZE]
    for _ in range(rng.integers(1, 4)):
        cy, cx, label = rng.integers(6, SIZE - 6), rng.integers(6, SIZE - 6), rng.integers(1, 3)
        far = np.hypot(y - cy, x - cx) if label == 1 else np.maximum(abs(y - cy), abs(x - cx))
        image[far < 6] = (210, 190, 60) if label == 1 else (60, 90, 200)
        cells[cy // 8, cx // 8] = label
    return image.clip(0, 255).astype(np.uint8), cells


def scenes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and cells of many."""
    rng = np.random.default_rng(seed)
    images, cells = zip(*(scene(rng) for _ in range(count)), strict=True)
    return np.stack(images), np.stack(cells)


def prepared(images: np.ndarray) -> np.ndarray:
    """As in the training: -1..1."""
    return images.astype(np.float32) / 127.5 - 1


def detector() -> Any:
    """Class scores of every cell: (N, 36, 3) logits."""
    layers = keras.layers
    model = keras.Sequential([layers.Input((SIZE, SIZE, 3))])
    for wide in (16, 24, 32):
        model.add(layers.Conv2D(wide, 3, strides=2, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=0.8))
        model.add(layers.ReLU())
    model.add(layers.Conv2D(CLASSES, 1))
    model.add(layers.Reshape((CELLS * CELLS, CLASSES)))
    return model


def compiled(model: Any) -> Any:
    """With a fresh Adam."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=loss)
    return model


def lesson(model: Any, epochs: int, seed: int = 1) -> float:
    """Train, and the last loss."""
    images, cells = scenes(256, seed)
    history = model.fit(
        prepared(images), cells.reshape(len(cells), -1), epochs=epochs, batch_size=32, verbose=0
    )
    return float(history.history["loss"][-1])


def recall(scores: Any) -> float:
    """The share of the objects whose cell has their class, on pictures never seen."""
    _, cells = scenes(64, 99)
    found = segpost.argmax(np.asarray(scores), axis=-1).reshape(cells.shape)
    return float((found == cells)[cells > 0].mean())


def fingerprint(model: Any, x: np.ndarray, training: bool = False) -> segpost.Fingerprint:
    """Class scores of a few pictures, and what was fed."""
    scores = np.asarray(model(x, training=training))
    return segpost.fingerprint(scores, axis=-1, stages={"input": x})


def main() -> list[Chapter]:
    """Make each failure, ask, apply the cure."""
    keras.utils.set_random_seed(0)
    model = compiled(detector())
    lesson(model, 12)
    test, _ = scenes(64, 99)
    x = prepared(test)
    kept = fingerprint(model, x[:4])
    chapters = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "detector.weights.h5"
        model.save_weights(file)  # of a compiled model: the optimizer's state is in it

        # 1. "The loss jumps where the optimizer's state is lost": a little, and inference not.
        bare = Path(folder) / "bare.weights.h5"
        without = detector()
        without.set_weights(model.get_weights())
        without.save_weights(bare)
        report = segpost.compare_checkpoints(bare, model, resume=True)
        fresh = compiled(detector())
        fresh.load_weights(bare)
        assert kept.compare(fingerprint(fresh, x[:4])).verdict != "changed"
        loss_fresh, loss_kept = lesson(fresh, 1, seed=2), lesson(model, 1, seed=2)
        chapters.append(
            tell("The optimizer's state is not there", report, "loss of the next epoch", loss_fresh,
                 loss_kept)
        )  # fmt: skip

        # 2. The pictures are decoded by OpenCV now, which gives BGR.
        restored = compiled(detector())
        restored.load_weights(file)
        bgr = np.ascontiguousarray(x[..., ::-1])
        report = kept.compare(fingerprint(restored, bgr[:4]))
        chapters.append(
            tell("Another preprocessing", report, "recall", recall(restored(bgr)),
                 recall(restored(x)))
        )  # fmt: skip

        # 3. Batch norm in training mode: of a batch of one picture, its own statistics.
        report = kept.compare(fingerprint(restored, x[:4], training=True))
        alone = np.concatenate([np.asarray(restored(one[None], training=True)) for one in x])
        restored.load_weights(file)  # the moving statistics have moved
        chapters.append(
            tell(
                "Batch norm in training mode", report, "recall", recall(alone), recall(restored(x))
            )
        )

        # 4. The moving statistics are not in the file; they are, where nothing was done against it.
        lost = compiled(detector())
        lost.load_weights(file)
        for layer in lost.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
                layer.moving_variance.assign(np.ones(layer.moving_variance.shape))
        report = segpost.compare_checkpoints(file, lost)
        chapters.append(
            tell("Moving statistics that were not loaded", report, "recall", recall(lost(x)),
                 recall(restored(x)))
        )  # fmt: skip
    return chapters


if __name__ == "__main__":
    main()
