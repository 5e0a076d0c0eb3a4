"""`python -m benches.volumes`: volumes as nnU-Net, TotalSegmentator and MONAI users export them.

Every rival computes what it can: whole labels, or a share of the classes where all of them would
take minutes, scaled to all (its labels are then not compared). CPU time of the process, one
thread; rounds are interleaved. Memory is what a call needs at its peak beyond what it is given.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

import segpost
from benches.harness import measure, scenes
from benches.harness.jobs import Absent, Array, Contender, need
from benches.harness.works import run_works
from segpost.compat import nnunet

Sizes = tuple[int, int, int]
ISOTROPIC, SEPARATE, REGIONS = "isotropic", "separate z", "regions in order"
TOTAL, CONFIDENCE, THREADS = "105 classes", "labels + confidence", "two threads"
GOALS: dict[str, dict[str, float]] = {
    ISOTROPIC: {"nnunetv2": 40},
    SEPARATE: {"nnunetv2": 45},
    REGIONS: {"nnunetv2": 20},
    TOTAL: {"skimage": 60, "torch": 20},
    CONFIDENCE: {"torch": 25},
    THREADS: {"one thread": 1.8},
}
SMALL: tuple[Sizes, Sizes] = ((48, 64, 64), (72, 128, 128))
LARGE: tuple[Sizes, Sizes] = ((100, 100, 150), (300, 300, 450))
SHARE = 3  # of 105 classes, that slow rivals compute


class Work(NamedTuple):
    """One table."""

    title: str
    ours: Contender
    rivals: list[Contender]
    absent: dict[str, str]
    wall: bool = False


def case(shape: Sizes, size: Sizes, channels: int, regions: bool, thick: bool) -> dict[str, Any]:
    """nnU-Net's objects, or stand-ins where nnunetv2 is absent, by the names of arguments."""
    first = 5.0 if thick else 1.0
    scale = [n_out / n_in for n_in, n_out in zip(shape, size, strict=True)]
    spacing = [first, 1.0, 1.0]
    configuration = {
        "spacing": [one * factor for one, factor in zip(spacing, scale, strict=True)],
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {
            "is_seg": False,
            "order": 1,
            "order_z": 0,
            "force_separate_z": None,
        },
        "architecture": {},
    }
    order = [*range(1, channels + 1)] if regions else None
    labels: dict[str, Any] = {"background": 0}
    for c in range(1, channels + regions):
        labels[f"class_{c}"] = [*range(c, channels + 1)] if regions else c
    properties = {
        "spacing": spacing,
        "shape_before_cropping": size,
        "bbox_used_for_cropping": [[0, n] for n in size],
        "shape_after_cropping_and_before_resampling": size,
    }
    plans = {
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration},
        "label_manager": "LabelManager",
    }
    try:
        handler = importlib.import_module("nnunetv2.utilities.plans_handling.plans_handler")
    except ImportError:

        def softmax_helper_dim0() -> None: ...

        def sigmoid() -> None: ...

        managers: dict[str, Any] = {
            "plans_manager": SimpleNamespace(**plans),
            "configuration_manager": SimpleNamespace(
                spacing=configuration["spacing"], configuration=configuration
            ),
            "label_manager": SimpleNamespace(
                num_segmentation_heads=channels,
                foreground_labels=[*range(1, channels)],
                has_regions=regions,
                regions_class_order=order,
                inference_nonlin=sigmoid if regions else softmax_helper_dim0,
            ),
        }
    else:
        manager = handler.PlansManager(plans)
        managers = {
            "plans_manager": manager,
            "configuration_manager": manager.get_configuration("3d_fullres"),
            "label_manager": manager.get_label_manager(
                {"labels": labels, "regions_class_order": order}
            ),
        }
    return managers | {"properties_dict": properties}


def by_nnunet(logits: Array, objects: dict[str, Any]) -> Callable[[], Any]:
    """nnU-Net's own export."""
    name = "convert_predicted_logits_to_segmentation_with_correct_shape"
    convert = getattr(need("nnunetv2.inference.export_prediction"), name)
    return lambda: (convert(logits, **objects, num_threads_torch=1),)


def best_of(values: Iterator[tuple[int, Array]]) -> Array:
    """The labels of the largest values, class after class: what fits into memory."""
    _, best = next(values)
    labels = np.zeros(best.shape, np.uint8)
    for c, value in values:
        larger = value > best
        np.copyto(best, value, where=larger)
        labels[larger] = c
    return labels


def by_skimage(logits: Array, size: Sizes, classes: int) -> Callable[[], Any]:
    """skimage's resize as nnU-Net calls it, one class after the other."""
    resize = partial(need("skimage.transform").resize, order=1, mode="edge", anti_aliasing=False)

    def values() -> Iterator[tuple[int, Array]]:
        for c in range(classes):
            yield c, resize(logits[c].astype(float), size).astype(logits.dtype)

    return lambda: (best_of(values()),)


def by_scipy(logits: Array, size: Sizes, classes: int) -> Callable[[], Any]:
    """scipy.ndimage.zoom in float32, one class after the other."""
    zoom = need("scipy.ndimage").zoom
    factors = [n / m for n, m in zip(size, logits.shape[1:], strict=True)]

    def values() -> Iterator[tuple[int, Array]]:
        for c in range(classes):
            plane = logits[c].astype(np.float32)
            yield c, zoom(plane, factors, order=1, mode="nearest", grid_mode=True)

    return lambda: (best_of(values()),)


def by_simpleitk(logits: Array, size: Sizes, classes: int) -> Callable[[], Any]:
    """SimpleITK's linear resampling, one class after the other."""
    sitk = need("SimpleITK")
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    ratio = [n / m for n, m in zip(logits.shape[:0:-1], size[::-1], strict=True)]
    origin = [0.5 * one - 0.5 for one in ratio]
    grid = (size[::-1], sitk.Transform(), sitk.sitkLinear, origin, ratio)

    def values() -> Iterator[tuple[int, Array]]:
        for c in range(classes):
            image = sitk.GetImageFromArray(logits[c].astype(np.float32))
            done = sitk.Resample(image, *grid, image.GetDirection(), 0.0, sitk.sitkFloat32, True)
            yield c, sitk.GetArrayFromImage(done)

    return lambda: (best_of(values()),)


def by_torch(logits: Array, size: Sizes, classes: int, chunk: int) -> Callable[[], Any]:
    """Trilinear interpolation and argmax, by chunks of classes."""
    torch = need("torch")
    tensor = torch.from_numpy(logits)

    def run() -> Any:
        with torch.inference_mode():
            best = torch.full(size, -torch.inf)
            labels = torch.zeros(size, dtype=torch.int64)
            for first in range(0, classes, chunk):
                part = tensor[None, first : min(first + chunk, classes)].float()
                full = torch.nn.functional.interpolate(part, size, mode="trilinear")[0]
                value, index = full.max(0)
                larger = value > best
                best = torch.where(larger, value, best)
                labels = torch.where(larger, index + first, labels)
        return (labels.numpy().astype(np.uint8),)

    return run


def confidence_by_torch(logits: Array, size: Sizes) -> Callable[[], Any]:
    """Trilinear interpolation, softmax and max."""
    torch = need("torch")
    tensor = torch.from_numpy(logits)[None]

    def run() -> Any:
        with torch.inference_mode():
            full = torch.nn.functional.interpolate(tensor, size, mode="trilinear")[0]
            confidence, labels = torch.softmax(full, 0).max(0)
        return labels.numpy().astype(np.uint8), confidence.numpy()

    return run


def built(title: str, ours: Callable[[], Any], rivals: dict[str, Callable[[], Contender]]) -> Work:
    """The contenders that run here, and why the others do not."""
    there, absent = [], {}
    for name, make in rivals.items():
        try:
            one = make()
            one.run()
        except (Absent, ImportError, RuntimeError) as error:
            absent[name] = str(error).partition("\n")[0]
        else:
            there.append(one)
    ours()
    return Work(title, Contender("segpost", ours), there, absent)


def exports(title: str) -> Work:
    """nnU-Net's export: isotropic, separate z, or regions."""
    shape, size = SMALL
    channels = 3 if title == REGIONS else 8
    logits = scenes.volume(channels, shape)
    if title == REGIONS:
        logits -= logits.mean()
    objects = case(shape, size, channels, title == REGIONS, title == SEPARATE)
    convert = nnunet.convert_predicted_logits_to_segmentation_with_correct_shape
    rivals: dict[str, Callable[[], Contender]] = {
        "nnunetv2": lambda: Contender("nnunetv2", by_nnunet(logits, objects))
    }
    if title == ISOTROPIC:
        for name, make in (("scipy", by_scipy), ("SimpleITK", by_simpleitk)):
            rivals[name] = partial(_contender, name, make, logits, size, channels)
        rivals["torch"] = lambda: Contender("torch", by_torch(logits, size, channels, channels))
    return built(title, lambda: (convert(logits, **objects),), rivals)


def _contender(name: str, make: Any, *arguments: Any, factor: float = 1.0) -> Contender:
    """A rival."""
    return Contender(name, make(*arguments), factor)


def many_classes(title: str) -> Work:
    """TotalSegmentator's size, in the type of nnU-Net's predictor."""
    shape, size = LARGE
    logits = scenes.volume(105, shape).astype(np.float16)
    factor = len(logits) / SHARE
    rivals: dict[str, Callable[[], Contender]] = {
        name: partial(_contender, name, make, logits, size, SHARE, factor=factor)
        for name, make in (
            ("skimage", by_skimage),
            ("scipy", by_scipy),
            ("SimpleITK", by_simpleitk),
        )
    }
    rivals["torch"] = lambda: Contender("torch", by_torch(logits, size, SHARE, 1), factor)
    return built(title, lambda: (segpost.argmax(logits, size=size),), rivals)


def with_confidence(title: str) -> Work:
    """Labels and confidence."""
    size = (160, 256, 256)
    logits = scenes.volume(25, (64, 80, 80))

    def ours() -> Any:
        seg = segpost.postprocess(logits, size=size, want=("labels", "confidence"))
        return seg.labels, seg.confidence

    return built(
        title, ours, {"torch": lambda: Contender("torch", confidence_by_torch(logits, size))}
    )


def two_threads(title: str) -> Work:
    """The large volume by one thread and by two."""
    shape, size = LARGE
    logits = scenes.volume(105, shape).astype(np.float16)

    def run(threads: int) -> Any:
        segpost.set_num_threads(threads)
        try:
            return (segpost.argmax(logits, size=size),)
        finally:
            segpost.set_num_threads(1)

    rivals: dict[str, Callable[[], Contender]] = {
        "one thread": lambda: Contender("one thread", partial(run, 1))
    }
    return built(title, partial(run, 2), rivals)._replace(wall=True)


WORKS: dict[str, Callable[[str], Work]] = {
    ISOTROPIC: exports,
    SEPARATE: exports,
    REGIONS: exports,
    TOTAL: many_classes,
    CONFIDENCE: with_confidence,
    THREADS: two_threads,
}


def measured(work: Work, rounds: int) -> dict[str, Any]:
    """Print a table, and return its numbers."""
    clock = time.perf_counter if work.wall else time.process_time
    contenders = [work.ours, *work.rivals]
    memory = [measure.growth(one.run) for one in contenders]
    timings = measure.interleave(contenders, rounds, clock)
    labels = np.asarray(work.ours.run()[0])
    unit = "wall ms" if work.wall else "CPU ms"
    print(f"\n## {work.title}\n\n| | {unit} | / segpost | wanted | labels different | extra MB |")
    print("|---|--:|--:|--:|--:|--:|")
    data = {}
    for one, timing, megabytes in zip(contenders, timings, memory, strict=True):
        ratio = timing.best_ms / timings[0].best_ms
        goal = GOALS[work.title].get(one.name)
        different: Any = "-"
        if one.factor == 1.0:
            different = int((np.asarray(one.run()[0]) != labels).sum())
        wanted = f">= {goal:g}" if goal else ""
        print(
            f"| {one.name} | {timing.best_ms:.1f} | {ratio:.1f} | {wanted} | {different} "
            f"| {megabytes:.0f} |",
            flush=True,
        )
        data[one.name] = {"ms": timing.best_ms, "ratio": ratio, "mb": megabytes}
    for name, reason in work.absent.items():
        print(f"\nAbsent: {name}: {reason}.")
    return data


def main() -> int:
    """Print the tables."""
    return run_works(
        "python -m benches.volumes",
        WORKS,
        lambda title, rounds: measured(WORKS[title](title), rounds),
    )


if __name__ == "__main__":
    sys.exit(main())
