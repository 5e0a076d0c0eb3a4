"""The operators of segpost for OpenVINO, in Python: a graph that ends in labels, without a compiler.

Importing this module imports openvino; segpost itself never does. The reference's page "Operators"
defines inputs, outputs and attributes. `OPERATORS` are the classes for ``Core.add_extension``; a
saved model needs them before it is read. Each call takes the interpreter's lock.

Examples
--------
>>> import openvino, segpost  # doctest: +SKIP
>>> from segpost.runtimes.openvino_operators import OPERATORS, Argmax  # doctest: +SKIP
>>> core = openvino.Core()  # doctest: +SKIP
>>> for operator in OPERATORS:  # doctest: +SKIP
...     core.add_extension(operator)
>>> size = openvino.opset13.constant([1024, 2048], dtype="i64")  # doctest: +SKIP
>>> labels = Argmax(logits, size).output(0)  # doctest: +SKIP
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import openvino
from openvino import Dimension, PartialShape, Type

import segpost
from segpost._core.public import public_module
from segpost.spatial.letterbox import Letterbox

NO_THRESHOLD = 0.0  # a saved graph has a value of every attribute


class _Operator(openvino.Op):  # type: ignore[misc]
    """An operator whose attributes are a dictionary, with the defaults of its class."""

    defaults: ClassVar[dict[str, Any]] = {}
    title: ClassVar[str] = ""

    def __init__(self, *inputs: Any, **attributes: Any) -> None:
        super().__init__(self)
        unknown = sorted(set(attributes) - set(self.defaults))
        if unknown:
            known = ", ".join(self.defaults) or "none"
            raise TypeError(
                f"segpost.{self.title}: attribute {unknown[0]} is unknown; there are {known}"
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
            self._compute([_as_array(tensor) for tensor in inputs], outputs)
        except (ValueError, TypeError) as error:
            raise type(error)(f"segpost.{self.title}: {error}") from None
        return True

    def _compute(self, arrays: list[np.ndarray[Any, Any]], outputs: Sequence[Any]) -> None:
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


def _as_array(tensor: Any) -> np.ndarray[Any, Any]:
    """Return the memory of a tensor as an array; bfloat16, which NumPy lacks, as float32."""
    if tensor.element_type == Type.bf16:
        bits = np.asarray(tensor.data).view(np.uint16).astype(np.uint32) << 16
        array: np.ndarray[Any, Any] = bits.view(np.float32).reshape(tensor.shape)
        return array
    return np.asarray(tensor.data)


def _write(output: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return the memory of an output of a shape."""
    output.shape = openvino.Shape(shape)
    array: np.ndarray[Any, Any] = output.data
    return array


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

    def _compute(self, arrays: list[np.ndarray[Any, Any]], outputs: Sequence[Any]) -> None:
        settings: Any = {name: self.attributes[name] for name in ("grid", "axis", "nan")}
        if len(arrays) > 1:
            settings["size"] = tuple(int(side) for side in arrays[1])
        box = list(self.attributes["letterbox"])
        if box:
            pairs = [(box[i], box[i + 1]) for i in range(0, 8, 2)]
            settings["letterbox"] = Letterbox(*pairs)
        logits, threshold = arrays[0], self.attributes["threshold"]
        has_confidence = bool(self.attributes["confidence"])
        classes = logits.shape[settings["axis"]]
        if self.label_type == Type.u8 and classes > 256:
            raise ValueError(
                f"logits have {classes} classes, and labels of uint8 hold 256: use ArgmaxInt32"
            )
        if has_confidence or threshold != NO_THRESHOLD:
            result: Any = segpost.postprocess(
                logits,
                threshold=None if threshold == NO_THRESHOLD else threshold,
                quantization=tuple(self.attributes["quantization"]) or None,
                confidence_mode=self.attributes["confidence_mode"],
                want=("labels", "confidence") if has_confidence else ("labels",),
                **settings,
            )
            _write(outputs[0], result.labels.shape)[...] = result.labels
            if has_confidence:
                _write(outputs[1], result.confidence.shape)[...] = result.confidence
            return
        box_size = settings["letterbox"].image_size if "letterbox" in settings else None
        grid = logits.shape[1:3] if settings["axis"] == -1 else logits.shape[2:]
        size = settings.get("size") or box_size or grid
        labels = _write(outputs[0], (logits.shape[0], *size))
        if self.label_type == Type.i32 and classes <= 256:
            labels[...] = segpost.argmax(logits, **settings)
        else:
            segpost.argmax(logits, out=labels, **settings)


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

    def _compute(self, arrays: list[np.ndarray[Any, Any]], outputs: Sequence[Any]) -> None:
        labels, palette = arrays
        out = _write(outputs[0], (*labels.shape, 3))
        segpost.colorize(labels, segpost.Palette(palette), out=out)


class Overlay(_Operator):
    """Colors over an image; the inputs are image, labels, palette and, optionally, alpha."""

    title = "Overlay"
    defaults: ClassVar[dict[str, Any]] = {"contour": 0}

    def validate_and_infer_types(self) -> None:
        """Set the type and the shape of the output."""
        self.set_output_type(0, Type.u8, self._check_rank(0, "image", 4))

    def _compute(self, arrays: list[np.ndarray[Any, Any]], outputs: Sequence[Any]) -> None:
        image, labels, palette = arrays[:3]
        weights = [float(weight) for weight in arrays[3]] if len(arrays) > 3 else [0.5]
        alpha: Any = weights[0] if len(weights) == 1 else weights
        out = _write(outputs[0], image.shape)
        contour = self.attributes["contour"]
        colors = segpost.Palette(palette)
        segpost.overlay(image, labels, colors, alpha=alpha, contour=contour, out=out)


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

    def _compute(self, arrays: list[np.ndarray[Any, Any]], outputs: Sequence[Any]) -> None:
        preds, target = arrays
        matrix = segpost.confusion_matrix(preds=preds, target=target, **self.attributes)
        _write(outputs[0], matrix.shape)[...] = matrix


PRESET = -1.0  # of a number: that of the preset


class DenseCRF(_Operator):
    """Refined probabilities; the inputs are probabilities and image."""

    title = "DenseCRF"
    defaults: ClassVar[dict[str, Any]] = {
        "preset": "pydensecrf",
        "iterations": 10,
        "quality": "default",
        "gaussian_sigma": PRESET,
        "gaussian_weight": PRESET,
        "bilateral_sigma": PRESET,
        "bilateral_rgb": PRESET,
        "bilateral_weight": PRESET,
    }

    def validate_and_infer_types(self) -> None:
        """Set the type and the shape of the output."""
        self.set_output_type(0, Type.f32, self._check_rank(0, "probabilities", 4))

    def _compute(self, arrays: list[np.ndarray[Any, Any]], outputs: Sequence[Any]) -> None:
        probabilities, image = arrays
        refined: Any = self._crf()(probabilities, image)
        _write(outputs[0], refined.shape)[...] = refined

    def _crf(self) -> segpost.DenseCRF:
        preset = segpost.DenseCRF.preset(self.attributes["preset"])
        gaussian = self._term(preset.gaussian[0], sigma="gaussian_sigma", weight="gaussian_weight")
        bilateral = self._term(
            preset.bilateral[0],
            sigma_xy="bilateral_sigma",
            sigma_rgb="bilateral_rgb",
            weight="bilateral_weight",
        )
        quality = self.attributes["quality"]
        how: Any = {"method": "exact"} if quality == "exact" else {"quality": quality}
        how["iterations"] = self.attributes["iterations"]
        return segpost.DenseCRF(gaussian=gaussian, bilateral=bilateral, **how)

    def _term(self, preset: Any, **names: str) -> dict[str, float] | None:
        """Return a term of the attributes of these names; None where its weight is 0."""
        values = {field: self.attributes[name] for field, name in names.items()}
        term = {k: preset[k] if value == PRESET else value for k, value in values.items()}
        return term if term["weight"] else None


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
