"""Codes of causes, whose consequences other rules would name."""

INPUT_CAUSES = (
    "input-bgr input-channels-mixed input-reshaped input-flipped input-of-other-image "
    "input-normalization input-range input-constant input-not-finite"
)
VALUE_CAUSES = (
    "target-is-a-picture target-luma target-stretched target-local-palette labels-luma "
    "labels-stretched indices-of-file-palette ids-divided bits-as-floats softmax-wrong-axis "
    "wrapped-logits symmetric-logits nan-logits lossy-label-file"
)
HEAD_CAUSES = "sigmoid-twice threshold-on-logits infinite-logits quantized-logits"
