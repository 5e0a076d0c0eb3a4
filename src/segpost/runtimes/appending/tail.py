"""The tail of a model: what stands between its low-resolution logits and its output."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.runtimes.appending.steps import ROUNDING, OwnSize, Step, refuse
from segpost.runtimes.graph import Operator

SOFT = ("softmax", "sigmoid")
TAIL_KINDS = (*SOFT, "argmax", "compare", "transpose", "pass")
LABELS_CURE = "make the logits before it an output, and append to that one with output="


@dataclass(frozen=True)
class Tail:
    """What stands between a model's low-resolution logits and its output."""

    output: str  # the name of the output
    index: int  # its place among the outputs
    head: Any  # the logits, in the terms of the file format
    head_name: str
    shape: tuple[int | None, ...]  # of the logits; None where a side is not fixed
    dtype: str  # of the logits
    operators: tuple[Operator, ...]  # from the output back to the resize
    steps: tuple[Step, ...]  # from the resize on
    class_axis: int  # of the logits: -3 or -1
    kind: str  # of the output: "logits", "probabilities" or "labels"
    layout: tuple[str, ...]  # the axes of the output: N, C, H, W, and 1
    threshold: float | None  # of a one-channel head that the model compares with a limit
    maker: str  # the operator that makes the logits
    has_probabilities: bool  # the logits are probabilities: a softmax stands before the resize
    is_sigmoid: bool  # the output is, or is made of, sigmoids
    rounding: float = 2.0**-24  # of the coarsest floats
    step: float = 0.0  # of the coarsest quantization behind the logits
    last_level: float = math.inf  # the largest value that all quantizations hold
    others: tuple[str, ...] = ()  # further outputs, which stay
    own: OwnSize | None = None  # None without a resize

    @property
    def resize(self) -> Step | None:
        """The resize, if there is one."""
        return self.steps[0] if self.steps and self.steps[0].kind == "resize" else None

    @property
    def classes(self) -> int | None:
        """The number of classes; None where the file does not say it."""
        return self.shape[self.class_axis]

    @property
    def spatial(self) -> tuple[int, int]:
        """The axes of height and width of the logits."""
        return (2, 3) if self.class_axis == -3 else (1, 2)

    def labels_of(self, output: Array, threshold: float | None) -> Array:
        """Return the labels (N, H, W) that the output of the unchanged model means."""
        layout = list(self.layout)
        values = np.asarray(output)
        for position in reversed(range(len(layout))):
            if layout[position] == "1":
                values = values.reshape(values.shape[:position] + values.shape[position + 1 :])
                del layout[position]
        for axis in "NC":
            if axis not in layout and not (axis == "C" and self.kind == "labels"):
                values, layout = values[None], [axis, *layout]
        wanted = "NHW" if self.kind == "labels" else "NCHW"
        values = values.transpose([layout.index(axis) for axis in wanted])
        if self.kind == "labels":
            return values
        if threshold is None:
            return np.asarray(values.argmax(1))
        if self.kind == "probabilities":
            return (values[:, 0] > threshold).astype(np.uint8)
        with np.errstate(over="ignore"):
            chances = 1 / (1 + np.exp(-values[:, 0].astype(np.float64)))
        return (chances > threshold).astype(np.uint8)


def find_tail(operators: Sequence[Operator]) -> int:
    """Return the position of the last operator of the tail, from the output on; -1 if none.

    It is the first resize before the output. Without one it is what the tail begins with.
    """
    for position, operator in enumerate(operators):
        if operator.kind == "resize":
            return position
    position = -1
    for place, operator in enumerate(operators):
        if operator.kind not in TAIL_KINDS:
            break
        if operator.kind != "pass":
            position = place
    return position


def understand(
    operators: Sequence[Operator],
    read_step: Callable[[Operator], Step],
    shape: tuple[int | None, ...],
    **fields: Any,
) -> Tail:
    """Return the tail of operators from the output back to the resize, or refuse one of them.

    Parameters
    ----------
    operators : sequence of Operator
        From the output on, as far as they were followed.
    read_step : callable
        Describes one strictly, or raises a ValueError with the name of its node.
    shape : tuple
        That of the logits.
    **fields
        Of the `Tail`, which the file format knows.

    Raises
    ------
    ValueError
        For an operator that segpost cannot repeat; it has the name of the node, and the cure.
    """
    last = find_tail(operators)
    steps = tuple(read_step(operator) for operator in reversed(operators[: last + 1]))
    before = operators[last + 1 :]
    if len(shape) != 4:
        raise ValueError(
            f"the logits {fields['head_name']!r} have shape {shape}, and segpost's operator takes "
            "images (N, C, h, w); volumes are not appended to: use segpost.postprocess"
        )
    class_axis = -3
    if steps and steps[0].kind == "resize":
        resized = sorted(axis % 4 for axis in steps[0].axes)
        class_axis = -3 if resized == [2, 3] else -1 if resized == [1, 2] else 0
        if not class_axis:
            refuse(
                steps[0].name,
                f"resizes the axes {steps[0].axes} of (N, C, h, w) or (N, h, w, C)",
                "export it with a resize of height and width alone",
            )
    is_one_channel = shape[class_axis] == 1
    walk = _Walk(list("NCHW" if class_axis == -3 else "NHWC"), is_one_channel)
    for step in steps:
        walk.pass_step(step)
    if walk.threshold is not None and not is_one_channel:
        name = next(step.name for step in steps if step.kind == "greater")
        refuse(
            name,
            f"compares {shape[class_axis]} channels with a limit, so they are masks that overlap",
            "make the logits an output, and use segpost.binarize",
        )
    if walk.is_sigmoid and not is_one_channel and walk.kind != "labels":
        name = next(step.name for step in steps if step.kind == "sigmoid")
        refuse(
            name,
            f"makes {shape[class_axis]} masks that overlap, which are no label map",
            "make the logits an output, and use segpost.binarize",
        )
    return Tail(
        shape=shape,
        operators=tuple(operators[: last + 1]),
        steps=steps,
        class_axis=class_axis,
        kind=walk.kind,
        layout=tuple(walk.layout),
        threshold=walk.threshold,
        has_probabilities=_has_soft(before),
        is_sigmoid=walk.is_sigmoid,
        rounding=max(walk.rounding, ROUNDING.get(fields["dtype"], 0.0)),
        step=walk.step,
        last_level=walk.last_level,
        **fields,
    )


def _has_soft(operators: Sequence[Operator]) -> bool:
    """Return whether probabilities are made directly before the tail."""
    for operator in operators:
        if operator.kind in SOFT:
            return True
        if operator.kind not in ("pass", "transpose"):
            break
    return False


class _Walk:
    """The axes and the kind of the values, step after step."""

    def __init__(self, layout: list[str], is_one_channel: bool) -> None:
        self.layout, self.is_one_channel = layout, is_one_channel
        self.kind = "logits"
        self.threshold: float | None = None
        self.is_sigmoid = False
        self.rounding = 2.0**-24
        self.step = 0.0
        self.last_level = math.inf

    def pass_step(self, step: Step) -> None:
        """Take one step towards the output."""
        getattr(self, f"_{step.kind}")(step)

    def _at(self, step: Step, axis: int) -> int:
        """Return an axis from the front, which must be there."""
        rank = len(self.layout)
        if not -rank <= axis < rank:
            refuse(step.name, f"works on axis {axis} of {rank}", "export the model anew")
        return axis % rank

    def _resize(self, step: Step) -> None:
        pass

    def _keep(self, step: Step) -> None:
        pass

    def _transpose(self, step: Step) -> None:
        if sorted(step.order) != list(range(len(self.layout))):
            refuse(step.name, f"has the order {step.order}", "export the model anew")
        self.layout = [self.layout[axis] for axis in step.order]

    def _check_class_axis(self, step: Step) -> int:
        axis = self._at(step, step.axes[0])
        if self.layout[axis] != "C":
            refuse(
                step.name,
                f"works along axis {step.axes[0]} of ({', '.join(self.layout)}), which is not the "
                "class axis",
                "export it along the class axis",
            )
        return axis

    def _softmax(self, step: Step) -> None:
        self._check_class_axis(step)
        self._refuse_labels(step, "computes with class ids")
        self.kind = "probabilities"

    def _sigmoid(self, step: Step) -> None:
        self._refuse_labels(step, "computes with class ids")
        self.kind, self.is_sigmoid = "probabilities", True

    def _argmax(self, step: Step) -> None:
        axis = self._check_class_axis(step)
        self.kind = "labels"
        if step.keeps_axis:
            self.layout[axis] = "1"
        else:
            del self.layout[axis]

    def _greater(self, step: Step) -> None:
        self._refuse_labels(step, "compares class ids")
        if self.kind == "logits":
            if step.number != 0:
                refuse(
                    step.name,
                    f"compares logits with {step.number:g}, whose probability is rounded",
                    "export a comparison with 0, or of the sigmoid with the threshold",
                )
            self.threshold = 0.5
        else:
            self.threshold = step.number
        self.kind = "labels"
        self.layout = ["1" if axis == "C" else axis for axis in self.layout]

    def _squeeze(self, step: Step) -> None:
        places = sorted((self._at(step, axis) for axis in step.axes), reverse=True)
        for place in places:
            axis = self.layout[place]
            if axis in "HW" or (axis == "C" and not self.is_one_channel):
                refuse(step.name, f"removes the axis {axis}", LABELS_CURE)
            del self.layout[place]

    def _unsqueeze(self, step: Step) -> None:
        rank = len(self.layout) + len(step.axes)
        for place in sorted(axis % rank for axis in step.axes):
            self.layout.insert(place, "1")

    def _cast(self, step: Step) -> None:
        if self.kind != "labels":
            if step.dtype not in ROUNDING:
                refuse(step.name, f"makes {step.dtype} of logits", LABELS_CURE)
            self.rounding = max(self.rounding, ROUNDING[step.dtype])
        elif step.dtype in ("bool", "int4", "uint4"):
            refuse(step.name, f"makes {step.dtype} of class ids, which then differ", LABELS_CURE)

    def _round(self, step: Step) -> None:
        self._refuse_labels(step, "quantizes class ids")
        self.step = max(self.step, step.number)
        self.last_level = min(self.last_level, step.last_level)

    def _refuse_labels(self, step: Step, reason: str) -> None:
        if self.kind == "labels":
            refuse(step.name, reason, LABELS_CURE)
