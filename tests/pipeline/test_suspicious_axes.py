"""Logits whose axes were mixed up before the call: reshaped, stacked, or of another input."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

CALLS: list[Any] = [
    segpost.argmax,
    segpost.postprocess,
    segpost.binarize,
    lambda logits: segpost.regions(logits=logits),
]


@pytest.mark.parametrize("call", CALLS)
def test_logits_that_were_reshaped(call: Any) -> None:
    """Channels last, reshaped in place of transposed; both printed cures give the labels.

    Only the first array of a shape is read, so that each call has a shape of its own.
    """
    width = 43 + CALLS.index(call)
    last = np.ascontiguousarray(np.moveaxis(scene(6, 37, width), 0, -1))
    with pytest.warns(segpost.InputWarning, match="repeat with every 6 values") as caught:
        call(last.reshape(6, 37, width))
    assert [warning.filename for warning in caught] == [__file__]
    code = re.search(r"np\.moveaxis\(.*?\)", str(caught[0].message))
    assert code
    cured = segpost.argmax(eval(code.group(0), {"np": np, "logits": last}))
    np.testing.assert_array_equal(cured, segpost.argmax(last, axis=-1))


def test_textures_are_not_reshaped_logits() -> None:
    """Noise, stripes, a checkerboard, and logits that repeat along their rows."""
    random = np.random.default_rng(6)
    stripes = np.arange(45) % 2 + random.normal(size=(6, 38, 1))
    board = np.indices((38, 45)).sum(0) % 2 + random.normal(size=(7, 1, 1))
    blocks = random.normal(size=(8, 19, 15)).repeat(2, 1).repeat(3, 2)
    for logits in (random.normal(size=(6, 38, 46)), stripes, board, blocks, scene(9, 38, 45)):
        for call in CALLS:
            call(logits.astype(np.float32))


def test_images_on_the_class_axis() -> None:
    """A palette of a data set shows it; the printed expression has the images first."""
    one = scene(21, 16, 18)
    with pytest.warns(segpost.InputWarning, match="axes 0 and 1 exchanged") as caught:
        segpost.postprocess(np.stack([one, one], 1), palette="voc")
    assert [warning.filename for warning in caught] == [__file__]
    cured = eval("logits.swapaxes(0, 1)", {"logits": np.stack([one, one], 1)})
    assert "Pass logits.swapaxes(0, 1)" in str(caught[0].message)
    labels = segpost.postprocess(cured, palette="voc").labels
    np.testing.assert_array_equal(labels, np.stack([segpost.argmax(one)] * 2))


@pytest.mark.parametrize(
    ("image", "inputs", "sides"),
    [((129, 161), (129, 129), (33, 41)), ((129, 129), (129, 161), (33, 33))],
)
def test_a_letterbox_of_another_input(image: Any, inputs: Any, sides: Any) -> None:
    """Exchanged arguments of fit, or an input that was resized without a letterbox."""
    box = segpost.Letterbox.fit(image, inputs)
    with pytest.warns(segpost.InputWarning, match="the input of 129 x 1.. that letterbox"):
        segpost.argmax(scene(5, *sides), letterbox=box)
    for side in (32, 33, 500, 513):  # of a network of stride 32
        fits = segpost.Letterbox.fit(image, (side + 480, side + 700))
        rows, columns = (-(-n // 32) for n in fits.input_size)
        segpost.argmax(scene(5, rows, columns), letterbox=fits)


def volume_of_logits(classes: int, *size: int) -> np.ndarray:
    """Logits (C, D, H, W) that change slowly from voxel to voxel."""
    random = np.random.default_rng(12)
    coarse = random.normal(0, 4, (classes, *(-(-side // 8) + 1 for side in size)))
    for axis, side in enumerate(size, start=1):
        place = np.arange(side) / 8
        cell = place.astype(int)
        weight = (place - cell).reshape([-1 if k == axis else 1 for k in range(4)])
        coarse = coarse.take(cell, axis) * (1 - weight) + coarse.take(cell + 1, axis) * weight
    return coarse.astype(np.float32)


@pytest.mark.parametrize("call", [segpost.argmax, segpost.postprocess])
def test_classes_of_volumes_on_the_other_end(call: Any) -> None:
    """The printed argument gives the labels; right layouts, and noise, are not suspicious."""
    first = volume_of_logits(3, 20, 33, 40)
    last = np.ascontiguousarray(np.moveaxis(first, 0, -1))
    with pytest.warns(segpost.InputWarning, match=r"classes on axis -4.*pass axis=-1") as caught:
        call(last, volume=True)
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(segpost.InputWarning, match=r"classes on axis -1.*pass axis=-4"):
        call(first[None], volume=True, axis=-1)
    for logits, axis in ((last, -1), (first, None), (first, -4)):
        result = call(logits, volume=True, axis=axis)
        labels = result if call is segpost.argmax else result.labels
        np.testing.assert_array_equal(labels, first.argmax(0))
    thin = volume_of_logits(14, 40, 33, 5)  # five columns
    call(thin, volume=True)
    call(np.random.default_rng(1).normal(size=last.shape).astype(np.float32), volume=True)


def labels_of(result: Any) -> np.ndarray:
    """Labels or masks of either kind of result."""
    return np.asarray(getattr(result, "labels", result))


@pytest.mark.parametrize("call", CALLS[:3])
def test_a_volume_that_is_read_as_images(call: Any) -> None:
    """With a size of two numbers, too; a size of three is the printed cure."""
    logits = volume_of_logits(3, 20, 33, 40 + CALLS.index(call))
    size = 66, 80 + 2 * CALLS.index(call)
    with pytest.warns(
        segpost.InputWarning, match=r"pass size=\(depth, height, width\), or"
    ) as caught:
        call(logits, size=size)
    assert [warning.filename for warning in caught] == [__file__]
    for options in ({"size": (40, *size)}, {"size": size, "axis": -3}):
        call(logits, **options)


@pytest.mark.parametrize("call", CALLS[:3])
def test_sizes_of_volumes_in_the_order_x_y_z(call: Any) -> None:
    """Both printed cures give the labels; anisotropic sizes are not suspicious."""
    logits = volume_of_logits(3, 12, 20, 30)
    wanted = labels_of(call(logits, size=(24, 40, 60)))
    with pytest.warns(segpost.InputWarning, match="in the order x, y, z it has one") as caught:
        call(logits, size=(60, 40, 24))
    size = re.search(r"pass size=(\(.*?\))", str(caught[0].message))
    assert [warning.filename for warning in caught] == [__file__]
    assert size
    np.testing.assert_array_equal(labels_of(call(logits, size=eval(size[1]))), wanted)
    turned = logits.transpose(0, 3, 2, 1)
    with pytest.warns(segpost.InputWarning, match="in the order x, y, z") as caught:
        call(turned, size=(24, 40, 60))
    code = re.search(r"logits\.swapaxes\(.*?\)", str(caught[0].message))
    assert code
    cured = call(eval(code[0], {"logits": turned}), size=(24, 40, 60))
    np.testing.assert_array_equal(labels_of(cured), wanted)
    for anisotropic in ((12, 100, 150), (60, 41, 30), (30, 20, 13), (5, 4, 3)):
        call(logits, size=anisotropic)


@pytest.mark.parametrize("call", CALLS[:3])
def test_sizes_of_volumes_with_the_classes_on_the_other_end(call: Any) -> None:
    last = np.random.default_rng(3).normal(size=(9, 12, 16, 4)).astype(np.float32)
    with pytest.warns(segpost.InputWarning, match="have one: pass axis=-1") as caught:
        call(last, size=(18, 24, 32))
    assert [warning.filename for warning in caught] == [__file__]
    call(last, size=(18, 24, 32), axis=-1)
    call(last, size=(18, 24, 32), axis=-4)
