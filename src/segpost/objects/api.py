"""`regions`: the objects of a label map, of masks or of logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np

from segpost._core import arguments
from segpost._core.sampling import Grid
from segpost._core.unknown_names import explain_arguments
from segpost.objects.collection import Regions
from segpost.objects.components import split_components
from segpost.objects.from_logits import table_of_logits
from segpost.objects.sources import table_of_labels, table_of_masks
from segpost.objects.volumes import VolumeRegions, regions_of_volume
from segpost.spatial.letterbox import Letterbox


@overload
def regions(
    labels: Any = ...,
    *,
    logits: Any = ...,
    masks: Any = ...,
    size: tuple[int, int] | None = ...,
    grid: Grid = ...,
    letterbox: Letterbox | None = ...,
    axis: int | None = ...,
    num_classes: int | None = ...,
    confidence: Any = ...,
    connectivity: int | None = ...,
    min_area: int = ...,
    ignore_index: int | None = ...,
    volume: Literal[False] = ...,
    spacing: None = ...,
) -> Regions: ...
@overload
def regions(
    labels: Any,
    *,
    logits: None = ...,
    masks: None = ...,
    size: None = ...,
    grid: Grid = ...,
    letterbox: None = ...,
    axis: None = ...,
    num_classes: int | None = ...,
    confidence: Any = ...,
    connectivity: int | None = ...,
    min_area: int = ...,
    ignore_index: int | None = ...,
    volume: Literal[True],
    spacing: Sequence[float] | None = ...,
) -> VolumeRegions: ...
@explain_arguments
def regions(
    labels: Any = None,
    *,
    logits: Any = None,
    masks: Any = None,
    size: tuple[int, int] | None = None,
    grid: Grid = "half_pixel",
    letterbox: Letterbox | None = None,
    axis: int | None = None,
    num_classes: int | None = None,
    confidence: Any = None,
    connectivity: int | None = None,
    min_area: int = 0,
    ignore_index: int | None = None,
    volume: bool = False,
    spacing: Sequence[float] | None = None,
) -> Any:
    """Find the regions of one image or volume: area, box, centroid, confidence, run-length code.

    Exactly one of `labels`, `logits` and `masks` is passed. Pixels are read once; everything else
    is computed from runs: pixels of one region that are adjacent in a column.

    Parameters
    ----------
    labels : integer array of shape (H, W), optional
        A label map: one region for every label, label 0 included. With ``volume=True`` a label
        volume (D, H, W).
    logits : array of shape (C, h, w), optional
        A region for every label of ``segpost.argmax(logits, size=size, ...)``; the native backend
        has no label map in memory.
    masks : array of shape (H, W) or (N, H, W), or COCO run-length codes, optional
        Booleans, or 0 and 1: a region for every mask that has pixels, whose label is the number of
        the mask. Masks may overlap. A run-length code is a dict of "size" and "counts", compressed
        or not.
    size, grid, letterbox, axis : optional
        As in `argmax`; for `logits` only.
    num_classes : int, optional
        Labels outside of 0 to num_classes - 1 are an error; by default every label has a region.
    confidence : array, or True, optional
        The confidence of every pixel, float32 or uint8 (255 is 1), of the shape of the labels or of
        the masks; of masks also one number each. True, with `logits`, computes it as `postprocess`.
    connectivity : {4, 8}, of volumes {6, 18, 26}, optional
        One region for every connected component, not one for every label (`keep_largest` then
        has nothing to choose): pixels of one label that
        share a side (4, 6), an edge of a voxel (18) or a corner (8, 26), too. Components of a label
        are in order of their first pixel, row by row.
    min_area : int
        Smaller regions, by the number of pixels or voxels, are left out.
    ignore_index : int, optional
        A label of pixels without a region.
    volume : bool
        Whether `labels` are those of a volume.
    spacing : (z, y, x), optional
        The distances between the voxels of a volume, such as in mm; 1 each by default.

    Returns
    -------
    regions : Regions, of a volume VolumeRegions
        A sequence of `Region` or `VolumeRegion`, in order of label, on the CPU. Of arrays on a
        CUDA device, the runs are found there and copied.

    Raises
    ------
    ValueError
        For several or no inputs, for labels or logits of several images, for labels that are no
        class, for masks of other values than 0 and 1, and as `argmax` for logits.
    TypeError
        For element types that are none of those above.
    MemoryError
        For a size of logits whose label map would not fit into the memory.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> labels = np.uint8([[0, 7, 7], [7, 0, 7]])
    >>> segpost.regions(labels)
    Regions(2 of 2 x 3 pixels)
    >>> for region in segpost.regions(labels, connectivity=4, ignore_index=0):
    ...     print(region)
    Region(label=7, area=3, box=(1, 0, 2, 2))
    Region(label=7, area=1, box=(0, 1, 1, 1))
    """
    inputs = {"labels": labels, "logits": logits, "masks": masks}
    names = [name for name, value in inputs.items() if value is not None]
    if len(names) != 1:
        raise ValueError(
            f"regions takes exactly one of labels=, logits= and masks=, got {', '.join(names)}"
            if names
            else "regions takes exactly one of labels=, logits= and masks=, got none"
        )
    name = names[0]
    if name != "logits":
        for setting, is_set in (
            ("size", size is not None),
            ("grid", grid != "half_pixel"),
            ("letterbox", letterbox is not None),
            ("axis", axis is not None),
        ):
            if is_set:
                raise ValueError(f"{setting} is for logits=, which are upsampled, got {name}")
        if isinstance(confidence, bool):
            raise TypeError(f"confidence={confidence} is for logits=; pass the array of {name}")
    if num_classes is not None and name != "labels":
        raise ValueError(f"num_classes is for labels=, got {name}")
    if ignore_index is not None and name == "masks":
        raise ValueError("ignore_index is for labels= and logits=, got masks")
    smallest = arguments.as_count(min_area, "min_area")
    if volume:
        if name != "labels":
            raise ValueError(f"volume=True is for labels=, got {name}: pass segpost.argmax(logits)")
        return regions_of_volume(
            labels, confidence, num_classes, connectivity, smallest, ignore_index, spacing
        )
    if spacing is not None:
        raise ValueError(f"spacing={spacing!r} is for volumes: pass volume=True")
    if name == "logits" and size is not None and np.shape(size) == (3,):
        raise ValueError(
            f"size={size!r} is that of a volume: regions of volumes are of labels, "
            "segpost.regions(segpost.argmax(logits, size=size), volume=True)"
        )
    if connectivity not in (None, 4, 8) or isinstance(connectivity, bool):
        cure = "; 6, 18 and 26 are for volume=True" if connectivity in (6, 18, 26) else ""
        raise ValueError(f"connectivity must be 4, 8 or None, got {connectivity!r}{cure}")
    if name == "labels":
        table = table_of_labels(labels, confidence, num_classes, ignore_index)
    elif name == "masks":
        table = table_of_masks(masks, confidence)
    else:
        if confidence is not None and not isinstance(confidence, bool):
            raise TypeError("confidence of logits= is computed: pass True")
        has_confidence = bool(confidence)
        table = table_of_logits(logits, size, grid, letterbox, has_confidence, ignore_index, axis)
    if connectivity is not None:
        table = split_components(table, connectivity)
    if smallest > 1:
        table = table.select(np.flatnonzero(table.area >= smallest))
    return Regions(table)
