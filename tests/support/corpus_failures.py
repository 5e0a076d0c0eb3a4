"""Failing runs of the diagnosis corpus: mistakes as people make them, on real networks' output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from corpus_logits import load
from corpus_right import labels_of, output_of, void_of
from corpus_scenes import MEAN, STD, draw_shapes, normalize
from diagnosis_scenes import Image, opened, resized, smoothly_resized, softmax

import segpost

SCENES = 4
VOC = segpost.Palette.named("voc")
IGNORE = {"ignore_index": 255}
SEVERAL = (0, 3, 5, 6)  # scenes with more than two classes


class CorpusFailure(NamedTuple):
    """A mistake, the codes that name it, and its arguments.

    No codes, or an empty one among them: the arrays need not show it, and silence is right.
    """

    what: str
    codes: tuple[str, ...]
    make: Callable[[int], dict[str, Any]]  # of a scene
    scenes: tuple[int, ...] = tuple(range(SCENES))


class Scene(NamedTuple):
    """What the well-trained network returned for a scene, and what is right."""

    logits: np.ndarray
    labels: np.ndarray
    target: np.ndarray
    image: np.ndarray
    full: np.ndarray  # logits at image size


def scene_of(k: int, network: str = "shapes") -> Scene:
    """Return a scene of the network of shapes, or another."""
    output = output_of(network)
    logits = output.logits[k]
    size = output.targets.shape[1:]
    return Scene(
        logits, output.labels[k], output.targets[k], output.scenes[k].image,
        enlarge(logits, size),
    )  # fmt: skip


def enlarge(logits: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return (C, h, w) logits at another size, bilinear on half_pixel."""
    positions = [
        np.clip((np.arange(n) + 0.5) * old / n - 0.5, 0, old - 1)
        for n, old in zip(size, logits.shape[1:], strict=True)
    ]
    y, x = (
        np.minimum(p.astype(int), old - 2)
        for p, old in zip(positions, logits.shape[1:], strict=True)
    )  # fmt: skip
    v, u = (positions[0] - y)[:, None], positions[1] - x
    y = y[:, None]
    top = logits[:, y, x] * (1 - u) + logits[:, y, x + 1] * u
    down = logits[:, y + 1, x] * (1 - u) + logits[:, y + 1, x + 1] * u
    return np.asarray(top * (1 - v) + down * v, np.float32)


def faulty(name: str, k: int) -> Scene:
    """Return a scene of the shapes network under a stored mistake."""
    scene = scene_of(k)
    logits = load(f"shapes_{name}")[k]
    labels = labels_of(logits, scene.target, {})
    return scene._replace(logits=logits, labels=labels, full=enlarge(logits, scene.target.shape))


def both(scene: Scene, **more: Any) -> dict[str, Any]:
    """Return logits and target as arguments."""
    return {"logits": scene.logits, "target": scene.target, **IGNORE, **more}


def labelled(scene: Scene, labels: np.ndarray, **more: Any) -> dict[str, Any]:
    """Return labels and target as arguments."""
    return {"labels": labels, "target": scene.target, "num_classes": 6, **IGNORE, **more}


def iter_input_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes of preprocessing, with and without the input."""
    said = {"mean": MEAN, "std": STD}
    mean, std = np.array(MEAN), np.array(STD)

    def fed(
        name: str, change: Callable[[np.ndarray], np.ndarray]
    ) -> Callable[[int], dict[str, Any]]:
        def make(k: int) -> dict[str, Any]:
            scene = faulty(name, k)
            return both(scene, input=change(scene.image), image=scene.image, **said)

        return make

    def alone(name: str) -> Callable[[int], dict[str, Any]]:
        return lambda k: both(faulty(name, k))

    def channels_first(a: np.ndarray) -> np.ndarray:
        return a.transpose(2, 0, 1).astype(np.float32)

    changes: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
        "bgr": ("input-bgr", lambda a: normalize(a[..., ::-1])),
        "not_divided": ("input-normalization", lambda a: channels_first((a - mean) / std)),
        "not_normalized": ("input-normalization", lambda a: channels_first(a / 255)),
        "half": ("input-normalization", lambda a: channels_first(a / 127.5 - 1)),
        "mean_and_std_exchanged": (
            "input-normalization", lambda a: channels_first((a / 255 - std) / mean)),
        "gray": (
            "input-channels-mixed", lambda a: normalize(a.mean(2, keepdims=True).repeat(3, 2))),
        "reshaped": (
            "input-reshaped", lambda a: ((a / 255 - mean) / std).reshape(3, *a.shape[:2])),
        "mirrored": ("input-flipped", lambda a: normalize(a[:, ::-1])),
        "upside_down": ("input-flipped", lambda a: normalize(a[::-1, ::-1])),
        "dark": ("input-normalization", lambda a: normalize(0.3 * a)),
    }  # fmt: skip
    for name, (code, change) in changes.items():
        yield CorpusFailure(f"{name}, everything passed", (code,), fed(name, change))
        place = ("turned",) if name in ("mirrored", "upside_down") else ("one-class", "")
        yield CorpusFailure(f"{name}, logits and target", place, alone(name))
    yield CorpusFailure(
        "input of another picture", ("input-of-other-image",),
        lambda k: both(scene_of(k), input=normalize(scene_of((k + 3) % 8).image),
                       image=scene_of(k).image, **said),
    )  # fmt: skip
    yield CorpusFailure(
        "channels last, blue, green, red", ("input-bgr",),
        lambda k: both(faulty("bgr", k), image=scene_of(k).image, **said,
                       input=normalize(scene_of(k).image[..., ::-1]).transpose(1, 2, 0)[None]),
    )  # fmt: skip
    yield CorpusFailure(
        "bytes read as int8", ("input-normalization",),
        lambda k: {"input": scene_of(k).image.view(np.int8).transpose(2, 0, 1),
                   "image": scene_of(k).image, "mean": (0, 0, 0), "std": (1, 1, 1)},
    )  # fmt: skip
    yield CorpusFailure(
        "green, blue, red", ("input-channels-mixed",),
        lambda k: {"input": normalize(scene_of(k).image)[[1, 2, 0]], "image": scene_of(k).image,
                   **said},
    )  # fmt: skip
    yield CorpusFailure(
        "mean and std of CIFAR", ("input-normalization",),
        lambda k: both(scene_of(k), image=scene_of(k).image, **said, input=channels_first(
            (scene_of(k).image / 255 - (0.5071, 0.4867, 0.4408)) / (0.2675, 0.2565, 0.2761))),
    )  # fmt: skip
    yield CorpusFailure(
        "half the size, blue, green, red", ("input-bgr",),
        lambda k: {"input": normalize(scene_of(k).image[::2, ::2, ::-1]),
                   "image": scene_of(k).image, **said},
    )  # fmt: skip


def iter_weight_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes of weights and modes."""
    for name, codes in (
        ("early", ()), ("head_not_loaded", ()), ("backbone_only", ()), ("statistics_reset", ()),
        ("nothing_loaded", ("untrained-head",)), ("training_0", ()),
    ):  # fmt: skip
        yield CorpusFailure(name, codes, lambda k, name=name: both(faulty(name, k)))  # type: ignore[misc]
    yield CorpusFailure(
        "training mode, two runs", ("runs-differ",),
        lambda k: {"logits": load("shapes_training_0")[k],
                   "repeat_logits": load("shapes_training_1")[k]},
    )  # fmt: skip


def iter_logit_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes after the network, in its numbers."""

    def whole(k: int, **more: Any) -> dict[str, Any]:
        scene = scene_of(k)
        return {"logits": scene.full, "target": scene.target, **IGNORE, **more}

    def changed(change: Callable[[np.ndarray], np.ndarray], **more: Any) -> Callable[[int], Any]:
        return lambda k: {**whole(k), "logits": change(scene_of(k).full), **more}

    def overflow(full: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return (full * np.float32(2e4)).astype(np.float16)

    def naive(full: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            powers = np.exp((full * 4).astype(np.float16))
            return np.asarray(powers / powers.sum(0))

    def quantized(full: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(np.rint(full * 4) + 128, 0, 255), np.uint8)

    yield CorpusFailure("overflow of float16", ("infinite-logits", "nan-logits"), changed(overflow))
    yield CorpusFailure("softmax in float16 without the maximum", ("nan-logits",), changed(naive))
    yield CorpusFailure(
        "raw integers",
        ("quantized-logits",),
        changed(lambda full: (quantized(full).astype(int) - 128).astype(np.int8)),
    )
    yield CorpusFailure(
        "uint8 logits read as int8",
        ("wrapped-logits",),
        changed(lambda full: quantized(full).view(np.int8)),
    )
    yield CorpusFailure(
        "int8 logits read as uint8",
        ("wrapped-logits",),
        changed(lambda full: quantized(full) - np.uint8(128)),
    )
    yield CorpusFailure(
        "softmax twice",
        ("softmax-twice", "probabilities-as-logits"),
        changed(lambda full: softmax(softmax(full)).astype(np.float32)),
    )
    yield CorpusFailure(
        "probabilities",
        ("probabilities-as-logits",),
        changed(lambda full: softmax(full).astype(np.float32)),
    )
    yield CorpusFailure(
        "sigmoid for softmax", ("sigmoid-as-logits",), changed(lambda full: 1 / (1 + np.exp(-full)))
    )
    yield CorpusFailure(
        "softmax over columns",
        ("softmax-wrong-axis",),
        changed(lambda full: softmax(full.transpose(2, 0, 1)).transpose(1, 2, 0)),
    )
    yield CorpusFailure(
        "softmax over rows",
        ("softmax-wrong-axis",),
        changed(lambda full: softmax(full.transpose(1, 0, 2)).transpose(1, 0, 2)),
    )
    yield CorpusFailure(
        "softmax over a batch of two",
        ("softmax-wrong-axis",),
        lambda k: {
            "logits": softmax(np.stack([scene_of(k).full, scene_of(k + 1).full])),
            "target": np.stack([scene_of(k).target, scene_of(k + 1).target]),
            **IGNORE,
        },
    )
    yield CorpusFailure("softmax over a batch of one", ("constant-logits",), changed(np.ones_like))
    yield CorpusFailure(
        "bytes of probabilities",
        ("quantized-logits",),
        changed(lambda full: (softmax(full) * 255).astype(np.uint8)),
    )
    yield CorpusFailure(
        "channels last taken for first",
        ("class-axis",),
        changed(lambda full: full.transpose(1, 2, 0), num_classes=6),
    )
    yield CorpusFailure(
        "channels last, no class count",
        ("class-axis",),
        lambda k: {"logits": scene_of(k).full.transpose(1, 2, 0)},
    )
    yield CorpusFailure(
        "reshape for transpose",
        ("reshape-not-transpose",),
        changed(lambda full: np.ascontiguousarray(full.transpose(1, 2, 0)).reshape(full.shape)),
    )
    yield CorpusFailure(
        "flipped pass added, not flipped back",
        ("symmetric-logits",),
        changed(lambda full: (full + full[..., ::-1]) / 2),
    )
    yield CorpusFailure(
        "a class without weights",
        ("dead-class",),
        lambda k: {"logits": np.where(np.arange(6)[:, None, None] == 4, 0, scene_of(k).logits)},
    )
    yield CorpusFailure(
        "no class possible",
        ("no-class-possible",),
        lambda k: {"logits": np.where(np.arange(24)[:, None] < 3, -np.inf, scene_of(k).logits)},
    )
    yield CorpusFailure(
        "a head of another number of classes",
        ("other-number-of-classes",),
        lambda k: {**whole(k), "num_classes": 21},
    )
    yield CorpusFailure(
        "float32 read as int32",
        ("bits-as-floats",),
        changed(lambda full: np.ascontiguousarray(full).view(np.int32)),
    )
    yield CorpusFailure(
        "int32 ids read as float32 logits",
        ("bits-as-floats",),
        lambda k: {
            "target": scene_of(k).target,
            **IGNORE,
            "logits": scene_of(k).labels.astype(np.int32).view(np.float32)[None],
        },
    )
    yield CorpusFailure(
        "probabilities of a sigmoid head and a threshold",
        ("sigmoid-twice",),
        lambda k: _sigmoid_head(k, lambda v: 1 / (1 + np.exp(-v))),
    )
    yield CorpusFailure(
        "sigmoid head, argmax",
        ("one-channel",),
        lambda k: {
            **_sigmoid_head(k, lambda v: v, threshold=None),
            "labels": np.zeros_like(scene_of(k, "spots_sigmoid").target),
        },
    )
    yield CorpusFailure(
        "sigmoid head, logits above 0.5",
        ("threshold-on-logits",),
        lambda k: {
            **_sigmoid_head(k, lambda v: v),
            "labels": (scene_of(k, "spots_sigmoid").full[0] > 0.5).astype(np.uint8),
        },
    )


def _sigmoid_head(
    k: int, change: Callable[[np.ndarray], np.ndarray], threshold: float | None = 0.5
) -> dict[str, Any]:
    scene = scene_of(k, "spots_sigmoid")
    return {"logits": change(scene.full), "target": scene.target, "threshold": threshold}


def iter_label_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes of label maps beside their logits."""

    def beside(change: Callable[[np.ndarray, Scene], Any], **more: Any) -> Callable[[int], Any]:
        def make(k: int) -> dict[str, Any]:
            scene = scene_of(k)
            own = scene.full.argmax(0).astype(np.uint8)
            return {"logits": scene.full, "labels": change(own, scene), "num_classes": 6, **more}

        return make

    yield CorpusFailure(
        "argmax over the rows",
        ("wrong-argmax-axis",),
        lambda k: {
            "logits": scene_of(k).full.transpose(1, 2, 0),
            "axis": -1,
            "labels": scene_of(k).full.transpose(1, 2, 0).argmax(0),
        },
    )
    yield CorpusFailure(
        "argmax over a batch of one",
        ("wrong-argmax-axis",),
        lambda k: {"logits": scene_of(k).full[None], "labels": scene_of(k).full[None].argmax(0)},
    )
    yield CorpusFailure("transposed", ("transposed-labels",), beside(lambda own, _: own.T))
    yield CorpusFailure(
        "reshaped to (width, height)",
        ("transposed-labels",),
        beside(lambda own, _: own.reshape(own.shape[::-1])),
    )
    yield CorpusFailure(
        "times 255",
        ("argmax-times-255",),
        beside(lambda own, _: (own.astype(int) * 255).astype(np.uint8)),
    )
    yield CorpusFailure(
        "probabilities cast before the argmax",
        ("cast-before-argmax",),
        beside(lambda _, scene: softmax(scene.full).astype(np.float32).astype(np.uint8).argmax(0)),
    )
    yield CorpusFailure(
        "probabilities above 0.5, argmax",
        ("threshold-before-argmax",),
        beside(lambda _, scene: (softmax(scene.full) > 0.5).argmax(0)),
        scenes=(0, 1, 3, 4),
    )
    yield CorpusFailure(
        "argmax at stride 4, enlarged",
        ("argmax-before-resize",),
        lambda k: {
            "logits": scene_of(k).logits,
            "target": scene_of(k).target,
            **IGNORE,
            "labels": scene_of(k).logits.argmax(0).astype(np.uint8).repeat(4, 0).repeat(4, 1),
        },
    )
    for network in ("shapes", "tile"):
        yield CorpusFailure(
            f"logits enlarged by nearest neighbor, {network}",
            ("blocky-logits",),
            lambda k, network=network: {  # type: ignore[misc]
                **both(scene_of(k, network)),
                "logits": scene_of(k, network).logits.repeat(4, 1).repeat(4, 2),
            },
        )
    yield CorpusFailure(
        "argmax at stride 4, logits unknown",
        ("blocky-labels",),
        lambda k: {
            **labelled(
                scene_of(k, "tile"),
                scene_of(k, "tile").logits.argmax(0).astype(np.uint8).repeat(4, 0).repeat(4, 1),
            ),
            "num_classes": 5,
        },
    )
    yield CorpusFailure(
        "argmax at stride 4, enlarged with interpolation",
        ("interpolated-labels",),
        lambda k: {**both(scene_of(k)), "labels": _interpolated(scene_of(k))},
    )
    yield CorpusFailure(
        "another grid than said",
        ("labels-on-another-grid",),
        lambda k: {
            "logits": scene_of(k).logits,
            "grid": "half_pixel",
            "labels": segpost.argmax(scene_of(k).logits, size=(96, 128), grid="align_corners"),
        },
    )
    yield CorpusFailure(
        "labels of another picture",
        ("labels-of-other-logits",),
        lambda k: {
            "logits": scene_of(k, "tile").logits,
            "labels": scene_of((k + 1) % 4, "tile").labels,
        },
    )
    yield CorpusFailure(
        "labels of sign-confused logits",
        ("labels-of-other-logits",),
        beside(
            lambda _, scene: (
                np.clip(np.rint(scene.full * 4) + 128, 0, 255)
                .astype(np.uint8)
                .view(np.int8)
                .argmax(0)
            )
        ),
    )
    yield CorpusFailure(
        "mask of 0 and 255",
        ("labels-0-255",),
        lambda k: {
            "labels": scene_of(k, "lesion").labels * np.uint8(255),
            "target": scene_of(k, "lesion").target,
            "num_classes": 2,
        },
    )
    yield CorpusFailure(
        "times 40 to be seen",
        ("labels-stretched",),
        lambda k: labelled(scene_of(k), scene_of(k).labels * np.uint8(40)),
        scenes=SEVERAL,
    )
    yield CorpusFailure(
        "plt.imsave of the labels",
        ("labels-stretched",),
        lambda k: labelled(scene_of(k), _stretched(scene_of(k).labels)),
        scenes=SEVERAL,
    )
    yield CorpusFailure(
        "float ids",
        ("float-ids",),
        lambda k: labelled(scene_of(k), scene_of(k).labels.astype(np.float32)),
    )
    yield CorpusFailure(
        "int32 ids read as float32",
        ("bits-as-floats",),
        lambda k: labelled(scene_of(k), scene_of(k).labels.astype(np.int32).view(np.float32)),
    )
    yield CorpusFailure(
        "an index for each color of the file",
        ("indices-of-file-palette",),
        lambda k: labelled(scene_of(k), _local(scene_of(k).labels), palette="voc", num_classes=21),
    )


def _stretched(labels: np.ndarray) -> np.ndarray:
    largest = max(int(labels.max()), 1)
    return np.asarray(np.minimum(labels.astype(int) * 256 // largest, 255), np.uint8)


def _interpolated(scene: Scene) -> np.ndarray:
    small = scene.logits.argmax(0)[None].astype(np.float32)
    return np.asarray(np.rint(enlarge(small, scene.target.shape)[0]), np.uint8)


def _local(labels: np.ndarray) -> Any:
    """Return an indexed picture in VOC's colors whose indices are in another order."""
    order = np.array([3, 0, 5, 1, 2, 4], np.uint8)
    colors = np.zeros((256, 3), np.uint8)
    colors[order] = VOC.colors[:6]
    return opened(order[labels], palette=colors)


def iter_target_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes of targets beside a right prediction."""

    def given(change: Callable[[np.ndarray], Any], **more: Any) -> Callable[[int], Any]:
        return lambda k: {**labelled(scene_of(k), scene_of(k).labels),
                          "target": change(scene_of(k).target), **more}  # fmt: skip

    def kept(target: np.ndarray) -> np.ndarray:
        return np.where(target == 255, 0, target).astype(np.uint8)

    def pictured(target: np.ndarray) -> np.ndarray:
        return np.asarray(segpost.colorize(kept(target), VOC))

    def channel_of(channel: int, target: np.ndarray) -> np.ndarray:
        return pictured(target)[..., channel]

    def gray(target: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(pictured(target)).convert("L"))

    yield CorpusFailure(
        "resized with interpolation",
        ("target-interpolated",),
        lambda k: {
            "target": smoothly_resized(kept(scene_of(k).target) * np.uint8(40), (130, 170)),
            "num_classes": 6,
        },
    )
    yield CorpusFailure(
        "a JPEG file",
        ("lossy-label-file",),
        lambda k: {
            **labelled(scene_of(k), scene_of(k).labels),
            "target": opened(scene_of(k).target, kind="JPEG"),
        },
    )
    yield CorpusFailure(
        "colors read as gray", ("target-luma",), given(gray, palette="voc", num_classes=21)
    )
    yield CorpusFailure("colors read as gray, no palette", ("target-luma",), given(gray))
    for channel, name in enumerate(("red", "green", "blue")):
        yield CorpusFailure(
            f"{name} channel of the colors",
            ("target-luma",),
            given(partial(channel_of, channel), palette="voc", num_classes=21),
            scenes=(0, 6) if name == "blue" else SEVERAL,
        )
    yield CorpusFailure("a picture in colors", ("target-is-a-picture",), given(pictured))
    yield CorpusFailure(
        "a picture in blue, green, red",
        ("target-is-a-picture",),
        given(
            lambda t: np.ascontiguousarray(pictured(t)[..., ::-1]), palette="voc", num_classes=21
        ),
    )
    yield CorpusFailure(
        "plt.imsave of the target",
        ("target-stretched",),
        given(lambda t: _stretched(kept(t))),
        scenes=(0, 3, 5, 7),
    )
    yield CorpusFailure(
        "times 12", ("target-stretched",), given(lambda t: kept(t) * np.uint8(12)), scenes=SEVERAL
    )
    yield CorpusFailure(
        "void 255 is not ignored", ("void-not-ignored",), given(lambda t: t, ignore_index=None)
    )
    yield CorpusFailure(
        "counts from 1",
        ("reduce-zero-label-missing", "target-one-too-many"),
        given(lambda t: np.where(t == 255, 255, t + 1).astype(np.uint8)),
    )
    yield CorpusFailure(
        "two further",
        ("class-offset",),
        given(lambda t: np.where(t == 255, 255, t + 2).astype(np.uint8), num_classes=9),
    )
    yield CorpusFailure(
        "divided by 255", ("ids-divided",), given(lambda t: (kept(t) / 255).astype(np.float32))
    )
    yield CorpusFailure(
        "divided by 255 and cast",
        ("target-all-zero",),
        lambda k: {
            "labels": scene_of(k, "tile").labels,
            "target": np.zeros((128, 128), np.int64),
            "num_classes": 5,
        },
    )
    yield CorpusFailure(
        "0 and 255",
        ("target-0-255",),
        lambda k: {
            "labels": scene_of(k, "lesion").labels,
            "num_classes": 2,
            "target": scene_of(k, "lesion").target * np.uint8(255),
        },
    )
    yield CorpusFailure(
        "0 and 255 with 255 ignored",
        ("target-0-255",),
        lambda k: {
            "labels": scene_of(k, "lesion").labels,
            "num_classes": 2,
            **IGNORE,
            "target": scene_of(k, "lesion").target * np.uint8(255),
        },
    )
    for network in ("shapes", "tile"):
        yield CorpusFailure(
            f"void became class 0, {network}",
            (),
            lambda k, network=network: {  # type: ignore[misc]
                "labels": scene_of(k, network).labels,
                "target": kept(scene_of(k, network).target),
                "num_classes": output_of(network).classes,
                **IGNORE,
            },
        )
    yield CorpusFailure(
        "nothing but void", ("target-all-void",), given(lambda t: np.full_like(t, 255))
    )
    yield CorpusFailure(
        "ids beyond the classes",
        ("target-outside",),
        given(lambda t: np.where(t == 0, 77, t).astype(np.uint8)),
    )
    yield CorpusFailure(
        "an index for each color of the file",
        ("target-local-palette",),
        given(lambda t: _local(kept(t)), palette="voc", num_classes=21),
    )
    yield CorpusFailure(
        "Cityscapes' labelIds",
        ("labelid-for-trainid", "target-labelid"),
        given(
            lambda t: np.where(t == 255, 255, np.array([7, 8, 11, 12, 13, 17], np.uint8)[t % 6]),
            num_classes=19,
        ),
    )


def iter_class_failures() -> Iterator[CorpusFailure]:
    """Yield other meanings of classes."""
    order = np.array([5, 4, 3, 2, 1, 0], np.uint8)
    yield CorpusFailure(
        "another order",
        ("classes-permuted",),
        lambda k: labelled(scene_of(k), order[scene_of(k).labels]),
    )
    yield CorpusFailure(
        "another order, tiles",
        ("classes-permuted",),
        lambda k: labelled(
            scene_of(k, "tile"),
            np.array([1, 2, 0, 4, 3], np.uint8)[scene_of(k, "tile").labels],
            num_classes=5,
        ),
    )
    yield CorpusFailure(
        "two classes exchanged",
        ("classes-permuted",),
        lambda k: labelled(
            scene_of(k, "tile"),
            np.array([0, 2, 1, 3, 4], np.uint8)[scene_of(k, "tile").labels],
            num_classes=5,
        ),
    )
    yield CorpusFailure(
        "two layers exchanged",
        ("classes-permuted",),
        lambda k: {
            "labels": np.array([0, 2, 1, 3, 4, 5, 6], np.uint8)[scene_of(k, "layers").labels],
            "target": scene_of(k, "layers").target,
            "num_classes": 7,
        },
    )
    yield CorpusFailure(
        "logits in another order",
        ("classes-permuted",),
        lambda k: both(scene_of(k)._replace(logits=scene_of(k).logits[order])),
    )
    yield CorpusFailure(
        "foreground and background exchanged",
        ("inverted-mask",),
        lambda k: {
            "labels": 1 - scene_of(k, "lesion").labels,
            "target": scene_of(k, "lesion").target,
            "num_classes": 2,
        },
    )
    yield CorpusFailure(
        "ids modulo 256",
        ("ids-wrapped",),
        lambda k: {
            "labels": ((scene_of(k, "tile").labels.astype(int) * 2 + 250) % 256).astype(np.uint8),
            "target": np.where(
                scene_of(k, "tile").target == 255,
                999,
                scene_of(k, "tile").target.astype(int) * 2 + 250,
            ),
            "num_classes": 300,
            "ignore_index": 999,
        },
    )
    yield CorpusFailure(
        "reduce_zero_label twice",
        ("reduce-zero-label-twice",),
        lambda k: {
            "labels": scene_of(k, "layers").labels,
            "num_classes": 7,
            **IGNORE,
            "target": scene_of(k, "layers").target - np.uint8(1),
        },
    )


def iter_place_failures() -> Iterator[CorpusFailure]:
    """Yield predictions that are not where their target is."""

    def moved(
        change: Callable[[np.ndarray], np.ndarray], network: str = "shapes"
    ) -> Callable[[int], Any]:
        def make(k: int) -> dict[str, Any]:
            scene = scene_of(k, network)
            return {"labels": change(scene.labels), "target": scene.target,
                    "num_classes": output_of(network).classes, **void_of(scene.target)}  # fmt: skip

        return make

    def boxed_again(share: float, labels: np.ndarray) -> np.ndarray:
        return resized(boxed(labels, 128, share), labels.shape)

    def boxed(labels: np.ndarray, side: int, share: float) -> np.ndarray:
        square = np.zeros((side, side), np.uint8)
        y, x = (int((side - n) * share) for n in labels.shape)
        square[y : y + labels.shape[0], x : x + labels.shape[1]] = labels
        return square

    for network in ("shapes", "tile"):
        yield CorpusFailure(
            f"mirrored, {network}", ("turned",), moved(lambda a: a[:, ::-1], network)
        )
        yield CorpusFailure(
            f"turned by 180 degrees, {network}",
            ("turned",),
            moved(lambda a: a[::-1, ::-1], network),
        )
        yield CorpusFailure(
            f"8 down, 6 to the right, {network}",
            ("shifted",),
            moved(lambda a: np.roll(a, (8, 6), (0, 1)), network),
        )
        yield CorpusFailure(
            f"4 up, {network}", ("shifted",), moved(lambda a: np.roll(a, -4, 0), network)
        )
        yield CorpusFailure(
            f"halves exchanged, {network}",
            ("tiles-exchanged",),
            moved(lambda a: np.concatenate([a[:, 64:], a[:, :64]], 1), network),
        )
        yield CorpusFailure(
            f"tiles in columns, {network}",
            ("tiles-exchanged",),
            moved(
                lambda a: (
                    np.block([[a[:48, :64], a[48:96, :64]], [a[:48, 64:], a[48:96, 64:]]])
                    if a.shape[0] == 96
                    else np.block([[a[:64, :64], a[64:, :64]], [a[:64, 64:], a[64:, 64:]]])
                ),
                network,
            ),
        )
        yield CorpusFailure(
            f"two of four tiles exchanged, {network}",
            ("tiles-exchanged",),
            moved(
                lambda a: np.concatenate([a[:, :32], a[:, 64:96], a[:, 32:64], a[:, 96:]], 1),
                network,
            ),
        )
        yield CorpusFailure(
            f"pictures exchanged, {network}",
            ("pictures-exchanged",),
            lambda k, network=network: {  # type: ignore[misc]
                "labels": output_of(network).labels[[1, 0, 3, 2]][: 2 + k % 3],
                "target": output_of(network).targets[: 2 + k % 3],
                "num_classes": 6,
                **IGNORE,
            },
            scenes=(0, 2),
        )
    yield CorpusFailure("transposed tile", ("turned",), moved(lambda a: a.T, "tile"))
    yield CorpusFailure("turned tile", ("turned",), moved(np.rot90, "tile"))
    yield CorpusFailure(
        "labels of (width, height)", ("height-width-swapped",), moved(lambda a: a.T)
    )
    yield CorpusFailure(
        "reshaped to (width, height)",
        ("height-width-swapped",),
        moved(lambda a: a.reshape(a.shape[::-1])),
    )
    for share, where in ((0.0, "bottom"), (0.5, "all sides")):
        yield CorpusFailure(
            f"padding to a square at {where} kept",
            ("letterbox",),
            moved(partial(boxed_again, share)),
        )
        yield CorpusFailure(
            f"the same, logits, {where}",
            ("letterbox",),
            lambda k, share=share: {  # type: ignore[misc]
                **both(scene_of(k)),
                "logits": _boxed_logits(scene_of(k).logits, share),
            },
        )
    yield CorpusFailure(
        "padding cut with height and width exchanged",
        ("letterbox",),
        moved(lambda a: resized(boxed(a, 128, 0.5)[:, 16:112], a.shape)),
    )
    yield CorpusFailure(
        "center crop of 0.8", ("letterbox",), moved(lambda a: resized(a[10:86, 13:115], a.shape))
    )
    yield CorpusFailure(
        "center crop of 0.75, tiles",
        ("letterbox",),
        moved(lambda a: resized(a[16:112, 16:112], a.shape), "tile"),
    )
    yield CorpusFailure(
        "the middle square", ("letterbox",), moved(lambda a: resized(a[:, 16:112], a.shape))
    )
    yield CorpusFailure(
        "crop at (20, 25), tiles",
        ("shifted",),
        lambda k: {
            "labels": scene_of(k, "tile").labels[:90, :90],
            "num_classes": 5,
            **IGNORE,
            "target": scene_of(k, "tile").target[20:110, 25:115],
        },
        scenes=(0, 1, 3, 4),
    )
    for grid in ("align_corners", "asymmetric"):
        yield CorpusFailure(
            f"logits on {grid}",
            ("wrong-grid", "shifted"),
            lambda k, grid=grid: {  # type: ignore[misc]
                "logits": scene_of(k).logits,
                "grid": grid,
                "target": draw_shapes(k, void=False).target,
            },
        )
    yield CorpusFailure(
        "labels on align_corners beside logits",
        ("wrong-grid",),
        lambda k: {
            "logits": scene_of(k).logits,
            "target": draw_shapes(k, void=False).target,
            "labels": segpost.argmax(scene_of(k).logits, size=(96, 128), grid="align_corners"),
        },
    )
    yield CorpusFailure(
        "labels of another size",
        ("size-mismatch",),
        lambda k: {"labels": scene_of(k).labels[:90, :120], "image": scene_of(k).image},
    )
    yield CorpusFailure(
        "two predictions, three targets",
        ("another-number-of-images",),
        lambda k: {
            "labels": output_of("shapes").labels[:2],
            "target": output_of("shapes").targets[:3],
        },
        scenes=(0,),
    )
    yield CorpusFailure(
        "another picture", (), lambda k: labelled(scene_of(k), scene_of((k + 5) % 8).labels)
    )
    yield CorpusFailure(
        "another tile",
        (),
        lambda k: labelled(
            scene_of(k, "tile"), scene_of((k + 5) % 8, "tile").labels, num_classes=5
        ),
    )
    yield CorpusFailure(
        "nothing but background",
        ("one-class",),
        lambda k: labelled(scene_of(k), scene_of(k).labels * np.uint8(0)),
    )


def _boxed_logits(logits: np.ndarray, share: float) -> np.ndarray:
    h, w = logits.shape[1:]
    side = max(h, w)
    top = int((side - h) * share)
    square = np.zeros((len(logits), side, side), np.float32)
    square[0] = 10
    square[:, top : top + h, :w] = logits
    return square


def iter_failures() -> Iterator[CorpusFailure]:
    """Yield every failing run."""
    yield from iter_input_failures()
    yield from iter_weight_failures()
    yield from iter_logit_failures()
    yield from iter_label_failures()
    yield from iter_target_failures()
    yield from iter_class_failures()
    yield from iter_place_failures()
