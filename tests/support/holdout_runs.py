"""Runs that the diagnosis corpus does not have: right ones, and mistakes of other kinds."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from corpus_failures import CorpusFailure, enlarge
from corpus_right import CorpusRun, Output, iter_ways, labels_of, void_of
from corpus_scenes import MEAN, STD, VOID, normalize
from diagnosis_scenes import Image, opened, resized, smoothly_resized, softmax
from holdout_scenes import KINDS

import segpost

Arguments = dict[str, Any]
CITYSCAPES, ADE20K = (segpost.Palette.named(name) for name in ("cityscapes", "ade20k"))
NORMALIZATION: Arguments = {"mean": MEAN, "std": STD}


class Holdout(NamedTuple):
    """Outputs of networks by name, whose first word is the kind of scene."""

    outputs: dict[str, Output]

    def run(self, network: str, k: int) -> Arguments:
        """Return labels and target of a scene, as arguments."""
        output = self.outputs[network]
        target = output.targets[k]
        return {"labels": output.labels[k], "target": target, "num_classes": output.classes,
                **void_of(target)}  # fmt: skip

    def logits(self, network: str, k: int) -> Arguments:
        """Return logits and target of a scene, as arguments."""
        output = self.outputs[network]
        target = output.targets[k]
        return {"logits": output.logits[k], "target": target, **output.options, **void_of(target)}


def as_output(kind: str, logits: np.ndarray, first: int, align_corners: bool) -> Output:
    """Return the logits of the scenes from the seed `first` with their labels and targets."""
    scenes = [KINDS[kind].draw(first + k) for k in range(len(logits))]
    targets = np.stack([scene.target for scene in scenes])
    options: Arguments = {"grid": "align_corners" if align_corners else "half_pixel"}
    if logits.shape[1] == 1:
        options["threshold"] = 0.5
    labels = labels_of(logits, targets, options)
    return Output(KINDS[kind].classes, logits, labels, scenes, targets, options)


# Right runs


def iter_right(holdout: Holdout) -> Iterator[CorpusRun]:
    """Yield every right run."""
    for network, output in holdout.outputs.items():
        for k in range(len(output.logits)):
            for how, arguments in (*iter_ways(output, k), *iter_other_ways(output, k)):
                if "target" not in arguments or (arguments["target"] != VOID).any():
                    yield CorpusRun(network, how, k, arguments)
        for first in range(0, len(output.logits) - 2, 3):
            part = slice(first, first + 3)
            void = void_of(output.targets)
            yield CorpusRun(network, "three pictures, logits", first, {
                "logits": output.logits[part], "target": output.targets[part],
                **output.options, **void,
            })  # fmt: skip
            yield CorpusRun(network, "three pictures, labels", first, {
                "labels": output.labels[part], "target": output.targets[part],
                "num_classes": output.classes, **void,
            })  # fmt: skip


def iter_other_ways(output: Output, k: int) -> Iterator[tuple[str, Arguments]]:
    """Yield what honest code does to logits and labels."""
    logits, labels, target = output.logits[k], output.labels[k], output.targets[k]
    void, classes = void_of(target), {"num_classes": output.classes}
    maps: Arguments = {"target": target, **classes, **void}
    if len(logits) > 1:
        shifted = logits - logits.max(0)
        log_softmax = shifted - np.log(np.exp(shifted).sum(0))
        yield "log-softmax", {"logits": log_softmax, "target": target, **output.options, **void}
        yield "float16", {
            "logits": logits.astype(np.float16), "target": target, **output.options, **void,
        }  # fmt: skip
        full = enlarge(logits, target.shape)
        if output.options["grid"] == "half_pixel":
            yield "logits of full size", {"logits": full, "labels": labels, **maps}
    yield "a majority of 3 x 3", {"labels": _majority(labels, output.classes), **maps}
    yield "int64", {"labels": labels.astype(np.int64), **maps, "target": target.astype(np.int64)}
    if k % 3 == 0:
        yield "twice the size", {
            **maps, "labels": labels.repeat(2, 0).repeat(2, 1),
            "target": target.repeat(2, 0).repeat(2, 1),
        }  # fmt: skip
        yield "a palette", {"labels": labels, "palette": ADE20K, **maps}
        yield "colors", {
            "labels": labels, "palette": ADE20K, **maps,
            "color": np.asarray(segpost.colorize(labels, ADE20K)),
        }  # fmt: skip
        yield "class names", {
            "labels": labels, **maps, "class_names": [f"class {c}" for c in range(output.classes)],
        }  # fmt: skip
        yield "a corner", {**maps, "labels": labels[:40, :56], "target": target[:40, :56]}
    if k % 3 == 1 and not void:
        yield "one class more than there is", {
            "labels": labels, "target": target, "num_classes": output.classes + 1,
        }  # fmt: skip


def _majority(labels: np.ndarray, classes: int) -> np.ndarray:
    hot = np.pad(np.eye(classes)[labels], ((1, 1), (1, 1), (0, 0)))
    h, w = labels.shape
    sums = sum(hot[y : y + h, x : x + w] for y in range(3) for x in range(3))
    return np.asarray(np.asarray(sums).argmax(-1), labels.dtype)


# Mistakes


def iter_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield every mistake whose networks there are."""
    for name, iterator in (
        ("street_fcn", iter_inputs), ("street_fcn", iter_places), ("street_fcn", iter_classes),
        ("street_fcn", iter_targets), ("street_fcn", iter_logits), ("street_fcn", iter_pictures),
    ):  # fmt: skip
        if name in holdout.outputs:
            yield from iterator(holdout)


def iter_inputs(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield mistakes of preprocessing, with the image beside them."""
    mean, std = np.array(MEAN), np.array(STD)

    def fed(change: Callable[[np.ndarray], np.ndarray], network: str = "street_fcn") -> Any:
        def make(k: int) -> Arguments:
            image = holdout.outputs[network].scenes[k].image
            return {"input": change(image), "image": image, **NORMALIZATION}

        return make

    def planes(a: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(a.transpose(2, 0, 1), np.float32)

    luma = np.array((0.299, 0.587, 0.114))
    scale = ("input-normalization",)
    mixed = ("input-channels-mixed",)
    changes: tuple[tuple[str, tuple[str, ...], Callable[[np.ndarray], np.ndarray]], ...] = (
        ("gray by BT.601", mixed, lambda a: normalize((a @ luma)[..., None].repeat(3, 2))),
        ("normalized twice", scale, lambda a: planes(((a / 255 - mean) / std - mean) / std)),
        ("the mean was not subtracted", scale, lambda a: planes(a / 255 / std)),
        ("not divided by std", scale, lambda a: planes(a / 255 - mean)),
        ("Caffe's means, blue first", ("input-bgr", "input-normalization"),
         lambda a: planes(a[..., ::-1] - np.array((104.0, 117.0, 123.0)))),
        ("another part of the image", ("input-of-other-image",),
         lambda a: normalize(np.roll(a, (30, 61), (0, 1)))),
        ("green and blue exchanged", mixed, lambda a: normalize(a[..., [0, 2, 1]])),
        ("a negative", scale, lambda a: normalize(255 - a)),
        ("a pixel that is not finite", ("input-not-finite",),
         lambda a: np.where(np.arange(a.shape[1]) == 3, np.nan, normalize(a))),
        ("zeros", ("input-constant",), lambda a: normalize(a) * np.float32(0)),
        ("upside down", ("input-flipped",), lambda a: normalize(a[::-1])),
        ("the red channel three times", mixed, lambda a: normalize(a[..., :1].repeat(3, 2))),
    )  # fmt: skip
    for what, codes, change in changes:
        yield CorpusFailure(f"input: {what}", codes, fed(change))
    if "organs_long" in holdout.outputs:
        yield CorpusFailure(
            "input: turned", ("input-flipped",),
            fed(lambda a: normalize(np.rot90(a)), "organs_long"),
        )  # fmt: skip


def iter_places(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield predictions that are not where their target is."""

    def moved(change: Callable[[np.ndarray], np.ndarray], network: str = "street_fcn") -> Any:
        def make(k: int) -> Arguments:
            arguments = holdout.run(network, k)
            return {**arguments, "labels": np.ascontiguousarray(change(arguments["labels"]))}

        return make

    def batch(order: list[int], network: str) -> Any:
        def make(k: int) -> Arguments:
            output = holdout.outputs[network]
            chosen = [k + i for i in range(len(order))]
            return {"labels": output.labels[[chosen[i] for i in order]],
                    "target": output.targets[chosen], "num_classes": output.classes,
                    **void_of(output.targets)}  # fmt: skip

        return make

    def padded(labels: np.ndarray, top: int) -> np.ndarray:
        square = np.zeros((256, 256), labels.dtype)
        square[top : top + 128] = labels
        return resized(square, labels.shape)

    yield CorpusFailure("upside down", ("turned",), moved(lambda a: a[::-1]))
    yield CorpusFailure("5 up, 3 to the right", ("shifted",), moved(lambda a: _moved(a, -5, 3)))
    yield CorpusFailure("12 to the left", ("shifted",), moved(lambda a: _moved(a, 0, -12)))
    yield CorpusFailure(
        "thirds in reverse", ("tiles-exchanged", ""),
        moved(lambda a: np.concatenate([a[:, 170:], a[:, 85:170], a[:, :85]], 1)),
    )  # fmt: skip
    yield CorpusFailure(
        "quarters in another order", ("tiles-exchanged",),
        moved(lambda a: np.concatenate([a[:, 64:128], a[:, 192:], a[:, :64], a[:, 128:192]], 1)),
    )  # fmt: skip
    yield CorpusFailure(
        "each picture's prediction is the next one's", ("pictures-exchanged",),
        batch([1, 2, 3, 0], "street_fcn"),
    )  # fmt: skip
    yield CorpusFailure(
        "center crop of 0.9", ("letterbox",),
        moved(lambda a: resized(a[6:122, 13:243], a.shape)),
    )  # fmt: skip
    yield CorpusFailure("padding below kept", ("letterbox",), moved(lambda a: padded(a, 0)))
    yield CorpusFailure(
        "padding at both sides kept", ("letterbox",), moved(lambda a: padded(a, 64))
    )
    yield CorpusFailure("labels of (W, H)", ("height-width-swapped",), moved(lambda a: a.T))
    yield CorpusFailure("every second pixel", ("size-mismatch",), moved(lambda a: a[::2, ::2]))
    yield CorpusFailure("the right half is empty", (), moved(lambda a: _emptied(a, 128)))
    yield CorpusFailure(
        "another street", (),
        lambda k: {**holdout.run("street_fcn", k),
                   "labels": holdout.outputs["street_fcn"].labels[k + 4]},
    )  # fmt: skip
    for network in ("organs_long", "cover_long"):
        if network in holdout.outputs:
            yield CorpusFailure(
                f"turned to the right, {network}", ("turned",),
                moved(lambda a: np.rot90(a, -1), network),
            )  # fmt: skip
            yield CorpusFailure(
                f"transposed, {network}", ("turned",), moved(lambda a: a.T, network)
            )
            yield CorpusFailure(
                f"7 down, {network}", ("shifted",), moved(lambda a: _moved(a, 7, 0), network)
            )
    if "page_long" in holdout.outputs:
        yield CorpusFailure(
            "two pages exchanged", ("pictures-exchanged",), batch([1, 0], "page_long"),
        )  # fmt: skip
        yield CorpusFailure(
            "4 down, pages", ("shifted",), moved(lambda a: _moved(a, 4, 0), "page_long")
        )


def _moved(labels: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return labels moved, with the border repeated where nothing came in."""
    h, w = labels.shape
    rows = np.clip(np.arange(h) - down, 0, h - 1)
    return np.asarray(labels[rows[:, None], np.clip(np.arange(w) - right, 0, w - 1)])


def _emptied(labels: np.ndarray, first: int) -> np.ndarray:
    result = labels.copy()
    result[:, first:] = 0
    return result


def iter_classes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield other meanings of classes."""

    def mapped(table: np.ndarray, network: str = "street_fcn", **more: Any) -> Any:
        return lambda k: {**holdout.run(network, k),
                          "labels": table[holdout.run(network, k)["labels"]], **more}  # fmt: skip

    eight = np.arange(8, dtype=np.uint8)
    yield CorpusFailure("classes in reverse", ("classes-permuted",), mapped(eight[::-1]))
    yield CorpusFailure(
        "classes by alphabet", ("classes-permuted",),
        mapped(np.array([4, 3, 1, 7, 0, 2, 6, 5], np.uint8)),
    )  # fmt: skip
    yield CorpusFailure(
        "each class is the next",
        ("classes-permuted", "class-offset", "reduce-zero-label-missing",
         "reduce-zero-label-twice"),
        mapped(np.roll(eight, -1)),
    )  # fmt: skip
    yield CorpusFailure(
        "three further", ("class-offset",), mapped(eight + np.uint8(3), num_classes=11)
    )
    yield CorpusFailure("road and sky exchanged", ("classes-permuted",), mapped(_swapped(8, 0, 3)))
    yield CorpusFailure("times 30", ("labels-stretched",), mapped(eight * np.uint8(30)))
    yield CorpusFailure("cars called people", (), mapped(np.where(eight == 4, 6, eight)))
    yield CorpusFailure("nothing but road", ("one-class",), mapped(eight * np.uint8(0)))
    yield CorpusFailure(
        "labelIds of Cityscapes", ("labelid-for-trainid", "labels-outside", "classes-permuted"),
        mapped(np.array([7, 8, 11, 23, 26, 17, 24, 21], np.uint8), num_classes=19),
    )  # fmt: skip
    if "cover_long" in holdout.outputs:
        twelve = np.random.RandomState(4).permutation(12).astype(np.uint8)
        yield CorpusFailure(
            "a random order of twelve", ("classes-permuted",), mapped(twelve, "cover_long")
        )
    if "vessels_full" in holdout.outputs:
        two = np.arange(2, dtype=np.uint8)
        yield CorpusFailure(
            "background for vessels", ("inverted-mask",), mapped(1 - two, "vessels_full")
        )
        yield CorpusFailure(
            "a mask of 0 and 255", ("labels-0-255",), mapped(two * np.uint8(255), "vessels_full")
        )
    if "organs_long" in holdout.outputs:
        five = np.arange(5, dtype=np.uint8)
        yield CorpusFailure(
            "two organs exchanged", ("classes-permuted",), mapped(_swapped(5, 1, 2), "organs_long"),
            scenes=tuple(k for k in range(8) if np.isin(
                (1, 2), holdout.outputs["organs_long"].targets[k]).all())[:4],
        )  # fmt: skip
        yield CorpusFailure(
            "counted from 1",
            ("reduce-zero-label-missing", "reduce-zero-label-twice", "class-offset"),
            mapped(five + np.uint8(1), "organs_long", num_classes=6),
        )  # fmt: skip


def _swapped(classes: int, one: int, other: int) -> np.ndarray:
    table = np.arange(classes, dtype=np.uint8)
    table[[one, other]] = table[[other, one]]
    return table


def iter_targets(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield mistakes of targets beside a right prediction."""

    def read(
        change: Callable[[np.ndarray], Any], network: str = "street_fcn", **more: Any
    ) -> Callable[[int], Arguments]:
        def make(k: int) -> Arguments:
            arguments = holdout.run(network, k)
            return {**arguments, "target": change(arguments["target"]), **more}

        return make

    def kept(target: np.ndarray) -> np.ndarray:
        return np.where(target == VOID, 0, target).astype(np.uint8)

    def gray(target: np.ndarray) -> np.ndarray:
        picture = np.asarray(segpost.colorize(kept(target), CITYSCAPES))
        return np.asarray(Image.fromarray(picture).convert("L"))

    cityscapes: Arguments = {"palette": "cityscapes", "num_classes": 19}
    yield CorpusFailure("gray of Cityscapes", ("target-luma",), read(gray, **cityscapes))
    yield CorpusFailure(
        "colors of Cityscapes", ("target-is-a-picture",),
        read(lambda t: np.asarray(segpost.colorize(kept(t), CITYSCAPES)), **cityscapes),
    )  # fmt: skip
    yield CorpusFailure(
        "enlarged by 1.3 with interpolation", ("target-interpolated",),
        lambda k: {"target": smoothly_resized(
            kept(holdout.outputs["street_fcn"].targets[k]) * np.uint8(9), (166, 333)),
            "num_classes": 8},
    )  # fmt: skip
    yield CorpusFailure(
        "void is a value like others", ("void-not-ignored",), read(lambda t: t, ignore_index=None)
    )
    yield CorpusFailure(
        "0 is void, classes from 1",
        ("reduce-zero-label-missing", "class-offset", "target-one-too-many"),
        read(lambda t: np.where(t == VOID, 0, t + 1).astype(np.uint8)),
    )  # fmt: skip
    yield CorpusFailure(
        "class 0 became void", ("reduce-zero-label-twice", "class-offset"),
        read(lambda t: np.where(t == VOID, VOID, t - np.uint8(1)).astype(np.uint8)),
    )  # fmt: skip
    yield CorpusFailure(
        "a JPEG of quality 90", ("lossy-label-file",), read(lambda t: _as_jpeg(t * np.uint8(20)))
    )
    yield CorpusFailure(
        "divided by 255, float32", ("ids-divided",), read(lambda t: np.float32(kept(t)) / 255)
    )
    yield CorpusFailure("times 25", ("target-stretched",), read(lambda t: kept(t) * np.uint8(25)))
    for network in ("street_fcn", "street_poor", "vessels_full"):
        if network in holdout.outputs:
            yield CorpusFailure(
                f"void became class 0, {network}", (), read(kept, network),
            )  # fmt: skip
    yield CorpusFailure("all void", ("target-all-void",), read(lambda t: np.full_like(t, VOID)))
    if "cover_long" in holdout.outputs:
        yield CorpusFailure(
            "gray of ADE20K", ("target-luma",),
            read(lambda t: np.asarray(Image.fromarray(np.asarray(
                segpost.colorize(t, ADE20K))).convert("L")), "cover_long",
                palette="ade20k", num_classes=150),
        )  # fmt: skip
        yield CorpusFailure(
            "an id no class has", ("target-outside",),
            read(lambda t: np.where(t == 0, 99, t).astype(np.uint8), "cover_long"),
            scenes=tuple(k for k in range(8)
                         if (holdout.outputs["cover_long"].targets[k] == 0).any())[:4],
        )  # fmt: skip


def _as_jpeg(target: np.ndarray) -> Any:
    buffer = io.BytesIO()
    Image.fromarray(target).save(buffer, "JPEG", quality=90)
    return Image.open(buffer)


def iter_logits(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield logits that are others, or were read in another way."""

    def changed(
        change: Callable[[np.ndarray], np.ndarray], network: str = "street_fcn", **more: Any
    ) -> Callable[[int], Arguments]:
        def make(k: int) -> Arguments:
            arguments = holdout.logits(network, k)
            return {**arguments, "logits": change(arguments["logits"]), **more}

        return make

    def labelled(
        change: Callable[[np.ndarray, np.ndarray], np.ndarray], network: str = "street_fcn"
    ) -> Callable[[int], Arguments]:
        def make(k: int) -> Arguments:
            arguments = holdout.logits(network, k)
            labels = change(arguments["logits"], holdout.outputs[network].labels[k])
            return {**arguments, "labels": labels}

        return make

    def as_bytes(logits: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(np.rint(logits * 8 + 128), 0, 255), np.uint8)

    size = (128, 256)
    for network, side in (("street_fcn", 8), ("street_fcn", 3), ("organs_long", 2)):
        if network in holdout.outputs:
            yield CorpusFailure(
                f"enlarged {side} times by nearest neighbor, {network}", ("blocky-logits",),
                changed(lambda a, side=side: a.repeat(side, 1).repeat(side, 2),  # type: ignore[misc]
                        network),
            )  # fmt: skip
    yield CorpusFailure(
        "channels last", ("class-axis",),
        changed(lambda a: np.ascontiguousarray(a.transpose(1, 2, 0)), num_classes=8),
    )  # fmt: skip
    yield CorpusFailure(
        "reshaped, not transposed", ("reshape-not-transpose",),
        changed(lambda a: a.transpose(1, 2, 0).reshape(a.shape)),
    )  # fmt: skip
    yield CorpusFailure("a softmax", ("probabilities-as-logits",), changed(lambda a: softmax(a)))
    yield CorpusFailure(
        "a softmax of a softmax", ("softmax-twice", "probabilities-as-logits"),
        changed(lambda a: softmax(softmax(a))),
    )  # fmt: skip
    yield CorpusFailure(
        "a sigmoid", ("sigmoid-as-logits",), changed(lambda a: 1 / (1 + np.exp(-a)))
    )
    yield CorpusFailure(
        "a softmax over the width",
        ("softmax-wrong-axis",),
        changed(lambda a: softmax(a.transpose(2, 0, 1)).transpose(1, 2, 0)),
    )
    yield CorpusFailure("raw bytes", ("quantized-logits",), changed(as_bytes))
    yield CorpusFailure(
        "bytes read with a sign", ("wrapped-logits",), changed(lambda a: as_bytes(a).view(np.int8))
    )
    yield CorpusFailure(
        "NaN in a class", ("nan-logits",),
        changed(lambda a: np.where(np.arange(len(a))[:, None, None] == 2, np.float32(np.nan), a)),
    )  # fmt: skip
    yield CorpusFailure(
        "argmax at stride 8, then enlarged", ("argmax-before-resize",),
        labelled(lambda a, _: resized(a.argmax(0).astype(np.uint8), size)),
    )  # fmt: skip
    yield CorpusFailure(
        "labels in blocks of 8", ("blocky-labels",),
        lambda k: {**holdout.run("street_fcn", k), "labels": resized(
            holdout.outputs["street_fcn"].logits[k].argmax(0).astype(np.uint8), size)},
    )  # fmt: skip
    yield CorpusFailure(
        "argmax over the width", ("wrong-argmax-axis",),
        lambda k: {"logits": holdout.outputs["street_fcn"].logits[k],
                   "labels": holdout.outputs["street_fcn"].logits[k].argmax(-1)},
    )  # fmt: skip
    yield CorpusFailure(
        "labels on asymmetric, grid half_pixel", ("labels-on-another-grid",),
        lambda k: {"logits": holdout.outputs["street_fcn"].logits[k], "grid": "half_pixel",
                   "labels": segpost.argmax(holdout.outputs["street_fcn"].logits[k], size=size,
                                            grid="asymmetric")},
    )  # fmt: skip
    yield CorpusFailure(
        "logits in another order of classes", ("classes-permuted",), changed(lambda a: a[::-1])
    )
    yield CorpusFailure(
        "mirrored logits", ("turned",), changed(lambda a: np.ascontiguousarray(a[..., ::-1]))
    )
    yield CorpusFailure(
        "seven of eight classes", ("other-number-of-classes",),
        changed(lambda a: a[:7], num_classes=8),
    )  # fmt: skip
    yield CorpusFailure(
        "logits of the next picture", (),
        lambda k: {**holdout.logits("street_fcn", k),
                   "logits": holdout.outputs["street_fcn"].logits[k + 1]},
    )  # fmt: skip
    if "vessels_sigmoid" in holdout.outputs:
        one = "vessels_sigmoid"
        yield CorpusFailure(
            "argmax of one channel", ("one-channel",),
            lambda k: {n: v for n, v in holdout.logits(one, k).items() if n != "threshold"},
        )  # fmt: skip
        yield CorpusFailure(
            "a sigmoid before the threshold", ("sigmoid-twice",),
            changed(lambda a: 1 / (1 + np.exp(-a)), one),
        )  # fmt: skip


def iter_pictures(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield palettes, names and colored pictures that are others."""

    def shown(make: Callable[[np.ndarray], Arguments]) -> Callable[[int], Arguments]:
        return lambda k: make(holdout.outputs["street_fcn"].labels[k])

    def paint(labels: np.ndarray) -> np.ndarray:
        return np.asarray(segpost.colorize(labels, CITYSCAPES))

    yield CorpusFailure(
        "colors with red and blue exchanged", ("red-blue-swapped",),
        shown(lambda a: {"labels": a, "palette": "cityscapes",
                         "color": np.ascontiguousarray(paint(a)[..., ::-1])}),
    )  # fmt: skip
    yield CorpusFailure(
        "colors of the next class", ("colors-shifted", "colors-of-other-labels"),
        shown(lambda a: {"labels": a, "palette": "cityscapes", "color": paint(a + np.uint8(1))}),
    )  # fmt: skip
    yield CorpusFailure(
        "ids for gray values", ("ids-as-grey",),
        shown(lambda a: {"color": np.repeat(a[..., None], 3, 2), "palette": "cityscapes"}),
    )  # fmt: skip
    yield CorpusFailure(
        "a palette of 0..1", ("palette-of-0-1",),
        shown(lambda a: {"labels": a, "palette": CITYSCAPES.colors / 255}),
    )  # fmt: skip
    yield CorpusFailure(
        "a palette of four colors", ("palette-too-short",),
        shown(lambda a: {"labels": a, "palette": segpost.Palette(CITYSCAPES.colors[:4]),
                         "num_classes": 8}),
    )  # fmt: skip
    yield CorpusFailure(
        "a picture with anti-aliasing", ("colors-unknown",),
        shown(lambda a: {"color": np.asarray(Image.fromarray(paint(a)).resize(
            (300, 150), Image.Resampling.BILINEAR)), "palette": "cityscapes"}),
    )  # fmt: skip
    yield CorpusFailure(
        "an indexed file with its own order", ("indices-of-file-palette", "target-local-palette"),
        shown(lambda a: {"labels": _local(a), "palette": "cityscapes", "num_classes": 19}),
    )  # fmt: skip


def _local(labels: np.ndarray) -> Any:
    order = np.array([3, 0, 5, 1, 7, 2, 4, 6], np.uint8)
    colors = np.zeros((256, 3), np.uint8)
    colors[order] = CITYSCAPES.colors[:8]
    return opened(order[labels], palette=colors)
