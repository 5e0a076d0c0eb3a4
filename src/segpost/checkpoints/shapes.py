"""Tensors of the same name and another shape: axes, classes, sizes of the input, architecture."""

from __future__ import annotations

import math
import re

from segpost.checkpoints.matching import format_names
from segpost.checkpoints.recipe import Context, Explanation

MAX_HEAD_SHARE = 0.35  # of the tensors that belong to a head; more are another network
POSITIONS = re.compile(
    r"(^|[./])(\w*pos\w*_embed\w*|position_embeddings?|relative_position_bias_table|rel_pos_[hw]"
    r"|relative_position_index|relative_coords_table|attn_mask|pe)($|[./])"
)
KERNEL = re.compile(r"(weight|kernel|vars/0)$")
# The order of axes that gives torch's of a kernel of TensorFlow, and the reverse.
FROM_LAST = {5: (4, 3, 0, 1, 2), 4: (3, 2, 0, 1), 3: (2, 1, 0), 2: (1, 0)}
FROM_FIRST = {5: (2, 3, 4, 1, 0), 4: (2, 3, 1, 0), 3: (2, 1, 0), 2: (1, 0)}

Shape = tuple[int, ...]


def explain_shapes(context: Context, names: tuple[str, ...]) -> list[Explanation]:
    """Return why tensors have another shape: order of axes, input size, head, or network."""
    pairs = {n: (context.source_of(n).shape, context.target_of(n).shape) for n in names}
    positions = {n: p for n, p in pairs.items() if POSITIONS.search(n)}
    rest = {n: p for n, p in pairs.items() if n not in positions}
    results = []
    if rest:
        results.append(_describe_rest(context, rest))
    if positions:
        results.append(_describe_positions(positions))
    return results


def _evidence(pairs: dict[str, tuple[Shape, Shape]]) -> dict[str, object]:
    return {
        "tensors": len(pairs),
        "shapes": format_names([f"{n}: {a} beside {b}" for n, (a, b) in pairs.items()]),
    }


def _describe_positions(pairs: dict[str, tuple[Shape, Shape]]) -> Explanation:
    """Return the explanation of tables of positions of another length."""
    sizes = [
        f"{_side(a)} x {_side(a)} beside {_side(b)} x {_side(b)}"
        for a, b in pairs.values()
        if _side(a) and _side(b)
    ]
    return Explanation(
        frozenset(pairs),
        "another-input-size",
        "likely",
        f"{len(pairs)} tables of positions have another length"
        + (f" ({sizes[0]} positions)" if sizes else "")
        + ": the network is the same, built for another image or window size. Build it for the "
        "size that was saved, or interpolate the tables.",
        _evidence(pairs),
        format_names([*pairs]),
        has_cure=False,
    )


def _side(shape: Shape) -> int:
    """Return the side of the square of positions of a table; 0 where it is none."""
    for n in shape:
        for count in (n, n - 1):  # a class token comes before the positions
            side = math.isqrt(max(count, 0))
            if side > 2 and side * side == count:
                return side
    return 0


def _describe_rest(context: Context, pairs: dict[str, tuple[Shape, Shape]]) -> Explanation:
    """Return the explanation of other shapes of weights."""
    class_counts = {_class_counts(a, b, is_keras="/" in n) for n, (a, b) in pairs.items()}
    has_bias = any(len(a) == 1 for a, _ in pairs.values())  # an embedding has none
    is_small = len(pairs) <= MAX_HEAD_SHARE * len(context.match.model)
    names, where = frozenset(pairs), format_names([*pairs])
    if all(sorted(a) == sorted(b) and len(a) > 1 for a, b in pairs.values()):
        transform = _write_permutation(context, pairs)
        return Explanation(
            names,
            "transposed",
            "likely",
            f"{len(pairs)} tensors have their axes in another order, as between frameworks "
            "(HWIO and OIHW).",
            _evidence(pairs),
            where,
            transform=transform,
            has_cure=bool(transform),
        )
    if has_bias and is_small and len(class_counts) == 1 and None not in class_counts:
        ((was, now),) = class_counts  # type: ignore[misc]
        return Explanation(
            names,
            "head-classes",
            "certain",
            f"The head is of {was} classes in the checkpoint and of {now} in the model; loading "
            f"raises on it, with strict=False too. Build the model with {was} classes "
            "(build_model stands for your own function), or drop those tensors and train the head.",
            _evidence(pairs) | {"classes": [was, now]},
            where,
            before=f"model = build_model(num_classes={was})",
        )
    return Explanation(
        names,
        "another-architecture",
        "certain",
        f"{len(pairs)} tensors have another shape: another backbone, width or configuration. "
        "Build the model with the configuration that was saved.",
        _evidence(pairs),
        where,
        has_cure=False,
    )


def _write_permutation(context: Context, pairs: dict[str, tuple[Shape, Shape]]) -> str:
    """Return the line that permutes all kernels, square ones included; empty for no such order."""
    for orders in (FROM_LAST, FROM_FIRST):
        if all(
            len(a) in orders and tuple(a[i] for i in orders[len(a)]) == b for a, b in pairs.values()
        ):
            break
    else:
        return ""
    square = [
        n for n in context.match.matched
        if KERNEL.search(n) and len(shape := context.source_of(n).shape) in orders
        and len(pairs[next(iter(pairs))][0]) >= len(shape)
        and tuple(shape[i] for i in orders[len(shape)]) == shape
    ]  # fmt: skip
    used = {len(a): orders[len(a)] for a, _ in pairs.values()}
    used |= {
        len(context.source_of(n).shape): orders[len(context.source_of(n).shape)] for n in square
    }
    return (
        f"state = {{k: v.permute({used!r}[v.ndim]) if k in {[*pairs, *square]!r} else v "
        "for k, v in state.items()}"
    )


def _class_counts(was: Shape, now: Shape, is_keras: bool) -> tuple[int, int] | None:
    """Return the number of outputs in checkpoint and model, or None where more than it differs."""
    if len(was) != len(now):
        return None
    axes = [axis for axis in range(len(was)) if was[axis] != now[axis]]
    if len(axes) != 1 or axes[0] != (len(was) - 1 if is_keras else 0) or math.prod(was) == 0:
        return None
    return was[axes[0]], now[axes[0]]
