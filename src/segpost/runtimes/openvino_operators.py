"""The operators of segpost for OpenVINO, in Python: a graph ends in labels without a compiler.

Importing this module imports openvino; segpost itself never does. The reference's page "Operators"
defines inputs, outputs and attributes. `OPERATORS` are the classes for ``Core.add_extension``; a
saved model needs them before it is read. The kernels run without the interpreter's lock.

Examples
--------
>>> import numpy as np, openvino
>>> from segpost.runtimes.openvino_operators import Argmax
>>> logits = openvino.opset13.parameter([1, 19, -1, -1], np.float32)
>>> node = Argmax(logits, openvino.opset13.constant(np.array([32, 64])))
>>> model = openvino.Model([node.output(0)], [logits], "labels")
>>> labels = openvino.compile_model(model, "CPU")(np.zeros((1, 19, 4, 8), np.float32))[0]
>>> labels.shape, labels.dtype
((1, 32, 64), dtype('uint8'))
"""

from __future__ import annotations

import ctypes
import json
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import openvino  # type: ignore[import-not-found,unused-ignore]
from openvino import Dimension, PartialShape, Type

from segpost._core.arguments import check_choice
from segpost._core.public import public_module
from segpost._core.sampling import GRIDS
from segpost.runtimes.c_table import ArgmaxOptions, CArray, CLetterbox, CrfOptions, address, call
from segpost.runtimes.c_table import describe as describe_array

NAN_RULES = ("raise", "propagate")
CONFIDENCE_MODES = ("exact", "fast")
QUALITIES = ("default", "fast", "high", "exact")
NO_THRESHOLD = 0.0  # a saved graph has a value of every attribute


class _Operator(openvino.Op):  # type: ignore[misc,unused-ignore]
    """An operator whose attributes are a dictionary, with the defaults of its class."""

    defaults: ClassVar[dict[str, Any]] = {}
    title: ClassVar[str] = ""

    def __init__(self, *inputs: Any, **attributes: Any) -> None:
        super().__init__(self)
        unknown = sorted(set(attributes) - set(self.defaults))
        if unknown:
            names = ", ".join(self.defaults) or "none"
            raise TypeError(
                f"segpost.{self.title}: attribute {unknown[0]} is unknown; there are {names}"
            )
        self.attributes = {**self.defaults, **attributes}
        if inputs:
            self.set_arguments([_as_output(value) for value in inputs])
            self.constructor_validate_and_infer_types()

    def visit_attributes(self, visitor: Any) -> bool:
        """Save or restore the attributes."""
        texts = {name: _as_saved(value) for name, value in self.attributes.items()}
        visitor.on_attributes(texts)  # which replaces values when a model is read or copied
        for name, default in self.defaults.items():
            is_list = isinstance(default, list)
            self.attributes[name] = json.loads(texts[name]) if is_list else texts[name]
        return True

    def clone_with_new_inputs(self, inputs: Sequence[Any]) -> _Operator:
        """Return the same operator of other inputs."""
        return type(self)(*inputs, **self.attributes)

    def has_evaluate(self) -> bool:
        """Whether `evaluate` is there."""
        return True

    def evaluate(self, outputs: Sequence[Any], inputs: Sequence[Any]) -> bool:
        """Compute the outputs; an error begins with the operator's name."""
        try:
            self._compute(inputs, outputs)
        except ValueError as error:
            raise ValueError(f"segpost.{self.title}: {error}") from None
        return True

    def _compute(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        raise NotImplementedError

    def _check_rank(self, index: int, name: str, rank: int) -> PartialShape:
        """Return the shape of an input; another number of dimensions is an error."""
        shape = self.get_input_partial_shape(index)
        if shape.rank.is_dynamic:
            return PartialShape([-1] * rank)
        if shape.rank.get_length() != rank:
            raise ValueError(
                f"segpost.{self.title}: {name} must have {rank} dimensions, got {shape}"
            )
        return shape


def _as_saved(value: Any) -> Any:
    """Return an attribute as a graph saves it: a list is a text."""
    return json.dumps(list(value)) if isinstance(value, (list, tuple, np.ndarray)) else value


def _as_output(value: Any) -> Any:
    return value if isinstance(value, openvino.Output) else value.output(0)


def _describe(tensor: Any) -> CArray:
    """Return the memory of a tensor as the functions of C take it."""
    dtype = "bfloat16" if tensor.element_type == Type.bf16 else ""
    return describe_array(tensor.data, dtype)


def _write(output: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the memory of an output of a shape."""
    output.shape = openvino.Shape(shape)
    array: np.ndarray[Any, Any] = output.data
    return array


def _read_palette(tensor: Any) -> np.ndarray[Any, Any]:
    """Return the colors of an input, in C order."""
    colors: np.ndarray[Any, Any] = np.ascontiguousarray(tensor.data)
    if colors.dtype != np.uint8 or colors.ndim != 2 or colors.shape[1:] != (3,):
        raise ValueError(f"palette must be (K, 3) of uint8, got {colors.shape} of {colors.dtype}")
    return colors


class Argmax(_Operator):
    """Labels of logits as uint8, upsampled, and with ``confidence=True`` their probabilities.

    The inputs are logits and, optionally, size.
    """

    title = "Argmax"
    label_type: ClassVar[Any] = Type.u8
    defaults: ClassVar[dict[str, Any]] = {
        "grid": "half_pixel",
        "axis": -3,
        "threshold": NO_THRESHOLD,
        "nan": "raise",
        "quantization": [],
        "letterbox": [],
        "confidence_mode": "exact",
        "confidence": False,
    }

    def validate_and_infer_types(self) -> None:
        """Set the types and shapes of the outputs."""
        logits = self._check_rank(0, "logits", 4)
        axis = self.attributes["axis"]
        if axis not in (-3, -1):
            raise ValueError(f"segpost.{self.title}: axis must be -3 or -1, got {axis}")
        grid = (1, 2) if axis == -1 else (2, 3)
        shape = PartialShape([logits[0], *self._size(logits, grid)])
        self.set_output_type(0, self.label_type, shape)
        if self.attributes["confidence"]:
            self.set_output_type(1, Type.f32, shape)

    def _size(self, logits: PartialShape, grid: tuple[int, int]) -> list[Any]:
        """Return height and width of the result, which a constant or the letterbox says."""
        letterbox = list(self.attributes["letterbox"])
        if letterbox:
            if len(letterbox) != 8:
                raise ValueError(
                    f"segpost.{self.title}: letterbox must be 8 integers, got {len(letterbox)}"
                )
            return letterbox[:2]
        if self.get_input_size() == 1:
            return [logits[axis] for axis in grid]
        node = self.input_value(1).get_node()
        if node.get_type_name() == "Constant":
            return [int(side) for side in node.get_data()]
        return [Dimension(), Dimension()]

    def _compute(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        logits = _describe(inputs[0])
        shape = list(inputs[0].shape)
        if len(shape) != 4:
            raise ValueError(f"logits must have 4 dimensions, got {len(shape)}")
        if self.attributes["axis"] == -1:  # the C functions count channels-last by strides
            shape.insert(1, shape.pop())
            for sides in (logits.shape, logits.strides):
                first, height, width, classes = sides
                sides[:] = [first, classes, height, width]
        options, box = self._options(inputs[0].element_type)
        if self.label_type == Type.u8 and shape[1] > 256:
            raise ValueError(
                f"logits have {shape[1]} classes, and labels of uint8 hold 256: use ArgmaxInt32"
            )
        size = [int(side) for side in inputs[1].data] if len(inputs) > 1 else None
        if box and size and size != box[:2]:
            raise ValueError(f"size is {size}, but letterbox gives results of {box[:2]}")
        height, width = box[:2] or size or shape[2:]
        if size is not None and min(size) < 1:
            raise ValueError(f"size must be (H, W) of at least 1, got {size}")
        labels = describe_array(_write(outputs[0], (shape[0], height, width)))
        confidence = None
        if self.attributes["confidence"]:
            confidence = describe_array(_write(outputs[1], (shape[0], height, width)))
        call("argmax", logits, options, labels, None, confidence, None)

    def _options(self, element_type: Any) -> tuple[ArgmaxOptions, list[int]]:
        """Return the options of the attributes, and the letterbox that they point to."""
        attributes = self.attributes
        check_choice(attributes["grid"], "grid", GRIDS)
        check_choice(attributes["nan"], "nan", NAN_RULES)
        check_choice(attributes["confidence_mode"], "confidence_mode", CONFIDENCE_MODES)
        options = ArgmaxOptions(ctypes.sizeof(ArgmaxOptions))
        options.grid = GRIDS.index(attributes["grid"])
        options.nan = NAN_RULES.index(attributes["nan"])
        options.fast_confidence = CONFIDENCE_MODES.index(attributes["confidence_mode"])
        threshold = attributes["threshold"]
        if threshold != NO_THRESHOLD:
            if not 0 < threshold < 1:
                raise ValueError(f"threshold is a probability between 0 and 1, got {threshold}")
            options.has_threshold = 1
            options.threshold = math.log(threshold / (1 - threshold))
        quantization = list(attributes["quantization"])
        if quantization:
            if element_type.is_real():
                raise ValueError("quantization is for integer logits")
            if len(quantization) != 2 or not quantization[0] > 0:
                raise ValueError(f"quantization must be (scale, zero_point), got {quantization}")
            options.scale, options.zero_point = quantization
        box = [int(side) for side in attributes["letterbox"]]
        if box:
            options.letterbox = ctypes.pointer(CLetterbox((ctypes.c_int64 * 8)(*box)))
        return options, box


class ArgmaxInt32(Argmax):
    """`Argmax` with labels of int32, for any number of classes."""

    title = "ArgmaxInt32"
    label_type: ClassVar[Any] = Type.i32


class Colorize(_Operator):
    """Colors of labels; the inputs are labels and palette."""

    title = "Colorize"

    def validate_and_infer_types(self) -> None:
        """Set the type and the shape of the output."""
        labels = self._check_rank(0, "labels", 3)
        self.set_output_type(0, Type.u8, PartialShape([*labels, 3]))

    def _compute(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        colors = _read_palette(inputs[1])
        color = describe_array(_write(outputs[0], (*inputs[0].shape, 3)))
        call("colorize", _describe(inputs[0]), address(colors), len(colors), color)


class Overlay(_Operator):
    """Colors over an image; the inputs are image, labels, palette and, optionally, alpha."""

    title = "Overlay"
    defaults: ClassVar[dict[str, Any]] = {"contour": 0}

    def validate_and_infer_types(self) -> None:
        """Set the type and the shape of the output."""
        self.set_output_type(0, Type.u8, self._check_rank(0, "image", 4))

    def _compute(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        image, labels = map(_describe, inputs[:2])
        colors = _read_palette(inputs[2])
        weights = np.array([0.5]) if len(inputs) < 4 else inputs[3].data.astype(np.float64)
        blended = describe_array(_write(outputs[0], tuple(inputs[0].shape)))
        places = address(colors), len(colors), address(weights), len(weights)
        call("overlay", image, labels, *places, int(self.attributes["contour"]), blended)


class ConfusionMatrix(_Operator):
    """Counts of pairs of labels; the inputs are preds and target."""

    title = "ConfusionMatrix"
    defaults: ClassVar[dict[str, Any]] = {"num_classes": 0, "ignore_index": []}

    def validate_and_infer_types(self) -> None:
        """Set the type and the shape of the output."""
        classes = self.attributes["num_classes"]
        if classes < 1:
            raise ValueError(f"segpost.{self.title}: num_classes is missing")
        self.set_output_type(0, Type.i64, PartialShape([classes, classes]))

    def _compute(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        classes = int(self.attributes["num_classes"])
        ignored = np.unique(np.asarray(self.attributes["ignore_index"], np.int64))
        counts = np.zeros((classes + 2, classes + 1), np.int64)
        arguments = classes, address(ignored), len(ignored), address(counts)
        call("confusion_matrix", *map(_describe, inputs), *arguments)
        rows, columns = int(counts[-1].sum()), int(counts[:classes, classes].sum())
        for name, bad in (("target", rows), ("preds", columns)):
            if bad:
                raise ValueError(f"{name} has {bad} labels outside 0..{classes - 1}")
        _write(outputs[0], (classes, classes))[...] = counts[:classes, :classes]


PRESET = -1.0  # of a number: that of the preset
TERMS = (
    "gaussian_sigma",
    "gaussian_weight",
    "bilateral_sigma",
    "bilateral_rgb",
    "bilateral_weight",
)
PRESETS = {
    "pydensecrf": dict(zip(TERMS, (3.0, 3.0, 80.0, 13.0, 10.0), strict=True)),
    "deeplab": dict(zip(TERMS, (1.0, 3.0, 67.0, 3.0, 4.0), strict=True)),
}


class DenseCRF(_Operator):
    """Refined probabilities; the inputs are probabilities and image."""

    title = "DenseCRF"
    defaults: ClassVar[dict[str, Any]] = {
        "preset": "pydensecrf",
        "iterations": 10,
        "quality": "default",
        **dict.fromkeys(TERMS, PRESET),
    }

    def validate_and_infer_types(self) -> None:
        """Set the type and the shape of the output."""
        self.set_output_type(0, Type.f32, self._check_rank(0, "probabilities", 4))

    def _compute(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        probabilities, image = (tensor.data for tensor in inputs)
        if len(image) != len(probabilities):
            raise ValueError(f"image has {len(image)} images, probabilities {len(probabilities)}")
        refined = _write(outputs[0], probabilities.shape)
        options = self._options()
        for one in zip(probabilities, image, refined, strict=True):
            start, guide, result = map(describe_array, one)
            call("dense_crf", start, guide, options, result)

    def _options(self) -> CrfOptions:
        """Return the options of the attributes."""
        attributes = self.attributes
        check_choice(attributes["preset"], "preset", tuple(PRESETS))
        check_choice(attributes["quality"], "quality", QUALITIES)
        options = CrfOptions(ctypes.sizeof(CrfOptions))
        options.quality = QUALITIES.index(attributes["quality"])
        options.iterations = int(attributes["iterations"])
        if options.iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {options.iterations}")
        for name, value in PRESETS[attributes["preset"]].items():
            number = float(value if attributes[name] == PRESET else attributes[name])
            if number < 0 or (number == 0 and "weight" not in name):
                raise ValueError(f"{name} must be positive, got {number}")
            setattr(options, name, number or -1.0)  # of C: below 0 is no such term
        return options


OPERATORS = (Argmax, ArgmaxInt32, Colorize, Overlay, ConfusionMatrix, DenseCRF)

__all__ = [
    "OPERATORS",
    "Argmax",
    "ArgmaxInt32",
    "Colorize",
    "ConfusionMatrix",
    "DenseCRF",
    "Overlay",
]

public_module(__name__)
