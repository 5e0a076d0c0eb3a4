"""Class names and colors of public segmentation datasets, one text file a dataset.

The colors are those that a dataset publishes or, where it publishes none, those of the tools
around it. A new palette is a new file ``NAME.txt`` in this folder, in the format that
`segpost.color.datasets.reader` describes, and its names in `segpost.color.datasets.names`.
"""

from segpost.color.datasets.names import PaletteName
from segpost.color.datasets.reader import (
    Dataset,
    list_palettes,
    list_palettes_of,
    read_dataset,
)

__all__ = ["Dataset", "PaletteName", "list_palettes", "list_palettes_of", "read_dataset"]
