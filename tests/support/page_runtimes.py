"""Networks for the pages of docs/guides/runtimes: torch modules with a framework's output.

ONNX Runtime, OpenVINO, TensorFlow and JAX are used themselves; a page is skipped where they are
absent.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from page_inputs import SIZE, Network, halves
from PIL import Image

NEEDS: dict[str, tuple[str, ...]] = {  # packages, by the name of the page
    "onnxruntime": ("onnx", "onnxruntime"),
    "openvino": ("openvino",),
    "append": ("onnx", "onnxruntime", "openvino"),
    "keras-hub": ("tensorflow",),
    "litert": ("tensorflow",),
    "jax": ("jax",),
    "monai": ("monai",),
    "nnunet": ("nnunetv2",),
    "torchio": ("torchio", "nibabel"),
    "totalsegmentator": ("nibabel",),
}
SIDE = 64  # of the inputs of exported networks


class Upsampling(torch.nn.Module):
    """A network whose last operator is an upsampling of its logits to the input's size."""

    def __init__(self, align_corners: bool, key: str | None = None) -> None:
        super().__init__()
        self.small, self.align_corners, self.key = Network(), align_corners, key
        self.backbone, self.classifier = self.small.backbone, self.small.classifier  # torchvision's
        self.segmentation_head = [self.small.classifier]  # smp's
        self.decoder = lambda features: features
        self.encoder = lambda x: self.small.backbone(x)["out"]

    def forward(self, image: torch.Tensor) -> Any:
        """Logits of the input's size, in a dict where there is a key."""
        full = torch.nn.functional.interpolate(
            self.small(image)["out"],
            image.shape[-2:],
            mode="bilinear",
            align_corners=self.align_corners,
        )
        return {self.key: full} if self.key else full


class Exported(torch.nn.Module):
    """Convolution, then an upsampling by 4: what the exported files hold."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = torch.nn.Conv2d(3, 21, 4, stride=4).requires_grad_(False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (1, 21, SIDE, SIDE)."""
        return torch.nn.functional.interpolate(
            self.head(image), (SIDE, SIDE), mode="bilinear", align_corners=True
        )


def exported_input() -> torch.Tensor:
    """(1, 3, SIDE, SIDE) float32."""
    return torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, SIDE, SIDE))).float()


def torchvision() -> dict[str, Any]:
    """Names of its page: networks, and a detector that finds both halves of the image."""
    network = Network()
    lraspp = SimpleNamespace(
        backbone=network.backbone, classifier=lambda features: network.classifier(features["out"])
    )

    def detector(images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        height, width = images[0].shape[-2:]
        masks = torch.zeros(3, 1, height, width)
        masks[0, 0, :, : width // 2] = masks[1, 0, :, width // 2 :] = 0.9
        return [
            {
                "masks": masks,
                "labels": torch.tensor([7, 15, 3]),
                "scores": torch.tensor([0.9, 0.8, 0.1]),
            }
        ]

    return {
        "model": Upsampling(align_corners=False, key="out"),
        "lraspp": lraspp,
        "detector": detector,
    }


def smp() -> dict[str, Any]:
    """Names of its page."""
    return {"model": Upsampling(align_corners=True)}


def transformers() -> dict[str, Any]:
    """Names of its page."""
    network = Network()

    def processor(image: Image.Image, return_tensors: str) -> dict[str, torch.Tensor]:
        pixels = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
        return {"pixel_values": torch.from_numpy(pixels.copy())}

    def mask2former(pixel_values: torch.Tensor) -> SimpleNamespace:
        side = SIZE // 4
        masks = torch.full((1, 2, side, side), -8.0)
        masks[0, 0, :, : side // 2] = masks[0, 1, :, side // 2 :] = 8.0
        classes = torch.zeros(1, 2, 20)
        classes[0, 0, 13] = classes[0, 1, 2] = 9.0
        return SimpleNamespace(class_queries_logits=classes, masks_queries_logits=masks)

    return {
        "image": Image.fromarray(halves()),
        "processor": processor,
        "mask2former": mask2former,
        "model": lambda pixel_values: SimpleNamespace(logits=network(pixel_values)["out"]),
    }


def onnxruntime() -> dict[str, Any]:
    """Names of its page, and deeplab.onnx."""
    runtime = pytest.importorskip("onnxruntime")

    torch.onnx.export(
        Exported(),
        (exported_input(),),
        "deeplab.onnx",
        input_names=["image"],
        output_names=["logits"],
        dynamo=False,
    )
    return {
        "session": runtime.InferenceSession("deeplab.onnx", providers=["CPUExecutionProvider"]),
        "network": Exported(),
        "pixels": exported_input(),
        "x": exported_input().numpy(),
        "height": SIDE,
        "width": SIDE,
    }


def openvino() -> dict[str, Any]:
    """Names of its page."""
    runtime = pytest.importorskip("openvino")

    model = runtime.convert_model(Exported(), example_input=exported_input())
    return {
        "model": model,
        "compiled": runtime.compile_model(model, "CPU"),
        "network": Exported(),
        "pixels": exported_input(),
        "x": exported_input().numpy(),
        "height": SIDE,
        "width": SIDE,
    }


def append() -> dict[str, Any]:
    """Names of the page on models that end in labels, and deeplab.onnx."""
    photograph = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3), np.uint8)
    return {**openvino(), **onnxruntime(), "photograph": photograph}


def keras_hub() -> dict[str, Any]:
    """Names of its page."""
    tf = pytest.importorskip("tensorflow")

    logits = np.random.default_rng(0).normal(size=(1, 8, 10, 21)).astype(np.float32)
    return {"model": lambda x: tf.constant(logits)}


def litert() -> dict[str, Any]:
    """Names of its page, and deeplab.tflite."""
    tf = pytest.importorskip("tensorflow")

    inputs = tf.keras.Input((8, 10, 3), batch_size=1)
    model = tf.keras.Model(inputs, tf.keras.layers.Conv2D(21, 1)(inputs))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    pixels = np.random.default_rng(0).normal(size=(1, 8, 10, 3)).astype(np.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([pixels] for _ in range(2))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_output_type = tf.int8
    Path("deeplab.tflite").write_bytes(converter.convert())
    interpreter = tf.lite.Interpreter("deeplab.tflite")
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
    interpreter.invoke()
    details = interpreter.get_output_details()[0]
    raw = interpreter.get_tensor(details["index"])
    photograph = np.random.default_rng(1).integers(0, 256, (64, 80, 3), np.uint8)
    return {
        "interpreter": interpreter,
        "index": details["index"],
        "details": details,
        "raw": raw,
        "tf": tf,
        "converter": converter,
        "pixels": pixels,
        "photograph": photograph,
    }


def jax() -> dict[str, Any]:
    """Names of its page."""
    jnp = pytest.importorskip("jax.numpy")

    values = np.random.default_rng(0).normal(size=(1, 12, 16, 21))
    return {"logits": jnp.asarray(values, jnp.bfloat16), "height": 96, "width": 128}


def monai() -> dict[str, Any]:
    """Names of its page: a scan of two regions, and a network that finds them."""
    meta_tensor = pytest.importorskip("monai.data").MetaTensor

    values = np.zeros((1, 20, 24, 18), np.float32)
    values[:, 3:17, 4:20, 2:15], values[:, 6:10, 8:14, 5:9] = 1, 2
    affine = torch.diag(torch.tensor([0.8, 0.8, 1.0, 1.0], dtype=torch.float64))
    scan = meta_tensor(torch.from_numpy(values), affine=affine)
    return {
        "scan": scan,
        "network": lambda x: torch.cat([-((x - c) ** 2) for c in range(3)]),
    }


def nnunet() -> dict[str, Any]:
    """Names of its page: nnU-Net's predictor and the objects of one case."""
    pytest.importorskip("nnunetv2")
    predictor = importlib.import_module("nnunet_predictor")
    cases = importlib.import_module("nnunet_cases")

    case = cases.vary_case("crop")
    return {
        "predictor": predictor.predictor(),
        "image": predictor.scan(),
        "spacing": (1.0, 1.0, 1.0),
        "predicted_logits": case.logits(),
        **case.objects(),
    }


def ball_scan() -> np.ndarray:
    """A scan (x, y, z) of the size of case_0000.nii.gz: 2 in a ball, 1 around it, 0 outside."""
    places = np.indices((48, 40, 24)) - np.array([24, 20, 12]).reshape(3, 1, 1, 1)
    distance = np.sqrt((places**2 * np.array([0.64, 0.64, 9]).reshape(3, 1, 1, 1)).sum(axis=0))
    return np.asarray(np.clip(2.5 - distance / 6, 0, 2), np.float32)


def torchio() -> dict[str, Any]:
    """Names of its page: a network of three classes, and a scan of them."""
    nibabel: Any = pytest.importorskip("nibabel")

    scan = nibabel.Nifti1Image(ball_scan(), np.diag([0.8, 0.8, 3.0, 1.0]))
    nibabel.save(scan, "case_0000.nii.gz")
    return {"network": lambda x: torch.cat([-((x - c) ** 2) for c in range(3)], dim=1)}


def totalsegmentator() -> dict[str, Any]:
    """Names of its page, none; total.npz with probabilities of half of the scan's size."""
    values = ball_scan()[::2, ::2, ::2].T
    powers = np.exp(np.stack([-8 * (values - c) ** 2 for c in range(3)]))
    np.savez("total.npz", probabilities=(powers / powers.sum(axis=0)).astype(np.float16))
    return {}


def every_page() -> dict[str, Any]:
    """Names of the page that lists the conventions."""
    return {
        "output": torch.arange(21 * SIZE * SIZE, dtype=torch.float32).reshape(1, 21, SIZE, SIZE)
    }


INPUTS: dict[str, Callable[[], dict[str, Any]]] = {
    "README": every_page,
    "torchvision": torchvision,
    "smp": smp,
    "transformers": transformers,
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "append": append,
    "keras-hub": keras_hub,
    "litert": litert,
    "jax": jax,
    "monai": monai,
    "nnunet": nnunet,
    "torchio": torchio,
    "totalsegmentator": totalsegmentator,
}
