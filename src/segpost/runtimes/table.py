"""The output formats of runtimes and well-known repositories, each read from its source code.

`grid` is that of the model's own upsampling; `upsampled` says whether the output has it.
"""

from __future__ import annotations

from typing import Any, Literal

from segpost._core.bands import IMAGENET

LOGITS, PROBABILITIES, LABELS, QUERIES = "logits", "probabilities", "labels", "queries"

ONE = {"mean": 0.5, "std": 0.5}  # to -1..1
CAFFE = {"mean": (104.008, 116.669, 122.675), "scale": 1.0, "channel_order": "bgr"}
LAST = {"layout": "nhwc"}

ALIASES = {  # other names of the conventions
    "hf": "transformers",
    "huggingface": "transformers",
    "pytorch": "torchvision",
    "torch": "torchvision",
    "keras": "keras-hub",
    "onnx": "onnxruntime",
    "tflite": "litert",
}
QUERY_OUTPUTS = (("class_queries_logits", QUERIES), ("masks_queries_logits", QUERIES))
# fmt: off
ConventionName = Literal[  # a line for each convention: its name and its other names
    "torchvision", "pytorch", "torch",
    "smp",
    "transformers", "hf", "huggingface",
    "mask2former",
    "maskformer",
    "oneformer",
    "eomt",
    "mmseg",
    "vainf",
    "kazuto1011",
    "jfzhang95",
    "tf1-deeplab",
    "deeplab2",
    "drsleep",
    "bonlime",
    "keras-hub", "keras",
    "jax",
    "onnxruntime", "onnx",
    "openvino",
    "litert", "tflite",
    "mediapipe",
    "mediapipe-binary",
    "tensorrt",
    "coreml",
    "paddleseg",
    "jetson-inference",
]
# fmt: on

TABLE: dict[str, dict[str, Any]] = {
    "torchvision": {
        "outputs": (("out", LOGITS),),
        "upsampled": True,
        "normalization": IMAGENET,
        "note": "'aux' is the auxiliary head, for training",
    },
    "smp": {  # nn.UpsamplingBilinear2d in the segmentation head
        "grid": "align_corners",
        "upsampled": True,
        "normalization": IMAGENET,
        "note": "with activation= the output is probabilities; sides must be multiples of 16",
    },
    "transformers": {
        "outputs": (("logits", LOGITS),),
        "normalization": ONE,
        "note": "the image processor may crop the center: the map then covers the crop alone; "
        "do_reduce_labels shifts ADE20K's ids by one. The normalization is MobileNetV2's",
    },
    "mask2former": {
        "kind": QUERIES,
        "outputs": QUERY_OUTPUTS,
        "normalization": IMAGENET,
        "note": "postprocess gives classes; segment_queries gives panoptic segments and instances",
    },
    "maskformer": {"kind": QUERIES, "outputs": QUERY_OUTPUTS, "normalization": IMAGENET},
    "oneformer": {"kind": QUERIES, "outputs": QUERY_OUTPUTS, "normalization": IMAGENET},
    "eomt": {
        "kind": QUERIES,
        "outputs": QUERY_OUTPUTS,
        "normalization": IMAGENET,
        "note": "the parts of an image that the processor splits are joined before argmax: by "
        "segpost.Merger",
    },
    "mmseg": {
        "outputs": (("seg_logits", LOGITS), ("pred_sem_seg", LABELS)),
        "upsampled": True,
        "normalization": IMAGENET,
        "note": "a head with one channel is a sigmoid: threshold=",
    },
    "vainf": {"upsampled": True, "normalization": IMAGENET},
    "kazuto1011": {"normalization": CAFFE},
    "jfzhang95": {"grid": "align_corners", "upsampled": True, "normalization": IMAGENET},
    "tf1-deeplab": {
        "kind": LABELS,
        "outputs": (
            ("SemanticPredictions", LABELS),
            ("SemanticProbabilities", PROBABILITIES),
        ),
        "axis": -1,
        "grid": "align_corners",
        "upsampled": True,
        "normalization": {**ONE, **LAST},
        "note": "the graph ends with the labels; the long side is 513, with padding at the bottom "
        "and at the right. ResizeBilinear_2 holds logits of a quarter of the size: "
        "Convention(axis=-1, grid='align_corners')",
    },
    "deeplab2": {
        "outputs": (
            ("semantic_logits", LOGITS),
            ("semantic_probs", PROBABILITIES),
            ("semantic_pred", LABELS),
        ),
        "axis": -1,
        "grid": "align_corners",
        "normalization": LAST,
    },
    "drsleep": {  # tf.image.resize_bilinear of TF1, with its default arguments
        "axis": -1,
        "grid": "asymmetric",
        "normalization": {**CAFFE, **LAST},
    },
    "bonlime": {
        "axis": -1,
        "grid": "align_corners",
        "upsampled": True,
        "normalization": {**ONE, **LAST},
    },
    "keras-hub": {
        "axis": -1,
        "upsampled": True,
        "normalization": {**IMAGENET, **LAST},
        "note": "with image_data_format 'channels_first' the axis is -3",
    },
    "jax": {"axis": -1, "grid": None, "normalization": LAST},
    "onnxruntime": {"grid": None, "note": "Convention.from_onnx reads the rest from the file"},
    "openvino": {"grid": None, "note": "Convention.from_openvino reads the rest from the model"},
    "litert": {
        "axis": -1,
        "grid": None,
        "normalization": {**ONE, **LAST},
        "note": "Convention.from_litert reads the rest from the file",
    },
    "mediapipe": {
        "kind": LABELS,
        "outputs": (("confidence_masks", PROBABILITIES), ("category_mask", LABELS)),
        "upsampled": True,
        "note": "category masks are upsampled by corners, confidence masks by centers, so "
        "that they disagree; without an activation in the metadata confidences are logits",
    },
    "mediapipe-binary": {
        "kind": LABELS,
        "outputs": (("category_mask", LABELS),),
        "upsampled": True,
        "foreground": 0,
        "background": 255,
        "note": "a network of one channel: 0 is the foreground, 255 the background",
    },
    "tensorrt": {"grid": None, "note": "as exported; float16 overflows become NaN"},
    "coreml": {
        "kind": LABELS,
        "outputs": (("semanticPredictions", LABELS),),
        "upsampled": True,
        "note": "converted networks have outputs named var_...: logits, channels first",
    },
    "paddleseg": {
        "kind": LABELS,
        "upsampled": True,
        "normalization": ONE,
        "note": "exported with --output_op none the output is logits: "
        "Convention(grid='half_pixel', upsampled=True)",
    },
    "jetson-inference": {"outputs": (("output_0", LOGITS),), "grid": None},
}
