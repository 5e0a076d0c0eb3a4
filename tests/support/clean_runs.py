"""Runs with nothing wrong in them, on which `segpost.diagnose` must be silent."""

from __future__ import annotations

from typing import Any

import numpy as np
from corpus_scenes import MEAN, STD, normalize
from diagnosis_scenes import (
    CLASSES,
    SIZE,
    Arguments,
    Run,
    logits_of,
    mark_void,
    open_saved,
    pair,
    photograph,
    regions,
)

import segpost
from segpost.color.datasets import list_palettes


def list_clean_runs() -> list[Run]:
    """Runs with nothing wrong in them."""
    runs = []
    for seed in range(4):
        for classes in (2, 7, 19, 60, 200):

            def pass_everything(classes: int = classes, seed: int = seed) -> Arguments:
                logits, labels, target = pair(classes, seed=seed)
                return {
                    "logits": logits,
                    "repeat_logits": logits.copy(),
                    "labels": labels,
                    "target": target,
                    "num_classes": classes,
                }

            runs.append(Run(f"{classes} classes, scene {seed}", pass_everything))

    def pass_voc() -> Arguments:
        logits, labels, target = pair(21)
        palette = segpost.Palette.named("voc")
        photo = photograph()
        return {
            "logits": logits,
            "labels": labels,
            "color": segpost.colorize(labels, palette),
            "target": mark_void(target),
            "palette": "voc",
            "class_names": palette.names,
            "image": photo,
            "input": normalize(photo),
            "mean": MEAN,
            "std": STD,
        }

    runs.append(Run("everything given, VOC", pass_voc))
    for name in list_palettes():

        def draw(name: Any = name) -> Arguments:
            palette = segpost.Palette.named(name)
            labels = regions(min(len(palette), 40))
            return {"labels": labels, "color": segpost.colorize(labels, palette), "palette": name}

        runs.append(Run(f"drawn with the palette {name}", draw))
    for grid in ("half_pixel", "align_corners", "asymmetric"):
        for stride in (4, 8, 16):

            def fit(grid: Any = grid, stride: int = stride) -> Arguments:
                target = regions()
                logits = logits_of(target, stride=stride, grid=grid)
                labels = segpost.argmax(logits, size=SIZE, grid=grid)
                return {"logits": logits, "labels": labels, "target": target, "grid": grid}

            runs.append(Run(f"logits at 1/{stride} on {grid}", fit))
    for align in ("center", "top_left"):

        def pad(align: Any = align) -> Arguments:
            box = segpost.Letterbox.fit(SIZE, (256, 256), align=align)
            target = regions()
            top, left = box.offset
            padded = np.pad(target, ((top, 64 - top), (left, 0)))
            logits = logits_of(padded)
            labels = segpost.argmax(logits, letterbox=box)
            return {"logits": logits, "letterbox": box, "labels": labels, "target": target}

        runs.append(Run(f"a letterbox, {align}", pad))
    zeros = np.zeros(SIZE, np.uint8)
    nothing = logits_of(zeros)
    full = logits_of(regions(), stride=1)
    binary = (regions() > 3).astype(np.uint8)
    one = (logits_of(binary, 2)[1] - logits_of(binary, 2)[0])[None]
    tiny = logits_of(regions(3, (4, 5)), 3, 1)
    huge = np.random.default_rng(0).standard_normal((900, 12, 14)).astype(np.float32) * 4
    masked = logits_of(regions())
    masked[6] = -np.inf
    photo = photograph()
    greys = np.repeat(20 * np.arange(CLASSES, dtype=np.uint8)[:, None], 3, axis=1)
    runs += [
        Run("all background, no target", lambda: {"logits": nothing, "labels": zeros}),
        Run("all background, so is the target", lambda: {"logits": nothing, "target": zeros}),
        Run("all background, VOC", lambda: {"labels": zeros, "palette": "voc"}),
        Run("a target of one class, predicted", lambda: {"labels": zeros + np.uint8(3),
                                                         "target": zeros + np.uint8(3)}),
        Run("two classes", lambda: {"logits": logits_of(binary, 2), "target": binary}),
        Run("a sigmoid head and its threshold", lambda: {"logits": one, "threshold": 0.5,
                                                         "target": binary}),
        Run("channels last", lambda: {"logits": full.transpose(1, 2, 0), "axis": -1,
                                      "labels": full.argmax(0)}),
        Run("int8 with scale and zero point", lambda: {
            "logits": np.clip(np.rint(full * 8), -128, 127).astype(np.int8),
            "quantization": (0.125, 0)}),
        Run("float16", lambda: {"logits": full.astype(np.float16), "target": regions()}),
        Run("a masked class", lambda: {"logits": masked, "num_classes": CLASSES}),
        Run("a few pixels", lambda: {"logits": tiny, "target": regions(3, (4, 5))}),
        Run("one pixel", lambda: {"logits": tiny[:, :1, :1], "target": zeros[:1, :1]}),
        Run("900 classes", lambda: {"logits": huge, "labels": huge.argmax(0)}),
        Run("void of a target", lambda: {"labels": regions(), "target": mark_void(regions()),
                                         "ignore_index": 255, "num_classes": CLASSES}),
        Run("rounding between two runs", lambda: {
            "logits": full, "repeat_logits": full * np.float32(1 + 1e-6)}),
        Run("two pictures", lambda: {"labels": np.stack([regions(), regions(seed=1)]),
                                     "target": np.stack([regions(), regions(seed=1)])}),
        Run("noise for labels", lambda: {
            "labels": np.random.default_rng(0).integers(0, 21, SIZE).astype(np.uint8),
            "num_classes": 21}),
        Run("a hard network", lambda: {"logits": logits_of(regions(), noise=4.0),
                                       "target": regions()}),
        Run("labelIds, 34 classes", lambda: {
            "labels": np.array([7, 8, 11, 21, 23, 26, 33], np.uint8)[regions()],
            "target": np.array([7, 8, 11, 21, 23, 26, 33], np.uint8)[regions()],
            "palette": "cityscapes_labelid"}),
        Run("an input in -1..1", lambda: {
            "input": (photo / 127.5 - 1).transpose(2, 0, 1), "image": photo,
            "mean": (0.5,) * 3, "std": (0.5,) * 3}),
        Run("an input in 0..255, nothing else done", lambda: {
            "input": photo.transpose(2, 0, 1), "image": photo, "mean": (0,) * 3, "std": (1,) * 3}),
        Run("an input in 0..1, nothing else done", lambda: {
            "input": (photo / 255).transpose(2, 0, 1), "image": photo, "mean": (0,) * 3,
            "std": (1,) * 3}),
        Run("cosines for logits, which are small and right", lambda: {
            "logits": full / full.max() * np.float32(0.1), "target": regions()}),
        Run("stripes", lambda: {"labels": np.arange(256, dtype=np.uint8).repeat(16)[:256]
                                .reshape(1, -1).repeat(192, 0)}),
        Run("a palette of greys", lambda: {
            "labels": regions(), "palette": greys,
            "color": greys[regions()]}),
        Run("rounding between two runs in float16", lambda: {
            "logits": full.astype(np.float16),
            "repeat_logits": (full * np.float32(1.001)).astype(np.float16)}),
        Run("an input in 0..255 less the mean, half the size", lambda: {
            "input": (photo[::2, ::2] - np.array([103.9, 116.8, 123.7])), "image": photo,
            "mean": (103.9, 116.8, 123.7), "std": (1, 1, 1)}),
    ]  # fmt: skip
    colors = segpost.Palette.named("voc").colors
    runs.append(
        Run(
            "an indexed file",
            lambda: {"labels": open_saved(regions(), palette=colors), "palette": "voc"},
        )
    )
    return runs
