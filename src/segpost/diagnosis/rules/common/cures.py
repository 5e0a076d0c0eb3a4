"""Code for cures, in the names of the arguments of `diagnose`, for the layouts that were passed."""

from __future__ import annotations

from segpost.diagnosis.class_maps import TRAIN_IDS
from segpost.diagnosis.context import DiagnosticContext


def array_code(context: DiagnosticContext, name: str) -> str:
    """Return code for an argument as a NumPy array."""
    return f"np.asarray({name})" if name in context.inputs.foreign else name


def labels_code(context: DiagnosticContext) -> str:
    """Return code for the prediction that rules compare, as labels at target size."""
    inputs = context.inputs
    if inputs.labels is not None:
        return array_code(context, "labels")
    if inputs.logits is not None:
        return argmax_code(context, grid=inputs.grid)
    return "segpost.labels_from_colors(color, palette)"


def argmax_code(
    context: DiagnosticContext,
    *,
    size: str | None = None,
    grid: str | None = None,
    letterbox: str | None = None,
) -> str:
    """Return code for the labels of the logits at the size of the target, image or labels.

    An empty `size` leaves the logits as large as they are.
    """
    inputs = context.inputs
    options = ["logits"]
    if inputs.class_axis != -3:
        options.append(f"axis={inputs.class_axis}")
    if letterbox is None and inputs.letterbox is not None:
        letterbox = "letterbox"
    if letterbox is not None:
        options.append(f"letterbox={letterbox}")
    elif size != "":
        options.append(f"size={size or size_code(context)}")
    if grid is not None:
        options.append(f"grid={grid!r}")
    is_one_channel = inputs.logits is not None and inputs.logits.values.shape[1] == 1
    if is_one_channel:
        threshold = 0.5 if inputs.threshold is None else inputs.threshold
        options.append(f"threshold={threshold}")
        if context.has_raw_threshold:
            options.append("quantization=(scale, zero_point)")
        elif inputs.quantization is not None:
            options.append(f"quantization={inputs.quantization}")
        return f"segpost.postprocess({', '.join(options)}).labels"
    return f"segpost.argmax({', '.join(options)})"


def size_code(context: DiagnosticContext) -> str:
    """Return code for the (height, width) that the labels should have."""
    inputs = context.inputs
    if inputs.target is not None and inputs.target_colors is None:
        return f"{array_code(context, 'target')}.shape[-2:]"
    if inputs.image is not None:
        return f"{array_code(context, 'image')}.shape[-3:-1]"
    if inputs.labels is not None:
        shape = inputs.labels.shape[1:]
        if (
            inputs.logits is not None and shape == context.logits_size[:0:-1]
        ):  # height and width are exchanged
            shape = shape[::-1]
        return f"({shape[0]}, {shape[1]})"
    return "size"


def is_batched(context: DiagnosticContext) -> bool:
    """Return whether the labels of `labels_code` have a batch axis."""
    shapes = context.inputs.shapes
    if "labels" in shapes:
        return len(shapes["labels"]) == 3
    if "logits" in shapes:
        return len(shapes["logits"]) == 4
    return len(shapes.get("color", ())) == 4


def table_code(order: dict[int, int], largest: int) -> str:
    """Return code for a table of ids 0 to `largest`, of which some change."""
    return f"np.array({[order.get(label, label) for label in range(largest + 1)]})"


def train_ids_code(context: DiagnosticContext, name: str) -> str:
    """Return code that maps Cityscapes' labelIds to trainIds, and what has none to 255."""
    table = [TRAIN_IDS.get(label, 255) for label in range(34)]
    code = array_code(context, name)
    return f"{name} = np.append({table}, 255)[np.where({code} == 255, -1, {code})]"
