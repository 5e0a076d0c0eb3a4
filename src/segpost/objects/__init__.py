"""Objects: the regions of label maps, masks and logits.

`regions` finds the runs of every label in one pass. Areas, boxes, run-length codes, components and
polygons are computed from runs. `masks_from_rle` and `mask_from_polygons` are the way back.
"""

from segpost.objects.api import regions
from segpost.objects.collection import Regions
from segpost.objects.drawing import mask_from_polygons, masks_from_rle
from segpost.objects.region import Region

__all__ = ["Region", "Regions", "mask_from_polygons", "masks_from_rle", "regions"]
