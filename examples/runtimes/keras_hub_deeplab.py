"""DeepLabV3+ by KerasHub on TensorFlow: channels last, and upsampled before the last layer."""

from __future__ import annotations

from typing import Any

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from stand_in import photograph, print_comparison

import segpost


def network(image: np.ndarray) -> tuple[Any, np.ndarray]:
    """Yours, with its weights, and the photograph as it wants it: (1, H, W, 3) in -1..1."""
    keras.utils.set_random_seed(0)
    shape = image.shape
    encoder = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64, 64, 64],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
        use_pre_activation=False,
        image_shape=shape,
    )
    backbone = keras_hub.models.DeepLabV3Backbone(
        image_encoder=encoder,
        spatial_pyramid_pooling_key="P4",
        low_level_feature_key="P2",
        upsampling_size=4,
        dilation_rates=[6, 12, 18],
        projection_filters=16,
        image_shape=shape,
    )
    model = keras_hub.models.DeepLabV3ImageSegmenter(
        backbone=backbone, num_classes=21, activation=None
    )
    x = image[None].astype(np.float32) / 127.5 - 1
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # the photograph's statistics
    model(np.concatenate([x, x[:, :, ::-1]]), training=True)
    return model, x


def whole(model: Any, x: np.ndarray) -> Any:
    """What the model gives: (1, H, W, 21)."""
    return model(x, training=False)


small = whole  # its last layer comes after the upsampling


def own(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """What everybody does with it."""
    return tf.argmax(logits, axis=-1)


def ours(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """The same labels."""
    return segpost.postprocess(logits, convention="keras-hub", size=size).labels


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    model, x = network(image)
    logits, size = whole(model, x), image.shape[:2]
    print_comparison(
        "keras-hub", image, lambda: own(model, logits, size), lambda: ours(model, logits, size)
    )


if __name__ == "__main__":
    main()
