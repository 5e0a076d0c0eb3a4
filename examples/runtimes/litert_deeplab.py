"""LiteRT, float and int8: scale and zero point are read from the file; labels need neither."""

from __future__ import annotations

from typing import Any

import keras_hub_deeplab
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from stand_in import photograph, print_comparison

import segpost


class Network:
    """An interpreter, and what its file says of the output."""

    def __init__(self, content: bytes) -> None:
        self.convention = segpost.Convention.from_litert(content)
        self.interpreter = Interpreter(model_content=content)
        self.interpreter.allocate_tensors()


def network(image: np.ndarray, quantized: bool = True) -> tuple[Network, np.ndarray]:
    """Yours is a file that is there; here KerasHub's network is converted."""
    model, x = keras_hub_deeplab.network(image)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([x[:, :, ::step]] for step in (1, -1))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_output_type = tf.int8
    return Network(converter.convert()), x


def whole(model: Network, x: np.ndarray) -> Any:
    """What the runtime gives: (1, H, W, 21), int8 or float32."""
    interpreter = model.interpreter
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


small = whole


def own(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """What everybody does with it: back to floats, and argmax."""
    if model.convention.quantization is None:
        return logits.argmax(-1)
    scale, zero_point = model.convention.quantization
    return (np.float32(scale) * (logits.astype(np.float32) - np.float32(zero_point))).argmax(-1)


def ours(model: Any, logits: Any, size: tuple[int, int]) -> Any:
    """The same labels, of the integers as they are."""
    return segpost.postprocess(logits, convention=model.convention).labels


def shown(name: str, image: np.ndarray, quantized: bool) -> None:
    """One kind of file."""
    model, x = network(image, quantized)
    logits, size = whole(model, x), image.shape[:2]
    want = ("labels", "confidence")
    seg = segpost.postprocess(logits, convention=model.convention, want=want)
    print(f"{name}: {logits.dtype}, confidence {float(seg.confidence.mean()):.2f} on average")
    print_comparison(
        name, image, lambda: own(model, logits, size), lambda: ours(model, logits, size)
    )


def main() -> None:
    """The network on a photograph."""
    image = photograph()
    shown("litert", image, quantized=False)
    shown("litert-int8", image, quantized=True)


if __name__ == "__main__":
    main()
