"""Objects: the regions of label maps, masks and logits.

`regions` finds the runs of every label in one pass. Areas, boxes, run-length codes, components and
polygons are computed from runs.
"""

from segpost.objects.api import regions
from segpost.objects.region import Region, Regions

__all__ = ["Region", "Regions", "regions"]
