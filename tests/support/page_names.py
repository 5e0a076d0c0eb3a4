"""The names that single pages need besides the shared ones of `page_inputs`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import page_runtimes
import pytest
import torch
from checkpoint_models import write_safetensors
from page_inputs import Network, normalize
from raster_windows import Raster

import segpost


def as_input(image: np.ndarray) -> torch.Tensor:
    """(1, 3, H, W) float32, normalized."""
    return torch.from_numpy(normalize(image).transpose(2, 0, 1)[None].copy())


def checkpoints() -> dict[str, Any]:
    """A model whose state was saved with other names, and the model's own."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2), torch.nn.Conv2d(8, 5, 1)).eval()
    state = model.state_dict()
    write_safetensors(Path("fresh.safetensors"), state)
    renamed = {f"module.{name}": tensor for name, tensor in state.items()}
    write_safetensors(Path("deeplab.safetensors"), renamed)
    return {"model": model}


def crf() -> dict[str, Any]:
    """Noisy probabilities of a picture of large squares, each of one class."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (4, 4)).repeat(32, 0).repeat(40, 1)
    image = np.array([(220, 60, 40), (30, 90, 200), (40, 180, 60)], np.uint8)[truth]
    logits = np.eye(3, dtype=np.float32)[truth].transpose(2, 0, 1)
    logits = logits + random.normal(0, 0.7, logits.shape).astype(np.float32)
    return {
        "image": image,
        "logits": logits,
        "probabilities": segpost.softmax(logits),
        "truth": truth,
    }


def rasters() -> dict[str, Any]:
    """Logits of windows as Zarr and as files, their windows, and a georeferenced photograph."""
    rasterio, zarr = pytest.importorskip("rasterio"), pytest.importorskip("zarr")

    raster = Raster((320, 400), 128)
    shape = (len(raster.windows), 19, 32, 32)
    logits = zarr.create_array("logits.zarr", shape=shape, chunks=(1, *shape[1:]), dtype="float16")
    Path("files").mkdir()
    names = {}
    for index, window in enumerate(raster.windows):
        logits[index] = raster.read(index)
        names[f"w{index}.npy"] = window
        np.save(f"files/w{index}.npy", logits[index])
    Path("windows.json").write_text(json.dumps(raster.windows))
    Path("names.json").write_text(json.dumps(names))
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(0.5, 0, 5e5, 0, -0.5, 5.5e6)}
    with rasterio.open(
        "photo.tif", "w", driver="GTiff", height=320, width=400, count=3, dtype="uint8", **place
    ):
        pass
    return {}


def video() -> dict[str, Any]:
    """A clip, functions from a frame to logits and to a map of ids, and a place for overlays."""
    iio = pytest.importorskip("imageio.v3")

    frames = np.zeros((3, 48, 64, 3), np.uint8)
    iio.imwrite("clip.mp4", frames, plugin="FFMPEG", fps=25)
    network, overlays = Network(), []
    ids = np.zeros((48, 64), np.uint8)
    ids[10:30, 5:25], ids[20:40, 30:60] = 1, 2
    return {
        "track": lambda frame: ids,
        "network": lambda frame: network(as_input(frame))["out"][0].numpy(),
        "write": lambda overlay: overlays.append(np.asarray(overlay).copy()),
    }


class Registry:
    """mmengine's: `register_module` gives the class back."""

    def register_module(self) -> Callable[[type], type]:
        """A decorator."""
        return lambda cls: cls


OWN_INPUTS: dict[str, Callable[[], dict[str, Any]]] = {
    "docs/guides/checkpoints.md": checkpoints,
    "docs/guides/crf.md": crf,
    "docs/guides/fingerprints.md": lambda: {"prepare": as_input},
    "docs/guides/letterbox.md": lambda: {"x_of": as_input},
    "docs/guides/metrics.md": lambda: {"METRICS": Registry(), "BaseMetric": object},
    "docs/guides/rasters.md": rasters,
    "docs/guides/video.md": video,
    **{f"docs/guides/runtimes/{name}.md": names for name, names in page_runtimes.INPUTS.items()},
}
