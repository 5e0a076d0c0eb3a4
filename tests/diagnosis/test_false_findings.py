"""What is right, or wrong in no known way, gets no certain or likely finding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from corpus_right import output_of
from corpus_scenes import MEAN, STD, normalize
from diagnosis_scenes import open_saved

import segpost


def slow(*values: Any) -> list[Any]:
    """Return parameters whose tests run with the slow ones only."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


Y, X = np.mgrid[:256, :256]
RADIUS = np.hypot(Y - 128, X - 128)
ZEROS = np.zeros((256, 256), np.uint8)


def ranked(**given: Any) -> dict[str, str]:
    """Return the ranks of the findings by code."""
    return {finding.code: finding.rank for finding in segpost.diagnose(**given).findings}


def serious(**given: Any) -> list[str]:
    """Return the codes of the findings that are more than hints."""
    return [code for code, rank in ranked(**given).items() if rank != "hint"]


@pytest.mark.parametrize("percent", [-16, *slow(-10, -4), 2, *slow(4, 7), 10, *slow(14, 18)])
def test_an_object_too_large_or_small_is_no_letterbox(percent: int) -> None:
    """A round object in the middle of a square, predicted too large or too small."""
    target = (RADIUS < 80).astype(np.uint8)
    labels = (80 * (1 + percent / 100) > RADIUS).astype(np.uint8)
    assert serious(labels=labels, target=target, num_classes=2) == []


@pytest.mark.parametrize("seed", [0, 1, *slow(*range(2, 12))])
@pytest.mark.parametrize("side", [128, *slow(256)])
def test_a_rough_outline_is_no_letterbox(seed: int, side: int) -> None:
    """A lesion whose predicted outline is rough and wider or narrower than it is."""
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:side, :side] - side / 2 + random.uniform(-4, 4)
    angle, radius = np.arctan2(y, x), np.hypot(y, 1.2 * x)
    waves = [random.uniform(-1, 1, 2) for _ in range(8)]
    outline, rough = np.full(radius.shape, 0.28 * side), 0.0
    for k, (a, b) in enumerate(waves, 2):
        outline = outline + 0.02 * side * a * np.cos(k * angle + 6 * b)
        rough = rough + 0.008 * side * b * np.cos(3 * k * angle + 6 * a)
    factor = 1 + random.choice([-0.1, -0.05, 0.05, 0.1])
    labels = (radius < factor * outline + rough).astype(np.uint8)
    target = (radius < outline).astype(np.uint8)
    assert serious(labels=labels, target=target, num_classes=2) == []


def test_a_prediction_of_one_class_is_not_moved() -> None:
    """No offset, letterbox or flip is named where a constant is predicted."""
    for target in ((X < 12) & (Y > 60), X < 80, RADIUS < 90):
        found = ranked(labels=ZEROS, target=target.astype(np.uint8), num_classes=2)
        assert set(found) == {"one-class"}


def test_a_caption_is_no_offset() -> None:
    """Rows that are wrong at the border do not move the rest."""
    target = (X >= 120).astype(np.uint8)
    labels = target.copy()
    labels[-10:] = 0
    assert ranked(labels=labels, target=target, num_classes=2) == {}


def test_layers_in_order_are_not_interpolated() -> None:
    """Layers of one pixel that touch in the order of their ids."""
    layers = np.digitize(-RADIUS, [-60, -59, -58, -57, -56, -30]).astype(np.uint8)
    assert ranked(labels=layers, target=layers, num_classes=7) == {}
    assert ranked(target=layers, num_classes=7) == {}
    assert ranked(labels=layers) == {}


def test_blocks_of_the_target_are_no_fault() -> None:
    """A coarse target, predicted in its own blocks; without them blocks are one."""
    cells = np.random.RandomState(0).randint(0, 6, (32, 32)).astype(np.uint8)
    cells = cells.repeat(8, 0).repeat(8, 1)
    assert ranked(labels=cells, target=cells, num_classes=6) == {}
    assert serious(labels=cells, num_classes=6) == ["blocky-labels"]


def test_void_is_void() -> None:
    """0 and 255 with 255 ignored: a tile of class 0 with no data at its edge."""
    tile = ZEROS.copy()
    tile[:, 220:] = 255
    for given in ({"labels": ZEROS, "target": tile}, {"labels": tile},
                  {"labels": tile, "target": tile}, {"target": tile}):  # fmt: skip
        assert ranked(**given, num_classes=6, ignore_index=255) == {}


@pytest.mark.parametrize("ids", [(0, 64), (0, 128), (0, 150, 171), (0, 128, 255), (7, 200)])
def test_two_or_three_values_prove_nothing(ids: tuple[int, ...]) -> None:
    """Ids of large sets, and masks as published, where the number of classes is unknown."""
    labels = np.array(ids, np.uint8)[np.minimum(X // 90, len(ids) - 1)]
    for given in ({"labels": labels}, {"target": labels}, {"labels": labels, "target": labels}):
        assert serious(**given) == []


@pytest.mark.parametrize("classes", [150, *slow(60, 134, 171)])
def test_random_ids_of_large_sets(classes: int) -> None:
    """Maps of a few ids of a large set, with and without the number of classes."""
    random = np.random.RandomState(classes)
    for count in (2, 3, 5):
        for _ in range(3):
            ids = np.sort(random.choice(classes, count, replace=False)).astype(np.uint8)
            labels = ids[random.randint(0, count, (16, 16))].repeat(16, 0).repeat(16, 1)
            labels[100:103] = ids[0]
            for name in ("labels", "target"):
                codes = serious(**{name: labels})
                assert set(codes) <= {"blocky-labels"}, ids


def test_gray_files_of_ids_are_a_hint() -> None:
    """An official file of ids in gray is as good as any to a program."""
    labels = np.minimum(RADIUS // 30, 6).astype(np.uint8)
    found = ranked(labels=open_saved(labels), target=labels, num_classes=7)
    assert found == {"no-palette-in-file": "hint"}


def test_a_hazy_image_is_no_unit_range() -> None:
    """A right input of little contrast lies in 0..1 by chance."""
    noise = output_of("shapes").scenes[0].image
    fog = (noise * 0.12 + 138).astype(np.uint8)
    given = {"input": normalize(fog), "mean": MEAN, "std": STD}
    assert ranked(**given, image=fog) == {}
    assert serious(**given) == []


def test_small_logits_are_no_untrained_head() -> None:
    """High temperatures, and a blank map whose target is one class."""
    output = output_of("shapes")
    for temperature in (60, 120):
        logits = output.logits[0] / np.float32(temperature)
        assert serious(logits=logits) == []
        assert serious(logits=logits, target=output.targets[0], ignore_index=255) == []
    blank = np.full((2, 32, 32), -1, np.float32)
    blank[0] = 3
    assert serious(logits=blank, target=np.zeros((32, 32), np.uint8)) == []


@pytest.mark.parametrize("network", slow("shapes", "tile", "layers", "lesion"))
def test_pictures_that_do_not_belong_together(network: str) -> None:
    """The prediction of another picture is explained by no move and no order of the classes."""
    output = output_of(network)
    for k in range(0, 8, 2):
        for offset in (1, 5):
            codes = serious(
                labels=output.labels[(k + offset) % 8],
                target=output.targets[k],
                num_classes=output.classes,
                ignore_index=255,
            )
            assert set(codes) <= {"one-class"}, (k, offset)


def test_offsets_of_one_picture_are_hints() -> None:
    """One picture does not prove an offset of two pixels; four do."""
    output = output_of("tile")
    given = {"num_classes": 5, "ignore_index": 255}
    moved = np.roll(output.labels, (2, 1), (1, 2))
    for k in range(4):
        found = ranked(labels=moved[k], target=output.targets[k], **given)
        assert "likely" not in found.values()
    assert ranked(labels=moved, target=output.targets, **given) == {"shifted": "likely"}


def test_no_quantization_is_no_constant() -> None:
    """(0.0, 0), which runtimes report of floats, is no quantization."""
    logits = output_of("shapes").logits[0]
    assert ranked(logits=logits, quantization=(0.0, 0)) == {}


@pytest.mark.parametrize("read", [segpost.diagnose, segpost.fingerprint])
@pytest.mark.parametrize(
    ("dtype", "quantization", "error", "text"),
    [
        (np.int8, (3, 0.05), ValueError, r"exchanged, pass \(0\.05, 3\)"),
        (np.int8, np.array([0.05, 3]), ValueError, r"quantization must be \(scale, zero_point\)"),
        (np.float32, (0.05, 3), TypeError, "quantization is for integer logits, got float32"),
    ],
)
def test_a_quantization_that_cannot_be_is_refused(
    read: Any, dtype: Any, quantization: Any, error: type[Exception], text: str
) -> None:
    """A scale and a zero point that are exchanged, and a quantization of floats."""
    logits = np.zeros((2, 4, 5), dtype)
    with pytest.raises(error, match=text):
        read(logits=logits, quantization=quantization)


def test_a_threshold_is_of_dequantized_values() -> None:
    """The labels of a quantized sigmoid head are those of its real logits."""
    logits = output_of("shapes").logits[0, 1:2]
    raw = np.clip(np.rint(logits * 8 + 128), 0, 255).astype(np.uint8)
    mask = (raw[0] > 128).astype(np.uint8)
    options: Any = {"labels": mask, "target": mask, "num_classes": 2, "threshold": 0.5}
    assert ranked(logits=raw, quantization=(0.125, 128), **options) == {}
    assert ranked(logits=raw, **options) == {"quantized-logits": "likely"}


def test_counts_of_votes_with_no_data() -> None:
    """They are small integers, and not quantized: at each pixel with data they sum to the votes."""
    networks = np.random.default_rng(4).integers(0, 3, (12, 32, 40))
    votes = (networks == np.arange(3)[:, None, None, None]).sum(1).astype(np.uint8)
    votes[..., :28] = 0
    assert len(np.unique(votes)) > 8
    assert "quantized-logits" not in segpost.diagnose(logits=votes).codes
    votes[0, 0, 30] += 1
    assert "quantized-logits" in segpost.diagnose(logits=votes).codes
