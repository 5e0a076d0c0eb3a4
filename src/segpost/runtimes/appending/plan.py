"""What is made of a tail and the options: sizes, grid, types, for every file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from segpost.runtimes.appending.options import AppendOptions
from segpost.runtimes.appending.steps import refuse
from segpost.runtimes.appending.tail import Tail
from segpost.spatial.letterbox import Letterbox

LARGEST_UINT8 = 256  # classes


@dataclass(frozen=True)
class Plan:
    """The labels that are appended, with the names in the new graph."""

    grid: str
    threshold: float | None
    label_dtype: str
    batch: int | None
    height: int | None  # None where the graph computes it
    width: int | None
    source: tuple[str, tuple[int, int]]  # the input that size="input" is of, and its axes
    outputs: tuple[str, ...] = ()
    image: str = ""  # the input that the overlay is drawn on

    def with_names(self, outputs: tuple[str, ...], image: str) -> Plan:
        """Return the plan with the names of the new outputs and of the new input."""
        return replace(self, outputs=outputs, image=image)

    def describe(self, word: str) -> tuple[str, list[int | str]]:
        """Return the element type and the shape of a result."""
        sides: list[int | str] = [self.batch or "N", self.height or "H", self.width or "W"]
        if word == "labels":
            return self.label_dtype, sides
        if word == "confidence":
            return "float32", sides
        return "uint8", [*sides, 3]


def letterbox_sides(box: Letterbox) -> list[int]:
    """Return a letterbox as the 8 integers of the operators' attribute."""
    return [*box.image_size, *box.input_size, *box.content_size, *box.offset]


def make_plan(
    tail: Tail, options: AppendOptions, inputs: Mapping[str, tuple[int | None, ...]]
) -> Plan:
    """Return the plan of a tail and options, or say what is missing.

    Parameters
    ----------
    tail : Tail
    options : AppendOptions
    inputs : dict
        The shapes of the model's inputs, by name.

    Raises
    ------
    ValueError
        With the argument, and the cure.
    """
    if tail.classes is None:
        raise ValueError(
            f"the number of classes is not known: the logits {tail.head_name!r} have shape "
            f"{tail.shape}; export the model with a fixed number of channels"
        )
    _check_confidence(tail, options)
    threshold = _threshold(tail, options)
    height, width, source = _size(tail, options, inputs)
    if options.palette is not None:
        classes = 2 if threshold is not None else tail.classes
        if len(options.palette) < classes:
            raise ValueError(
                f"palette has {len(options.palette)} colors, and the model has {classes} classes: "
                "pass a palette with a color for each"
            )
    return Plan(
        grid=_grid(tail, options),
        threshold=threshold,
        label_dtype="uint8" if tail.classes <= LARGEST_UINT8 else "int32",
        batch=tail.shape[0],
        height=height,
        width=width,
        source=source,
    )


def _check_confidence(tail: Tail, options: AppendOptions) -> None:
    if "confidence" not in options.want:
        return
    if tail.has_probabilities:
        raise ValueError(
            f"the model resizes probabilities {tail.head_name!r}, of which confidence would be a "
            "softmax of a softmax; leave confidence out of want, or export the logits"
        )
    if tail.is_sigmoid and tail.classes != 1:
        raise ValueError(
            f"the model makes sigmoids of {tail.classes} channels, and confidence is a softmax of "
            "them; leave confidence out of want"
        )


def _threshold(tail: Tail, options: AppendOptions) -> float | None:
    """Return the threshold of a one-channel head."""
    if tail.classes != 1:
        if options.threshold is not None:
            raise ValueError(
                f"threshold is for heads of one channel, and {tail.head_name!r} has "
                f"{tail.classes}: leave threshold out"
            )
        return None
    if tail.has_probabilities:
        raise ValueError(
            f"the model resizes probabilities {tail.head_name!r} of one channel, which are no "
            "logits; make the logits before the sigmoid an output, and pass output="
        )
    if tail.threshold is not None:
        if options.threshold not in (None, tail.threshold):
            raise ValueError(
                f"threshold is {options.threshold:g}, and the model compares with "
                f"{tail.threshold:g}: leave threshold out"
            )
        return tail.threshold
    if tail.kind == "labels":
        raise ValueError(
            f"the logits {tail.head_name!r} have one channel, whose argmax is 0 everywhere; make "
            "them an output, and pass output= and threshold=0.5"
        )
    if options.threshold is None:
        raise ValueError(
            f"the logits {tail.head_name!r} have one channel, whose label is 1 above a threshold: "
            "pass threshold=0.5"
        )
    return options.threshold


def _grid(tail: Tail, options: AppendOptions) -> str:
    resize = tail.resize
    if resize is not None:
        if options.grid not in (None, resize.grid):
            refuse(
                resize.name,
                f"resizes on the grid {resize.grid!r}, and grid is {options.grid!r}",
                "leave grid out",
            )
        return resize.grid
    if options.grid is not None:
        return options.grid
    if options.size == "logits":
        return "half_pixel"
    raise ValueError(
        f"the model does not resize {_logits(tail)}, so the grid of its network is not known: "
        'pass grid="half_pixel" (torch\'s align_corners=False), "align_corners" or "asymmetric"'
    )


def _logits(tail: Tail) -> str:
    """Return the name of the logits, and of the operator that makes them."""
    return f"{tail.head_name!r}{f', which {tail.maker} makes' if tail.maker else ''}"


def _size(
    tail: Tail, options: AppendOptions, inputs: Mapping[str, tuple[int | None, ...]]
) -> tuple[int | None, int | None, tuple[str, tuple[int, int]]]:
    """Return height and width where they are fixed, and the input that they are else those of."""
    size, nowhere = options.size, ("", (2, 3))
    if isinstance(size, tuple):
        return *size, nowhere
    if size == "image":
        return None, None, nowhere
    if size == "logits":
        height, width = tail.spatial
        return tail.shape[height], tail.shape[width], nowhere
    if size == "input":
        images = {name: shape for name, shape in inputs.items() if len(shape) == 4}
        if len(images) != 1:
            raise ValueError(
                f'size="input" is that of the only input with four dimensions, and the model has '
                f"{len(images)}: pass size=(H, W)"
            )
        ((name, shape),) = images.items()
        axes = (1, 2) if shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4) else (2, 3)
        return shape[axes[0]], shape[axes[1]], (name, axes)
    if tail.own is None:
        raise ValueError(
            f'the model does not resize {_logits(tail)}: pass size=(H, W), or "input" for '
            'that of its input, with grid=, or size="logits" for labels of the size of the logits'
        )
    sides = tail.own.sides
    return (None, None, nowhere) if sides is None else (*sides, nowhere)
