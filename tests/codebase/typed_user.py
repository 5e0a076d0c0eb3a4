"""What a user writes, for type checkers: every public name, with NumPy arrays and with tensors.

`assert_type` says what a result is. A line with `type: ignore` must be an error: both checkers are
asked to report an ignore that is not needed.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from typing_extensions import assert_type

import segpost
from segpost.metrics.class_values import ClassValues
from segpost.typing import Grid, PaletteName, Want

Labels = npt.NDArray[np.uint8 | np.int32]
Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
Ratios = npt.NDArray[np.float64]

SIZE = (8, 8)
scores = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)
tensor = torch.from_numpy(scores)
image = np.zeros((*SIZE, 3), np.uint8)
maps = np.zeros(SIZE, np.uint8)
tensor_maps = torch.zeros(SIZE, dtype=torch.uint8)
palette = segpost.Palette.distinct(3)


def functions() -> None:
    """Functions of arrays."""
    assert_type(segpost.argmax(scores), Labels)
    assert_type(segpost.argmax(scores, size=SIZE, grid="align_corners", nan="propagate"), Labels)
    assert_type(segpost.argmax(scores, scale=2.0), Labels)
    assert_type(segpost.argmax(tensor), torch.Tensor)
    assert_type(segpost.argmax(tensor[None], scale=(2, 1.5), volume=False), torch.Tensor)
    assert_type(segpost.softmax(scores), Floats)
    assert_type(segpost.softmax(tensor, out=torch.empty_like(tensor)), torch.Tensor)
    assert_type(segpost.softmax(tensor[None], volume=True), torch.Tensor)
    assert_type(segpost.colorize(maps, "voc"), Bytes)
    assert_type(segpost.colorize(tensor_maps, palette), torch.Tensor)
    assert_type(segpost.colorize(Image.fromarray(maps), palette), Bytes)
    assert_type(segpost.overlay(image, maps, palette, alpha=0.3), Bytes)
    assert_type(segpost.overlay(torch.from_numpy(image), maps, palette), torch.Tensor)
    assert_type(segpost.labels_from_colors(image, palette), Labels)
    assert_type(segpost.labels_from_colors(torch.from_numpy(image), palette), torch.Tensor)
    assert_type(segpost.confusion_matrix(maps, maps, num_classes=3), Counts)
    assert_type(segpost.confusion_matrix(maps, tensor_maps, num_classes=3), torch.Tensor)
    assert_type(segpost.class_weights([3, 2, 1], method="inverse"), Ratios)
    assert_type(segpost.label_counts(maps, num_classes=3), Counts)
    assert_type(segpost.windows((9, 9), (4, 4), (4, 4)), Iterator[tuple[int, int, int, int]])


def results() -> None:
    """Results of `postprocess`: an array where it is wanted, and None otherwise."""
    seg = segpost.postprocess(scores)
    assert_type(seg.labels, Labels)
    assert_type(seg.color, None)
    assert_type(seg.uncrop((64, 64), (0, 4)).labels, Labels)
    of_tensor = segpost.postprocess(tensor, scale=2)
    assert_type(of_tensor.labels, torch.Tensor)
    assert_type(of_tensor.confidence, None)
    assert_type(segpost.postprocess(tensor[None])[0].labels, torch.Tensor)
    seg_of_output = segpost.postprocess({"out": tensor}, convention="pytorch")
    assert_type(seg_of_output.labels, torch.Tensor)
    drawn = segpost.postprocess(
        scores, size=SIZE, image=image, palette=palette, want=("labels", "overlay", "color")
    )
    assert_type(drawn.overlay, Bytes)
    assert_type(drawn.color, Bytes)
    assert_type(drawn.shares(), dict[int, float])
    sure = segpost.postprocess(tensor, want=("confidence", "probabilities"))
    assert_type(sure.confidence, torch.Tensor)
    assert_type(sure.probabilities, torch.Tensor)
    of_list = segpost.postprocess(scores, want=["confidence", "probabilities"])
    assert_type(of_list.confidence, npt.NDArray[np.float32 | np.uint8])
    assert_type(of_list.probabilities, Floats)
    of_constant = segpost.postprocess(scores, palette="voc", want=WANTED)
    assert_type(of_constant.color, Bytes)
    assert_type(segpost.Segmentation(labels=maps).labels, Labels)
    assert_type(segpost.Segmentation(labels=tensor_maps).labels, torch.Tensor)
    for each in (seg, of_tensor, drawn, sure, of_constant):
        show(each)


WANTED: Final = ("labels", "color")


def show(seg: segpost.Segmentation) -> None:
    """A function of any result."""
    len(seg)


def predict(
    logits: npt.NDArray[np.float32], grid: Grid, want: tuple[Want, ...], name: PaletteName
) -> Bytes:
    """A function that passes names on."""
    return segpost.postprocess(logits, grid=grid, want=want, palette=name).color


def streams() -> None:
    """Frames of a video."""
    stream = segpost.Stream(palette=palette, want=("labels", "color"))
    assert_type(stream(scores).color, Bytes)
    assert_type(segpost.Stream(scale=(2, 1.5))(tensor).labels, torch.Tensor)
    assert_type(segpost.Stream()(tensor).color, None)


def crf() -> None:
    """The dense CRF."""
    p = segpost.softmax(np.zeros((3, *SIZE), np.float32))
    refiner = segpost.DenseCRF(iterations=1, gaussian=None, quality="fast")
    assert_type(segpost.dense_crf(p, image, iterations=1), Floats)
    assert_type(segpost.dense_crf(torch.from_numpy(p), image, iterations=1), torch.Tensor)
    assert_type(refiner(p, image), Floats)
    assert_type(refiner(torch.from_numpy(p), image), torch.Tensor)
    assert_type(refiner.refine(p, image).labels, Labels)
    assert_type(refiner.refine(torch.from_numpy(p), image).probabilities, torch.Tensor)
    assert_type(segpost.DenseCRF.preset("deeplab", iterations=1), segpost.DenseCRF)


def letterboxes() -> None:
    """Geometry and windows."""
    box = segpost.Letterbox.fit(SIZE, (16, 16), align="top_left")
    assert_type(box.apply(image, dtype="float16"), npt.NDArray[np.float32 | np.float16])
    assert_type(box.apply(torch.from_numpy(image)), torch.Tensor)
    labels: npt.NDArray[np.uint8] = np.zeros(SIZE, np.uint8)
    assert_type(box.apply_labels(labels, void=255), npt.NDArray[np.uint8])
    assert_type(box.undo_labels(torch.zeros((16, 16), dtype=torch.uint8)), torch.Tensor)
    merger = segpost.Merger(SIZE, 3, average="logits")
    merger.add(scores)
    assert_type(merger.result(), Floats)
    of_tensors = segpost.Merger[torch.Tensor](SIZE, 3)
    of_tensors.add(tensor, flip="horizontal")
    assert_type(of_tensors.result(), torch.Tensor)


def metrics() -> None:
    """Scores."""
    cm = segpost.ConfusionMatrix(3, invalid_preds="raise", per_image=True)
    cm.update(maps, maps)
    cm.update({"out": scores}, maps, convention="torchvision", quantization=(0.0, 0))
    assert_type(cm.matrix, Counts)
    assert_type(cm.copy() + cm, segpost.ConfusionMatrix)
    result = cm.compute(absent="nan", mean="dataset")
    assert_type(cm.compute("mmseg"), segpost.Scores)
    assert_type(cm.compute(exclude=0), segpost.Scores)
    assert_type(cm.compute(exclude=(0, 2)), segpost.Scores)
    assert_type(result.iou, ClassValues)
    assert_type(result.dice, ClassValues)
    assert_type(result.iou["0"], np.float64)
    assert_type(result.miou, float)
    assert_type(result.matrix, Counts)
    assert_type(result.mean("iou", "weighted"), float)
    assert_type(result.normalized("preds"), Ratios)
    assert_type(result.images.miou, Ratios)
    assert_type(result.summary(), dict[str, float])
    assert_type([confused.pixels for confused in result.top_confusions()], list[int])
    comparison = cm.compare_dialects()
    assert_type(comparison.miou, float)
    assert_type([line.miou for line in comparison], list[float | None])
    boundary = segpost.BoundaryIoU(3)
    boundary.update(maps, maps)
    assert_type(boundary.compute().iou, Ratios)
    assert_type(segpost.BoundaryF(3).compute().mean_f, float)
    assert_type(segpost.TrimapIoU(3).compute().widths, tuple[int, ...])
    assert_type(segpost.InstanceIoU.cityscapes(), segpost.InstanceIoU)
    assert_type(segpost.Calibration(3).compute().temperature, float)
    assert_type(segpost.PanopticQuality([1], [2]).compute().things.mean_pq, float)


def palettes() -> None:
    """Palettes and conventions."""
    voc = segpost.Palette.named("voc")
    assert_type(voc.colors, Bytes)
    assert_type(voc.names, tuple[str, ...] | None)
    assert_type(voc.color(1), tuple[int, int, int])
    assert_type(dict(voc.items()), dict[int, tuple[int, int, int]])
    assert_type(segpost.Convention.named("smp").grid, Grid | None)
    assert_type(segpost.Convention.names(), tuple[str, ...])


def findings() -> None:
    """Diagnosis, checkpoints, fingerprints."""
    diagnosis = segpost.diagnose(logits=scores, grid="half_pixel")
    assert_type(diagnosis, segpost.Diagnosis)
    assert_type(diagnosis.findings, tuple[segpost.Finding, ...])
    assert_type(diagnosis.codes, tuple[str, ...])
    assert_type(diagnosis.ok, bool)
    difference = segpost.compare_checkpoints({"a": scores}, {"a": scores})
    assert_type(difference, segpost.CheckpointDiff)
    assert_type(difference.missing, tuple[str, ...])
    assert_type(difference.matched_share, float)
    record = segpost.fingerprint(scores, convention="smp", precision="float16")
    assert_type(record, segpost.Fingerprint)
    assert_type(record.confidence, float)
    assert_type(record.compare(record).findings, tuple[segpost.Finding, ...])
    assert_type(segpost.probe_image(), npt.NDArray[np.uint8])
    segpost.Finding("code", "hint", "A message.")


def installation() -> None:
    """What does not take arrays."""
    with segpost.use_backend("reference"):
        assert_type(segpost.num_threads(), int)
    segpost.set_num_threads(segpost.num_threads())
    segpost.raise_deferred()
    assert_type(segpost.cuda_available(), bool)
    assert_type(segpost.why_no_cuda(), str | None)
    assert_type(segpost.build_config(), dict[str, Any])
    if segpost.build_config()["native"]:
        assert_type(segpost.get_include(), Path)
    assert_type(segpost.__version__, str)
    warnings.simplefilter("ignore", segpost.InputWarning)


def mistakes() -> None:
    """Lines that must be errors; they are never run."""
    segpost.argmax(scores, grid="halfpixel")  # type: ignore[call-overload]
    segpost.argmax([[1.0, 2.0]])  # type: ignore[call-overload]
    segpost.postprocess(scores, want=("label",))  # type: ignore[type-var]
    segpost.postprocess(scores, palete="voc")  # type: ignore[call-overload]
    segpost.postprocess(scores, convention="torchvison")  # type: ignore[call-overload]
    _ = segpost.postprocess(scores).color.shape  # type: ignore[attr-defined]
    segpost.Stream(grid="halfpixel")  # type: ignore[call-overload]
    segpost.Palette.named("vocc")  # type: ignore[arg-type]
    segpost.Letterbox.fit(SIZE, align="left")  # type: ignore[arg-type]
    segpost.ConfusionMatrix(3, invalid_target="miss")  # type: ignore[arg-type]
    segpost.ConfusionMatrix(3).compute("huggingface")  # type: ignore[arg-type]
    segpost.ConfusionMatrix(3).update(maps, maps, convention="smpp")  # type: ignore[arg-type]
    segpost.fingerprint(scores, precision="half")  # type: ignore[arg-type]
    segpost.DenseCRF(quality="best")  # type: ignore[arg-type]
    segpost.DenseCRF.preset("voc")  # type: ignore[arg-type]
    segpost.class_weights([1], method="median")  # type: ignore[arg-type]
    segpost.Merger(SIZE, 3).add(tensor)  # type: ignore[arg-type]
    segpost.use_backend("gpu")  # type: ignore[arg-type]
    segpost.Finding("code", "sure", "A message.")  # type: ignore[arg-type]
    segpost.Segmentation(labels=maps).save("a.png", what="label")  # type: ignore[arg-type]
    segpost.argmin(scores)  # type: ignore[attr-defined]


if __name__ == "__main__":
    for use in (functions, results, streams, crf, letterboxes, metrics, palettes, findings):
        use()
    predict(scores, "half_pixel", ("labels", "color"), "voc")
    installation()
