"""The names of the palettes of this folder, for type checkers; a test compares them with its files.

`Palette.named` takes them in any case, with "-" or " " for "_".
"""

from __future__ import annotations

from typing import Literal

# fmt: off
PaletteName = Literal[  # a line for each file: its name and its aliases
    "voc", "pascal", "pascal_voc", "voc2012",
    "cityscapes", "city", "cityscapes_trainid",
    "cityscapes_labelid",
    "ade20k", "ade", "ade20k_150",
    "coco_stuff", "coco", "cocostuff", "coco_stuff164k", "coco_stuff_164k",
    "pascal_context", "pascal_context_60",
    "pascal_context_59",
    "mapillary", "mapillary_v1", "mapillary_v1.2",
    "mapillary_v2", "mapillary_v2.0",
    "loveda",
    "potsdam", "isprs_potsdam",
    "vaihingen", "isprs_vaihingen",
    "isaid",
]
# fmt: on
