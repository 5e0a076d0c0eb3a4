"""Every cure is code: it runs on the failing input, and where it can, it restores what is right."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from typing import Any
from unittest import mock

import numpy as np
import pytest
from corpus_failures.scenes import enlarge, scene_of, scene_of_mistake
from corpus_right import output_of
from corpus_scenes import MEAN, STD, normalize
from diagnosis_runs import FAILURES, examine
from diagnosis_scenes import (
    Failure,
    Image,
    letterbox,
    open_saved,
    pair,
    regions,
    resize_nearest,
    softmax,
)

import segpost

ARGUMENTS = set(inspect.signature(segpost.diagnose).parameters)
LIBRARIES = {"np", "segpost", "Image", "ImageOps"}
LAYOUTS = ("unbatched", pytest.param("batched", marks=pytest.mark.slow))


def run(cure: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the arguments after the cure was executed."""
    names: dict[str, Any] = {"np": np, "segpost": segpost, "Image": Image, **arguments, **more}
    exec(compile(cure, "<cure>", "exec"), names)
    return {name: names[name] for name in arguments} | {
        name: names[name] for name in ("labels", "logits", "input", "target") if name in names
    }


def apply_cure(arguments: dict[str, Any], code: str, **more: Any) -> dict[str, Any]:
    """Return the arguments after the cure of the first finding, which must have the code."""
    finding = segpost.diagnose(**arguments).findings[0]
    assert finding.code == code
    return run(finding.cure, arguments, **more)


def unknown_names(cure: str, arguments: dict[str, Any]) -> set[str]:
    """Return the names that a cure uses and neither sets nor has as arguments."""
    tree = ast.parse(cure)
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    used = {node.id for node in nodes} - set(dir(builtins)) - LIBRARIES
    first = {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
    return {name for name in used & first if name not in arguments and name not in stored}


@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: f"{f.code}: {f.what}")
def test_cures_are_code_of_known_names(failure: Failure) -> None:
    """A cure parses; names that are no arguments are explained in its comment."""
    arguments = failure.make()
    for finding in examine(failure).diagnosis.findings:
        comment = finding.cure.partition("#")[2]
        for name in unknown_names(finding.cure, arguments):
            if name in ARGUMENTS:
                continue
            assert re.search(rf"\b{name}\b[^:]*:", comment), (name, finding.cure)


def add_batch(value: Any, layout: str) -> Any:
    """Return an array with a batch axis where the layout has one."""
    return value[None] if layout == "batched" else value


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("input-bgr", lambda a: normalize(a[..., ::-1])),
        ("input-normalization", lambda a: (a / 255).transpose(2, 0, 1)),
        ("input-normalization", lambda a: (a / 127.5 - 1).transpose(2, 0, 1)),
        ("input-channels-mixed", lambda a: normalize(a.mean(2, keepdims=True).repeat(3, 2))),
        ("input-reshaped", lambda a: ((a / 255 - MEAN) / STD).reshape(3, *a.shape[:2])),
        ("input-flipped", lambda a: normalize(a[:, ::-1])),
        ("input-flipped", lambda a: normalize(np.rot90(a))),
        ("input-flipped", lambda a: normalize(np.rot90(a[:, :96], -1))),
        ("input-flipped", lambda a: normalize(np.rot90(a, 2).swapaxes(0, 1))),
    ],
)
def test_inputs_are_made_right(code: str, change: Any, last: bool, layout: str) -> None:
    """Inputs in any layout become the normalized image."""
    image = scene_of(0).image
    fed, wanted = change(image).astype(np.float32), normalize(image)
    if fed.size != wanted.size:  # of a square
        image, wanted = image[:, :96], wanted[..., :96]
    if last:
        fed, wanted = (np.ascontiguousarray(a.transpose(1, 2, 0)) for a in (fed, wanted))
    arguments = {"input": add_batch(fed, layout), "image": add_batch(image, layout),
             "mean": MEAN, "std": STD}  # fmt: skip
    if code == "input-reshaped" and last:
        pytest.skip("a reshape to (3, H, W) is channels first")
    after = apply_cure(arguments, code)
    np.testing.assert_allclose(after["input"], add_batch(wanted, layout), atol=1e-5)
    assert segpost.diagnose(**after).ok


def test_inputs_of_another_size_are_made_right() -> None:
    """Where the sizes differ the input is corrected itself."""
    image = scene_of(1).image
    half = image[::2, ::2]
    for fed in (normalize(half[..., ::-1]), (half / 255).transpose(2, 0, 1)):
        arguments: dict[str, Any] = {"input": fed, "image": image, "mean": MEAN, "std": STD}
        code = segpost.diagnose(**arguments).codes[0]
        after = apply_cure(arguments, code)
        assert abs(after["input"] - normalize(half)).max() < 0.15
        assert segpost.diagnose(**after).ok
    in_0_1 = {"input": (image / 255).transpose(2, 0, 1), "mean": MEAN, "std": STD}
    np.testing.assert_allclose(
        apply_cure(in_0_1, "input-range")["input"], normalize(image), atol=1e-5
    )
    in_255 = {"input": image.transpose(2, 0, 1).astype(float), "mean": MEAN, "std": STD}
    np.testing.assert_allclose(
        apply_cure(in_255, "input-range")["input"], normalize(image), atol=1e-5
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_of_logits_are_made_right(layout: str) -> None:
    """Labels that an operation spoiled become those of the logits."""
    scene = scene_of(0)
    full = scene.full
    own = full.argmax(0).astype(np.uint8)
    small = scene.logits.argmax(0).astype(np.uint8)
    cases = [
        ("transposed-labels", full, own.T, own),
        ("transposed-labels", full, own.reshape(own.shape[::-1]), own),
        ("argmax-times-255", full, (own.astype(int) * 255).astype(np.uint8), own),
        ("cast-before-argmax", full, softmax(full).astype(np.uint8).argmax(0), own),
        ("threshold-before-argmax", full, (softmax(full) > 0.5).argmax(0), own),
        ("argmax-before-resize", scene.logits, small.repeat(4, 0).repeat(4, 1), scene.labels),
        ("labels-of-other-logits", full, regions(6, own.shape, 4), own),
    ]
    for code, logits, labels, wanted in cases:
        arguments = {"logits": add_batch(logits, layout), "labels": add_batch(labels, layout)}
        after = apply_cure(arguments, code)
        np.testing.assert_array_equal(after["labels"], add_batch(wanted, layout), code)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_of_channels_last_logits_are_made_right(layout: str) -> None:
    """The same of logits whose classes are on the last axis."""
    full = scene_of(0).full
    own, last = full.argmax(0), np.ascontiguousarray(full.transpose(1, 2, 0))
    arguments = {"logits": add_batch(last, layout), "axis": -1, "labels": add_batch(own.T, layout)}
    np.testing.assert_array_equal(
        apply_cure(arguments, "transposed-labels")["labels"], add_batch(own, layout)
    )
    arguments["labels"] = add_batch(last, layout).argmax(0 if layout == "unbatched" else 1)
    np.testing.assert_array_equal(
        apply_cure(arguments, "wrong-argmax-axis")["labels"], add_batch(own, layout)
    )
    shuffled = last.reshape(full.shape)
    after = apply_cure({"logits": add_batch(shuffled, layout)}, "reshape-not-transpose")
    np.testing.assert_array_equal(after["logits"], add_batch(full, layout))
    turned = apply_cure({"logits": add_batch(last, layout), "num_classes": 6}, "class-axis")
    np.testing.assert_array_equal(turned["labels"], add_batch(own, layout))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_places_are_made_right(layout: str) -> None:
    """Predictions that were flipped, moved, padded or cut up come back to their target."""
    _, labels, target = pair(seed=2)
    square, truth = labels[:192, :192], target[:192, :192]
    cases: list[tuple[str, np.ndarray, np.ndarray, float]] = [
        ("turned", labels[:, ::-1], labels, 1),
        ("turned", labels[::-1], labels, 1),
        ("turned", labels[::-1, ::-1], labels, 1),
        ("turned", square.T, square, 1),
        ("turned", np.rot90(square), square, 1),
        ("turned", np.rot90(square, -1), square, 1),
        ("turned", labels.T.copy().reshape(labels.shape), labels, 1),
        ("height-width-swapped", labels.T, labels, 1),
        ("height-width-swapped", labels.reshape(labels.shape[::-1]), labels, 1),
        ("shifted", np.roll(labels, (5, -3), (0, 1)), labels, 0.97),
        ("shifted", np.roll(labels, (-7, 0), (0, 1)), labels, 0.97),
        ("tiles-exchanged", np.roll(labels, 128, 1), labels, 1),
        ("letterbox", letterbox(labels, 0.0), labels, 0.97),
        ("letterbox", letterbox(labels, 0.5), labels, 0.97),
        ("letterbox", np.pad(labels, ((0, 64), (0, 0))), labels, 0.97),
    ]
    for code, changed, wanted, least in cases:
        against = truth if wanted is square else target
        arguments = {"labels": add_batch(changed, layout), "target": add_batch(against, layout)}
        after = apply_cure(arguments, code)
        assert after["labels"].shape == add_batch(wanted, layout).shape
        assert (after["labels"] == add_batch(wanted, layout)).mean() >= least, code


def test_logits_without_labels_are_cured() -> None:
    """Where only logits are passed, the cure makes labels of them."""
    scene = scene_of(3)
    void: dict[str, Any] = {"target": scene.target, "ignore_index": 255}
    flipped = {"logits": scene.logits[..., ::-1].copy(), **void}
    assert (apply_cure(flipped, "turned")["labels"] == scene.labels).mean() > 0.999
    last = {"logits": scene.full[:, ::-1].transpose(1, 2, 0), "axis": -1, **void}
    assert (apply_cure(last, "turned")["labels"] == scene.full.argmax(0)).all()
    order = [5, 4, 3, 2, 1, 0]
    after = apply_cure({"logits": scene.logits[order], **void}, "classes-permuted")
    assert (after["labels"] == scene.labels)[scene.target != 255].mean() > 0.99
    square = np.zeros((6, 32, 32), np.float32)
    square[0] = 9
    square[:, 4:28] = scene.logits
    after = apply_cure({"logits": square, **void}, "letterbox")
    assert (after["labels"] == scene.labels).mean() > 0.99
    assert segpost.diagnose(labels=after["labels"], **void).ok


@pytest.mark.parametrize("layout", LAYOUTS)
def test_classes_are_made_right(layout: str) -> None:
    """Orders, offsets, masks and ids that were stretched are undone."""
    _, labels, target = pair()
    order = np.array([3, 1, 6, 0, 2, 5, 4], np.uint8)
    binary = (target > 3).astype(np.uint8)
    ids = np.array([7, 8, 11, 12, 13, 17, 19], np.uint8)
    less = np.where(target == 0, 255, target - 1).astype(np.uint8)
    reduced = {"ignore_index": 255, "num_classes": 150}
    cases: list[tuple[str, str, dict[str, Any], np.ndarray]] = [
        ("classes-permuted", "labels", {"labels": order[labels], "target": target}, labels),
        ("inverted-mask", "labels", {"labels": 1 - binary, "target": binary}, binary),
        ("reduce-zero-label-missing", "target",
         {"labels": labels, "target": target + np.uint8(1), "num_classes": 150}, target),
        ("reduce-zero-label-twice", "target", {"labels": labels, "target": less, **reduced},
         target),
        ("class-offset", "target",
         {"labels": labels, "target": target + np.uint8(2), "num_classes": 20}, target),
        ("labelid-for-trainid", "target",
         {"labels": labels, "target": ids[target], "num_classes": 20}, target),
        ("target-labelid", "target", {"target": ids[target], "num_classes": 19}, target),
        ("target-one-too-many", "target",
         {"target": target + np.uint8(1), "num_classes": 7}, target),
        ("target-0-255", "target",
         {"labels": binary, "target": binary * np.uint8(255), "num_classes": 2}, binary),
        ("labels-0-255", "labels",
         {"labels": binary * np.uint8(255), "target": binary, "num_classes": 2}, binary),
        ("target-stretched", "target",
         {"labels": labels, "target": np.rint(target * 42.5).astype(np.uint8), "num_classes": 7},
         target),
        ("labels-stretched", "labels",
         {"labels": labels * np.uint8(30), "target": target, "num_classes": 7}, labels),
        ("argmax-times-255", "labels",
         {"labels": (labels.astype(int) * 255).astype(np.uint8), "num_classes": 7}, labels),
        ("float-ids", "labels", {"labels": labels.astype(np.float32)}, labels),
        ("ids-divided", "target", {"target": (target / 255).astype(np.float32)}, target),
        ("bits-as-floats", "labels", {"labels": labels.astype(np.int32).view(np.float32)}, labels),
    ]  # fmt: skip
    for code, name, arguments, wanted in cases:
        arguments = {key: add_batch(value, layout) if isinstance(value, np.ndarray) else value
                 for key, value in arguments.items()}  # fmt: skip
        np.testing.assert_array_equal(
            apply_cure(arguments, code)[name], add_batch(wanted, layout), code
        )


def test_pictures_are_read_again() -> None:
    """Targets that were read as gray, as one channel, in BGR or by a file's own palette."""
    scene = scene_of(0, "tile")
    target = np.where(scene.target == 255, 0, scene.target).astype(np.uint8)
    voc = segpost.Palette.named("voc")
    picture = np.asarray(segpost.colorize(target, voc))
    arguments: dict[str, Any] = {"labels": scene.labels, "num_classes": 21, "palette": "voc"}
    gray = {**arguments, "target": np.asarray(Image.fromarray(picture).convert("L"))}
    with mock.patch.object(Image, "open", return_value=Image.fromarray(picture)):
        after = apply_cure(gray, "target-luma", path="target.png")
    np.testing.assert_array_equal(after["target"], target)
    swapped = {**arguments, "target": np.ascontiguousarray(picture[..., ::-1])}
    np.testing.assert_array_equal(apply_cure(swapped, "target-is-a-picture")["target"], target)
    order = np.array([3, 0, 4, 1, 2], np.uint8)
    colors = np.zeros((256, 3), np.uint8)
    colors[order] = voc.colors[:5]
    local = {**arguments, "target": open_saved(order[target], palette=colors)}
    np.testing.assert_array_equal(apply_cure(local, "target-local-palette")["target"], target)
    shown = {
        **arguments,
        "labels": open_saved(order[scene.labels], palette=colors),
        "target": target,
    }
    after = apply_cure(shown, "indices-of-file-palette")
    np.testing.assert_array_equal(after["labels"], scene.labels)


def test_exchanged_pictures_are_sorted() -> None:
    """Predictions of a batch come back to their targets."""
    output = output_of("tile")
    arguments = {"labels": output.labels[[1, 2, 0]], "target": output.targets[:3], "num_classes": 5,
             "ignore_index": 255}  # fmt: skip
    np.testing.assert_array_equal(
        apply_cure(arguments, "pictures-exchanged")["labels"], output.labels[:3]
    )


def test_logits_of_the_wrong_type_are_read_again() -> None:
    """Bytes with the wrong sign, floats as integers, and probabilities with a threshold."""
    scene = scene_of(0)
    raw = np.clip(np.rint(scene.full * 4) + 128, 0, 255).astype(np.uint8)
    after = apply_cure({"logits": raw.view(np.int8)}, "wrapped-logits")
    np.testing.assert_array_equal(after["logits"], raw)
    after = apply_cure(
        {"logits": np.ascontiguousarray(scene.full).view(np.int32)}, "bits-as-floats"
    )
    np.testing.assert_array_equal(after["logits"], scene.full)
    spots = scene_of(0, "spots_sigmoid")
    arguments = {"logits": 1 / (1 + np.exp(-spots.full)), "target": spots.target, "threshold": 0.5}
    after = apply_cure(arguments, "sigmoid-twice")
    np.testing.assert_array_equal(after["labels"], spots.labels)
    labels = {"logits": spots.full, "labels": (spots.full[0] > 0.5).astype(np.uint8)}
    np.testing.assert_array_equal(
        apply_cure(labels, "threshold-on-logits")["labels"], spots.full[0] > 0
    )
    sigmoid = {"logits": spots.full, "labels": np.zeros_like(spots.labels)}
    np.testing.assert_array_equal(apply_cure(sigmoid, "one-channel")["labels"], spots.full[0] > 0)


def test_a_cause_stands_before_its_consequence() -> None:
    """A wrong input explains a prediction of one class, gray values explain ids beyond."""
    scene = scene_of_mistake("not_normalized", 0)
    fed = (scene.image / 255).transpose(2, 0, 1)
    found = segpost.diagnose(
        logits=scene.logits, target=scene.target, ignore_index=255, image=scene.image,
        input=fed, mean=MEAN, std=STD,
    )  # fmt: skip
    assert found.codes == ("input-normalization",)


def test_large_logits_of_a_crop_are_resized() -> None:
    """Labels of another size than the target are made of the logits."""
    scene = scene_of(0)
    small = resize_nearest(scene.labels, (80, 110))
    arguments: dict[str, Any] = {"logits": scene.logits, "labels": small, "target": scene.target,
                             "ignore_index": 255}  # fmt: skip
    finding = next(f for f in segpost.diagnose(**arguments).findings if f.code == "size-mismatch")
    np.testing.assert_array_equal(run(finding.cure, arguments)["labels"], scene.labels)
    assert enlarge(scene.logits, scene.target.shape).shape == scene.full.shape
