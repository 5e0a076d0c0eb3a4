"""`segment_queries`: segments of MaskFormer, Mask2Former, OneFormer and EoMT heads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core.arguments import as_integer, as_real, check_choice
from segpost._core.arrays import Array
from segpost._core.contract import Logits
from segpost._core.device import context_of
from segpost._core.errors import warn_of_input
from segpost._core.suspicious_sizes import check_sides
from segpost._core.unknown_names import explain_arguments
from segpost.color.palette import Palette, PaletteLike
from segpost.pipeline.execute import as_guide, check_guide
from segpost.pipeline.options import check_options
from segpost.pipeline.plan import with_image_size
from segpost.pipeline.queries.geometry import plan_geometry
from segpost.pipeline.queries.inputs import QueryLogits, as_query_logits
from segpost.pipeline.queries.instances import segment_instances
from segpost.pipeline.queries.masks import image_of
from segpost.pipeline.queries.panoptic import segment_panoptic
from segpost.pipeline.queries.rules import (
    QUERY_TASKS,
    QueryDialect,
    QueryTask,
    rules_of,
)
from segpost.pipeline.queries.segments import Segment
from segpost.pipeline.queries.semantic import segment_semantic
from segpost.pipeline.regions import find_segment_regions
from segpost.pipeline.results import Want
from segpost.pipeline.segmentation import Segmentation
from segpost.spatial.letterbox import Letterbox

MIN_CLASSES = 3  # that are no coincidence beside the names of a palette


@explain_arguments
def segment_queries(
    class_logits: Any,
    mask_logits: Any,
    *,
    task: QueryTask = "semantic",
    dialect: QueryDialect = "mask2former",
    size: tuple[int, int] | None = None,
    input_size: tuple[int, int] | None = None,
    letterbox: Letterbox | None = None,
    thing_classes: Iterable[int] | None = None,
    threshold: float = 0.5,
    mask_threshold: float = 0.5,
    overlap_threshold: float = 0.8,
    image: Any = None,
    palette: PaletteLike | None = None,
    alpha: Any = 0.5,
    want: Iterable[Want] = ("labels",),
) -> Segmentation[Any, Any]:
    """Compute labels or segments of a head of queries, each with a class and a mask.

    The rules are those of the processors of transformers 5, or of the original code of Mask2Former
    (which is detectron2's). No mask is resized to the size of the result, except where it may be
    the largest. Labels are those of the definition in float64, on every backend; the scores of
    instances are within 1e-6 of it.

    Parameters
    ----------
    class_logits : float array of shape (Q, C + 1) or (N, Q, C + 1)
        ``class_queries_logits`` of transformers, ``pred_logits`` of the original code. The last
        class is "no object".
    mask_logits : float array of shape (Q, h, w) or (N, Q, h, w)
        ``masks_queries_logits``, or ``pred_masks``. On a device, with class logits on the same one,
        semantic labels are computed there; the class logits are copied to the CPU.
    task : {"semantic", "instance", "panoptic"}
        "semantic": the label of a pixel is the class with the largest sum, over the queries, of
        class probability times mask probability. "panoptic": a pixel belongs to the query with the
        largest product of them. "instance": every query has its own mask.
    dialect : {"mask2former", "maskformer", "oneformer", "eomt", "detectron2"}
        Whose rules; see Notes.
    size : (H, W), optional
        The size of the result; by default that of the image, or of the mask logits.
    input_size : (H, W), optional
        The size of the network's input, for the dialects "eomt" and "detectron2"; by default 4
        times that of the mask logits.
    letterbox : Letterbox, optional
        The geometry of a padded input, as in `postprocess`.
    thing_classes : iterable of int, optional
        The classes of countable things. Panoptic: the queries of any other class are one segment.
        Instance: only these classes have instances. By default all classes are things.
    threshold : float
        Panoptic: the class probability that a query must exceed. Instance: the score that it must
        reach.
    mask_threshold : float
        The probability from which a pixel belongs to a mask.
    overlap_threshold : float
        Panoptic: a query has no segment if it wins only this share of its mask, or less.
    image, palette, alpha
        As in `postprocess`; `Segmentation.draw` takes image and palette of every task.
    want : iterable of {"labels", "color", "overlay", "regions"}
        The results to compute; colors are for task "semantic". "regions" of segments have their
        classes and scores, so that ``seg.regions.coco(image_id)`` are results of COCO.

    Returns
    -------
    segmentation : Segmentation
        Semantic: as `postprocess`. Otherwise `labels` (H, W) or (N, H, W) holds the ids of
        segments, and 0 where there is none; `segments` has a `Segment` for each id, from 1 (of a
        batch, a tuple for each image).

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit each other; for values that are not finite, and for probabilities
        in place of logits; for thresholds outside 0..1, and for classes that do not exist.

    Notes
    -----
    What differs between the dialects:

    - "mask2former" first resizes the mask logits to 384 x 384. Masks are probabilities that are
      interpolated from there; those of instances are enlarged by nearest neighbors.
    - "maskformer" and "oneformer" start from the grid of the mask logits. "oneformer" assigns the
      pixels of instances by score times logit, without a sigmoid, and compares this product with
      `mask_threshold`.
    - "eomt" and "detectron2" resize the mask logits to the input and from there to the result, and
      take the sigmoid last. A pixel whose mask is below `mask_threshold` has no segment. "eomt"
      has one instance a query, and later ones lie over earlier ones.
    - The area of a mask, of which a segment must win a share, is that of score times probability
      in "mask2former", "maskformer" and "oneformer", and of the probability in the others.

    Where segpost differs from transformers 5.24 on purpose: segment ids begin at 1 with every task
    and dialect, and a fused segment is listed once. There, a query that is fused with an earlier
    one sets the counter of ids back, so that two segments can have one id. Instances are in order
    of their scores, and the best one lies on top; there the order is undefined. An instance whose
    mask has no pixel in the result is left out, as it is there. `mask_threshold`
    applies to instances too; there it is always 0.5.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> class_logits = np.float32([[9, 0, 0], [0, 9, 0]])  # two queries; two classes, no object
    >>> mask_logits = np.float32([[[9, 9], [-9, -9]], [[-9, -9], [9, 9]]])
    >>> seg = segpost.segment_queries(
    ...     class_logits, mask_logits, task="panoptic", dialect="maskformer"
    ... )
    >>> seg.labels
    array([[1, 1],
           [2, 2]], dtype=uint8)
    >>> seg.segments[1].label, seg.segments[1].area, seg.segments[1].box
    (1, 2, (0, 1, 2, 1))
    """
    check_choice(task, "task", QUERY_TASKS)
    rules = rules_of(dialect)
    thresholds = {
        "threshold": as_real(threshold, "threshold", 0.0, 1.0),
        "mask_threshold": as_real(mask_threshold, "mask_threshold", 0.0, 1.0),
        "overlap_threshold": as_real(overlap_threshold, "overlap_threshold", 0.0, 1.0),
    }
    options = check_options(size=size, letterbox=letterbox, palette=palette, alpha=alpha, want=want)
    head = as_query_logits(class_logits, mask_logits)
    things = _as_things(thing_classes, head.classes)
    if task == "semantic":
        if things is not None:
            raise ValueError('thing_classes is for the tasks "panoptic" and "instance"')
        return segment_semantic(head, rules, options, image, input_size)
    if not options.outputs <= {"labels", "regions"}:
        raise ValueError(
            f"task {task!r} has labels, segments and regions, got want={sorted(options.outputs)}: "
            "seg.draw(image) returns a picture of them"
        )
    _warn_of_names(options.palette, head)
    height, width = head.masks.values.shape[2:]
    guide = None
    if image is not None:
        guide = as_guide(image)
        options = with_image_size(options, Logits(head.masks.values, head.masks.kind), guide)
    geometry = plan_geometry((height, width), rules, options.size, input_size, letterbox)
    if options.size is not None and height != width:
        check_sides((height, width), geometry.size, None, confirmed=guide is not None)
    if guide is not None:
        check_guide(guide, (len(head.masks.values), *geometry.size), options)
    results = []
    for n, probabilities in enumerate(head.probabilities):
        masks = image_of(head.masks, n)
        if task == "panoptic":
            every = frozenset(range(head.classes))
            stuff = frozenset() if things is None else every - things
            result = segment_panoptic(
                probabilities, masks, geometry, rules, stuff=stuff, **thresholds
            )
        else:
            result = segment_instances(
                probabilities, masks, geometry, rules, things=things, **thresholds
            )
        results.append(result)
    segments: Any = tuple(segments for _, segments in results)
    regions: Any = None
    if "regions" in options.outputs:
        regions = tuple(find_segment_regions(*result)[0] for result in results)
    labels = _stack(results) if head.is_batch else results[0][0]
    return Segmentation(
        labels=head.wrap(labels) if "labels" in options.outputs else None,
        segments=segments if head.is_batch else segments[0],
        palette=options.palette,
        image=guide if guide is None or head.is_batch else guide[0],
        regions=regions if regions is None or head.is_batch else regions[0],
    )


def _warn_of_names(palette: Palette | None, head: QueryLogits) -> None:
    """Warn of a palette with a name for "no object", too: the column may have been dropped."""
    if palette is None or palette.names is None or head.classes < MIN_CLASSES:
        return
    if len(palette) == head.classes + 1:
        warn_of_input(
            f"{head.description}, but palette names {len(palette)}: was that column dropped? Pass "
            "class_logits with all columns, or the palette of the classes"
        )


def _stack(results: list[tuple[Array, tuple[Segment, ...]]]) -> Array:
    """Return the maps of ids of images as one array of the type that holds all of them."""
    dtype = np.result_type(*(id_map.dtype for id_map, _ in results))
    size = results[0][0].shape
    stack: Array = context_of(results[0][0]).empty((len(results), *size), dtype)
    backend = registry.backend(stack, operation="replace_labels")
    for n, (id_map, segments) in enumerate(results):
        backend.replace_labels(id_map, np.arange(len(segments) + 1, dtype=np.int32), stack[n])
    return stack


def _as_things(classes: Iterable[int] | None, count: int) -> frozenset[int] | None:
    """Return the classes of things, which must exist."""
    if classes is None:
        return None
    if isinstance(classes, (str, bytes)) or not isinstance(classes, Iterable):
        raise TypeError(f"thing_classes must be class ids, got {classes!r}")
    things = [as_integer(label, "thing_classes") for label in classes]
    bad = [label for label in things if not 0 <= label < count]
    if bad:
        raise ValueError(
            f"thing_classes have {len(bad)} of {len(things)} outside 0..{count - 1}, first "
            f'{bad[0]}; the last class of class_logits, {count}, is "no object"'
        )
    return frozenset(things)
