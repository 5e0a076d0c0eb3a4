"""The libraries that dialects reproduce: called as their users call them, or defined anew.

A peer takes images, as a list of (predictions, target), the number of classes and the ignored
value. It gives what it prints by its own names, as shares of 1, with "iou" and "recall" where it
lists them, and raises where it stops.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
import tempfile
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

Labels = npt.NDArray[np.int64]
Images = list[tuple[Labels, Labels]]  # predictions and target
Peer = Callable[[Images, int, "int | None"], dict[str, Any]]
NOWHERE = -999  # an ignored value for libraries that must have one


@functools.cache
def library(name: str, file: str = "") -> Any:
    """A module, or one file of a package without all that the package imports; skips if missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return one_file(name, file) if file else importlib.import_module(name)
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision of another torch
        pytest.skip(f"{name}: {error}")


def one_file(package: str, file: str) -> Any:
    """The module in that file; the package is left as bare as it can be."""
    package_spec = importlib.util.find_spec(package)
    if package_spec is None or not package_spec.submodule_search_locations:
        raise ImportError(f"No module named {package!r}")
    bare = types.ModuleType(package)
    bare.__spec__, bare.__path__ = package_spec, list(package_spec.submodule_search_locations)
    sys.modules.setdefault(package, bare)
    spec = importlib.util.spec_from_file_location(Path(file).stem, Path(bare.__path__[0], file))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Libraries


def torchmetrics(
    images: Images, classes: int, ignored: int | None, validate: bool = False
) -> dict[str, Any]:
    torch, index = library("torch"), library("torchmetrics").JaccardIndex
    values = []
    for average in ("macro", "none"):
        metric = index(
            task="multiclass",
            num_classes=classes,
            ignore_index=ignored,
            average=average,
            validate_args=validate,
        )
        for preds, target in images:
            metric.update(torch.from_numpy(preds), torch.from_numpy(target))
        values.append(metric.compute().numpy())
    return {"JaccardIndex": float(values[0]), "iou": np.atleast_1d(values[1])}


def sklearn(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    score = library("sklearn.metrics").jaccard_score
    preds, target = (np.concatenate([pair[k].ravel() for pair in images]) for k in (0, 1))
    is_valid = target != ignored if ignored is not None else np.ones(len(target), bool)
    valid_pair = target[is_valid], preds[is_valid]
    labels = list(range(classes))
    return {
        "jaccard_score": float(score(*valid_pair, labels=labels, average="macro")),
        "iou": score(*valid_pair, labels=labels, average=None),
    }


def keras(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    home = Path(tempfile.gettempdir(), "segpost-keras")  # where it writes its settings
    os.environ.setdefault("KERAS_HOME", str(home))
    module = library("keras")
    if tuple(map(int, module.__version__.split(".")[:2])) < (3, 15):
        pytest.skip("keras before 3.15 counted predictions of no class")
    metric = module.metrics.MeanIoU(num_classes=classes, ignore_class=ignored)
    for preds, target in images:
        metric.update_state(target, preds)
    return {"mean_io_u": float(metric.result())}


def monai(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    """A void that is no class is the pixels that are zero in all channels, as its pages say."""
    torch, one_hot = library("torch"), library("monai.networks.utils").one_hot
    metric_class = library("monai.metrics").MeanIoU
    if "ignore_index" not in metric_class.__init__.__code__.co_varnames:
        pytest.skip("monai before 1.6 has no ignore_index")
    metric = metric_class(ignore_index=ignored)
    for preds, target in images:
        p, t = (torch.from_numpy(labels)[None, None] for labels in (preds, target))
        if ignored is None or 0 <= ignored < classes:
            truth = one_hot(t, classes)
        else:
            void = t == ignored
            truth = one_hot(t.masked_fill(void, 0), classes) * ~void
        metric(one_hot(p, classes), truth)
    return {"MeanIoU": float(metric.aggregate())}


def smp(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    torch = library("torch")
    metrics = library("segmentation_models_pytorch", "metrics/functional.py")
    stats = [
        metrics.get_stats(
            torch.from_numpy(preds)[None],
            torch.from_numpy(target)[None],
            mode="multiclass",
            num_classes=classes,
            ignore_index=ignored,
        )
        for preds, target in images
    ]
    every = [torch.cat(part) for part in zip(*stats, strict=True)]
    total = [part.sum(0, keepdim=True) for part in every]
    return {
        "iou_score": float(metrics.iou_score(*every, reduction="macro")),
        "iou": metrics.iou_score(*total, reduction="none")[0].numpy(),
    }


def mmseg(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    """The numbers before they are rounded; `printed` has those that its log shows."""
    torch, metrics = library("torch"), library("mmseg", "evaluation/metrics/iou_metric.py")
    metric = metrics.IoUMetric(ignore_index=NOWHERE if ignored is None else ignored)
    metric.dataset_meta = {"classes": [str(c) for c in range(classes)]}
    samples = [
        {
            "pred_sem_seg": {"data": torch.from_numpy(preds)[None]},
            "gt_sem_seg": {"data": torch.from_numpy(target)[None]},
        }
        for preds, target in images
    ]
    metric.process({}, samples)
    printed = metric.compute_metrics(metric.results)
    totals = [sum(part) for part in zip(*metric.results, strict=True)]
    exact = metric.total_area_to_metrics(*totals, ["mIoU"])
    return {
        "aAcc": float(exact["aAcc"]),
        "mIoU": float(np.nanmean(exact["IoU"])),
        "mAcc": float(np.nanmean(exact["Acc"])),
        "iou": exact["IoU"],
        "recall": exact["Acc"],
        "printed": {name: float(value) for name, value in printed.items()},
    }


def cityscapes(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    """PNG files with the ids of evaluated labels, and of ignored ones for what is no class."""
    module = library("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    from PIL import Image

    labels = [label for label in module.labels if label.id >= 0]
    evaluated_ids = [label.id for label in labels if not label.ignoreInEval][:classes]
    others = [label.id for label in labels if label.ignoreInEval]
    module.args.evalInstLevelScore = module.args.JSONOutput = False
    module.args.quiet = True
    with tempfile.TemporaryDirectory() as folder:
        files: tuple[list[str], list[str]] = ([], [])
        for number, pair in enumerate(images):
            for kind, array in enumerate(pair):
                ids = np.empty(array.shape, np.uint8)
                for value in np.unique(array):
                    is_class = 0 <= value < classes and value != ignored
                    ids[array == value] = (
                        evaluated_ids[value] if is_class else others[value % len(others)]
                    )
                files[kind].append(f"{folder}/{kind}-{number}.png")
                Image.fromarray(ids).save(files[kind][-1])
        result = module.evaluateImgLists(*files, module.args)
    names = {label.id: label.name for label in labels}
    iou = [result["classScores"][names[evaluated_ids[c]]] for c in range(classes)]
    return {
        "averageScoreClasses": result["averageScoreClasses"],
        "iou": [np.nan if c == ignored else value for c, value in enumerate(iou)],
    }


# Definitions, for libraries that no registry has, and for those that are not installed


def areas(images: Images, classes: int, ignored: int | None) -> tuple[Labels, Labels, Labels]:
    """Pixels that agree, that are the class in the target, and that are predicted as it."""
    totals = np.zeros((3, classes), np.int64)
    for preds, target in images:
        is_valid = target != (NOWHERE if ignored is None else ignored)
        p, t = preds[is_valid], target[is_valid]
        for c in range(classes):
            totals[:, c] += [np.sum((p == c) & (t == c)), np.sum(t == c), np.sum(p == c)]
    return totals[0], totals[1], totals[2]


def histograms(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    """mmseg and evaluate: histograms of what is common and of either map, void left out."""
    hits, target, preds = areas(images, classes, ignored)
    iou, recall = hits / (target + preds - hits), hits / target
    return {
        "mIoU": np.nanmean(iou),
        "aAcc": hits.sum() / target.sum(),
        "mAcc": np.nanmean(recall),
        "iou": iou,
        "recall": recall,
    }


def evaluate(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    says = histograms(images, classes, ignored)
    names = {"mIoU": "mean_iou", "aAcc": "overall_accuracy", "mAcc": "mean_accuracy"}
    return {names.get(name, name): value for name, value in says.items()}


def paddleseg(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    """PaddleSeg since 2.9: the target's area is not masked, and classes in neither map are 1."""
    hits, _, preds = areas(images, classes, ignored)
    target = np.sum([[np.sum(t == c) for c in range(classes)] for _, t in images], axis=0)
    union, both = target + preds - hits, target + preds
    iou = np.where(union == 0, 1.0, hits / np.maximum(union, 1))
    chance = (preds * target).sum() / target.sum() ** 2
    return {
        "mIoU": iou.mean(),
        "Acc": hits.sum() / preds.sum(),
        "Kappa": (hits.sum() / target.sum() - chance) / (1 - chance),
        "Dice": np.where(both == 0, 0.0, 2 * hits / np.maximum(both, 1)).mean(),
        "iou": iou,
    }


def voc(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    """The devkit's VOCevalseg: a joint histogram of 8-bit maps, 255 being void."""
    if ignored is not None and 0 <= ignored < classes:
        raise ValueError("only 255 is void")
    table = np.zeros(classes * classes, np.int64)
    for preds, target in images:
        if preds.min() < 0 or preds.max() >= classes:
            raise ValueError("the result has a label out of range")
        t = np.where((target == ignored) | (target < 0), 255, target)
        bins = (t + classes * preds)[t < 255]
        table += np.bincount(bins[bins < len(table)], minlength=len(table))
    matrix = table.reshape(classes, classes)  # rows are predictions
    hits = matrix.diagonal()
    iou = hits / (matrix.sum(axis=0) + matrix.sum(axis=1) - hits)
    return {"avacc": iou.mean(), "iou": iou}


def torchvision(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    """The references' ConfusionMatrix: only the target's range is looked at."""
    if ignored is not None and 0 <= ignored < classes:
        raise ValueError("there is no ignore_index")
    matrix = np.zeros((classes, classes), np.int64)
    for preds, target in images:
        is_valid = (target >= 0) & (target < classes)
        flat = classes * target[is_valid] + preds[is_valid]
        matrix += np.bincount(flat, minlength=classes**2).reshape(matrix.shape)
    hits, rows = matrix.diagonal(), matrix.sum(axis=1)
    iou = hits / (rows + matrix.sum(axis=0) - hits)
    return {
        "global correct": hits.sum() / matrix.sum(),
        "mean IoU": iou.mean(),
        "iou": iou,
        "recall": hits / rows,
    }


def detectron2(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    """SemSegEvaluator: void becomes one more class, whose row and column are left out."""
    side = classes + 1
    matrix = np.zeros((side, side), np.int64)  # rows are predictions
    for preds, target in images:
        t = np.where(target == (NOWHERE if ignored is None else ignored), classes, target)
        if preds.min() < 0:
            raise ValueError("an argmax is never negative")
        matrix += np.bincount((side * preds + t).ravel(), minlength=side**2).reshape(side, side)
    inner = matrix[:-1, :-1]
    hits, target, preds = inner.diagonal(), inner.sum(axis=0), inner.sum(axis=1)
    there = target > 0
    iou, recall = np.full(classes, np.nan), np.full(classes, np.nan)
    iou[there] = hits[there] / (target + preds - hits)[there]
    recall[there] = hits[there] / target[there]
    return {
        "mIoU": iou[there].sum() / there.sum(),
        "fwIoU": (iou[there] * target[there] / target.sum()).sum(),
        "mACC": recall[there].sum() / there.sum(),
        "pACC": hits.sum() / target.sum(),
        "iou": iou,
        "recall": recall,
    }


def label_table(images: Images, classes: int, ignored: int | None) -> dict[str, Any]:
    """cityscapesScripts: a table of 34 labels, of which those that are no class are ignored."""
    table = np.zeros((34, 34), np.int64)
    for pair in images:
        p, t = (
            np.where(
                (labels >= 0) & (labels < classes) & (labels != ignored),
                labels,
                classes + labels % (34 - classes),
            )
            for labels in pair
        )
        np.add.at(table, (t, p), 1)
    hits = table.diagonal()[:classes]
    union = table[:classes].sum(axis=1) + table[:classes, :classes].sum(axis=0) - hits
    iou = hits / union
    return {"averageScoreClasses": np.nanmean(iou), "iou": iou}


LIBRARIES: dict[str, Peer] = {
    "mmseg": mmseg,
    "cityscapes": cityscapes,
    "torchmetrics": torchmetrics,
    "smp": smp,
    "keras": keras,
    "sklearn": sklearn,
    "monai": monai,
}
DEFINITIONS: dict[str, Peer] = {
    "mmseg": histograms,
    "hf": evaluate,
    "cityscapes": label_table,
    "voc": voc,
    "detectron2": detectron2,
    "torchvision": torchvision,
    "paddleseg": paddleseg,
}
