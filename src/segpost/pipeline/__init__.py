"""Pipeline: everything after the network in one call, or frame by frame.

`postprocess` validates its options once (`options`), plans the call from the shape of the logits
(`plan`), and lets one backend carry out the plan (`execute`). `Stream` reuses options, plan and
memory for the frames of a video. Both return a `Segmentation`.
`merged_blocks` returns those of an image that is larger than memory.
"""

from segpost._core.public import public_module
from segpost.pipeline.api import postprocess
from segpost.pipeline.blockwise import merged_blocks
from segpost.pipeline.segmentation import Segmentation
from segpost.pipeline.stream import Stream

__all__ = ["Segmentation", "Stream", "merged_blocks", "postprocess"]

public_module(__name__)
