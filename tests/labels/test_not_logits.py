"""Arrays whose argmax would be 0 everywhere are errors, and the cure that each one prints works."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene
from fake_devices import Cuda, host

import segpost
from segpost.cli import main

ON_CUDA = True

torch = pytest.importorskip("torch")

HEAD = np.random.default_rng(1).normal(size=(1, 9, 10)).astype(np.float32) * 3
INSIDE = HEAD[0] > 0  # where a sigmoid is above 0.5
SHARES = (1 / (1 + np.exp(-HEAD))).astype(np.float32)
VOLUME = np.random.default_rng(2).normal(size=(1, 3, 4, 5)).astype(np.float32)
PHOTOGRAPH = np.random.default_rng(3).integers(0, 256, (9, 10, 3)).astype(np.uint8)


def maps(count: int = 3) -> np.ndarray:
    """Label maps of VOC: an object each, a border of void, and background."""
    made = np.zeros((count, 40, 50), np.uint8)
    for i, one in enumerate(made):
        one[8 + i : 31, 10 : 30 + 2 * i] = 255
        one[9 + i : 30, 11 : 29 + 2 * i] = 5 * i + 3
    return made


def message(call: Callable[..., Any], *given: Any, **options: Any) -> str:
    """What a call raises as ValueError."""
    with pytest.raises(ValueError, match=r"^(logits|preds) ") as error:
        call(*given, **options)
    return str(error.value)


def cure(text: str, pattern: str, **names: Any) -> Any:
    """The value of the expression that a message prints."""
    code = re.search(pattern, text)
    assert code, text
    return eval(code.group(1), {"segpost": segpost, "np": np, "torch": torch, **names})


CALL = r"call (segpost\..*\))$"
COLORIZE = r"look like labels: (segpost\.colorize\([^)]*\))"
BOTH = r"give two classes, .*?(\w+\.concatenate\(.*?axis=-?\d\))"
QUANTIZED = r"quantized sigmoid head call (segpost\..*\))$"


@pytest.mark.parametrize("function", [segpost.argmax, segpost.postprocess, segpost.Stream()])
@pytest.mark.parametrize("form", ["(1, H, W)", "(N, 1, H, W)", "(H, W, 1)", "torch", "bfloat16"])
@pytest.mark.parametrize("values", [HEAD, SHARES], ids=["logits", "shares"])
def test_the_cure_for_a_sigmoid_head(
    backend: str, function: Callable[..., Any], form: str, values: np.ndarray
) -> None:
    """The shape and a call are named, and that call gives the labels, on every backend."""
    logits: Any = values
    options: dict[str, Any] = {}
    if form == "(N, 1, H, W)":
        logits = np.stack([logits, logits])
    elif form == "(H, W, 1)":
        logits, options = np.moveaxis(logits, 0, -1), {"axis": -1}
    elif form in ("torch", "bfloat16"):
        logits = torch.from_numpy(logits).to(torch.bfloat16 if form == "bfloat16" else None)
    if isinstance(function, segpost.Stream):
        function = segpost.Stream(**options)
        options = {}
    text = message(function, logits, **options)
    assert f"logits of shape {tuple(logits.shape)} have one class on axis" in text
    labels = np.asarray(cure(text, CALL, logits=logits).labels)
    assert labels.shape == (*logits.shape[:-3], 9, 10)
    near = 0.01 if form == "bfloat16" else 0
    clear = abs(SHARES[0] - 0.5) > near
    assert clear.sum() > 80
    assert (labels == INSIDE)[..., clear].all()
    assert 0 < INSIDE.mean() < 1


@pytest.mark.parametrize("kind", ["uint8", "int16", "int64"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("form", ["(1, H, W)", "(N, 1, H, W)", "(H, W, 1)", "(H, W)"])
def test_the_cure_for_labels_of_one_channel(kind: str, library: str, form: str) -> None:
    """Integers look like labels: the printed call gives their colors."""
    labels = maps()[0].astype(kind)
    shaped: Any = {
        "(1, H, W)": labels[None],
        "(N, 1, H, W)": np.stack([labels[None]] * 2),
        "(H, W, 1)": labels[..., None],
        "(H, W)": labels,
    }[form]
    logits = torch.from_numpy(shaped) if library == "torch" else shaped
    options: dict[str, Any] = {"axis": -1} if form == "(H, W, 1)" else {}
    for function in (segpost.argmax, segpost.postprocess):
        text = message(function, logits, **options)
        assert str(tuple(logits.shape)) in text
        color = np.asarray(cure(text, COLORIZE, logits=logits, palette="voc"))
        wanted = segpost.colorize(labels, "voc")
        assert color.shape == (wanted.shape if form != "(N, 1, H, W)" else (2, *wanted.shape))
        assert (color == wanted).all()


@pytest.mark.parametrize("axis", [-3, -1])
def test_the_cure_for_a_quantized_head(axis: int) -> None:
    """What is no label but quantized has a call of its own, with its scale and zero point."""
    real = np.moveaxis(HEAD, 0, axis)
    logits = np.clip(np.rint(real / 0.05) + 7, -128, 127).astype(np.int8)
    wanted = logits.reshape(9, 10) > 7
    for function in (segpost.argmax, segpost.postprocess):
        text = message(function, logits, axis=axis)
        labels = cure(text, QUANTIZED, logits=logits, scale=0.05, zero_point=7).labels
        np.testing.assert_array_equal(labels, wanted)
    text = message(segpost.postprocess, logits, axis=axis, quantization=(0.05, 7))
    assert text.endswith("for a sigmoid head pass threshold=0.5 too")
    seg = segpost.postprocess(logits, axis=axis, quantization=(0.05, 7), threshold=0.5)
    np.testing.assert_array_equal(seg.labels, wanted)


def test_the_cure_beside_a_convention() -> None:
    """What the convention says is kept: a threshold is added."""
    shares = segpost.Convention(kind="probabilities")
    for convention, logits in (("smp", HEAD[None]), (shares, SHARES)):
        text = message(segpost.postprocess, logits, convention=convention)
        assert text.endswith("pass threshold=0.5 too")
        seg = segpost.postprocess(logits, convention=convention, threshold=0.5)  # type: ignore[arg-type]
        assert (seg.labels == INSIDE).all()
    text = message(segpost.postprocess, {"out": SHARES[None]}, convention="torchvision")
    assert (cure(text, CALL, logits=SHARES[None]).labels == INSIDE).all()


@pytest.mark.parametrize("values", [VOLUME, 1 / (1 + np.exp(-VOLUME))], ids=["logits", "shares"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("size", [None, (6, 8, 9)])
def test_the_cure_for_volumes(values: np.ndarray, library: str, last: bool, size: Any) -> None:
    """argmax has no threshold: a second class gives the labels, enlarged too."""
    shaped = np.moveaxis(values, 0, -1) if last else values
    logits = torch.from_numpy(np.ascontiguousarray(shaped)) if library == "torch" else shaped
    options: dict[str, Any] = {"axis": -1 if last else -4, "size": size or (3, 4, 5)}
    text = message(segpost.argmax, logits, **options)
    both = cure(text, BOTH, logits=logits)
    assert isinstance(both, type(logits))
    up = torch.nn.functional.interpolate(
        torch.from_numpy(values[None]).double(), options["size"], mode="trilinear"
    )
    inside = up[0, 0].numpy() > (0.5 if values.min() > 0 else 0)
    np.testing.assert_array_equal(np.asarray(segpost.argmax(both, **options)), inside)


def test_labels_of_volumes() -> None:
    """Integers of one channel are labels there too; a volume without a class axis needs one."""
    labels = np.zeros((1, 3, 4, 5), np.uint8)
    labels[0, 1:] = 15
    text = message(segpost.argmax, labels, axis=-4)
    color = cure(text, COLORIZE, logits=labels, palette="voc")
    np.testing.assert_array_equal(color, segpost.colorize(labels[0], "voc"))
    assert "class axis: logits[None]" in message(segpost.argmax, VOLUME[0], axis=-4)


@pytest.mark.parametrize("values", [HEAD, SHARES], ids=["logits", "shares"])
def test_the_cure_beside_a_crf(values: np.ndarray) -> None:
    """A CRF takes two classes: the printed array gives what dense_crf makes of both shares."""
    options: dict[str, Any] = {"crf": "pydensecrf", "image": PHOTOGRAPH}
    text = message(segpost.postprocess, values, **options)
    if values is SHARES:
        options["convention"] = cure(text, r"convention=(segpost\.Convention\(.*\))$")
    seg = segpost.postprocess(
        cure(text, BOTH, logits=values), **options, want=("labels", "probabilities")
    )
    preset = segpost.DenseCRF.preset("pydensecrf")
    wanted = preset(np.concatenate([1 - SHARES, SHARES]), PHOTOGRAPH)
    np.testing.assert_allclose(seg.probabilities, wanted, atol=1e-4)


def test_a_map_without_a_class_axis() -> None:
    """(H, W) floats: the axis and the threshold that are printed give the labels."""
    text = message(segpost.argmax, HEAD[0])
    named = re.search(r"(logits\[None\], threshold=0\.5)$", text)
    assert named
    labels = eval(f"segpost.postprocess({named.group(1)}).labels", {"segpost": segpost,
                  "logits": HEAD[0]})  # fmt: skip
    np.testing.assert_array_equal(labels, INSIDE)


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_batch_of_label_maps(kind: str, library: str) -> None:
    """(N, H, W) label maps are no logits of N classes: both printed calls do what they say."""
    labels = maps().astype(kind)
    logits: Any = torch.from_numpy(labels) if library == "torch" else labels
    stream = segpost.Stream()
    for function in (segpost.argmax, segpost.postprocess, stream):
        text = message(function, logits)
        assert f"logits of shape (3, 40, 50) and dtype {kind} look like 3 label maps" in text
        color = cure(text, COLORIZE, logits=logits, palette="voc")
        np.testing.assert_array_equal(np.asarray(color), segpost.colorize(labels, "voc"))
        batch = cure(text, r"classes pass a batch, (logits\[None\])$", logits=logits)
        answer = segpost.argmax(batch)
        np.testing.assert_array_equal(np.asarray(answer), labels.argmax(0)[None])
    seg = segpost.postprocess(logits, quantization=(1.0, 0))
    np.testing.assert_array_equal(np.asarray(seg.labels), labels.argmax(0))


def quantized(kind: str, seed: int) -> np.ndarray:
    """Logits of 8 bits as a network gives them, much of them clipped."""
    real = scene(6, 40, 50, seed) * 20
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    made: np.ndarray = np.clip(real, low, high).astype(kind)
    return made


VOTES = np.eye(4, dtype=np.uint8)[scene(4, 40, 50).argmax(0)].transpose(2, 0, 1)


@pytest.mark.parametrize(
    "logits",
    [
        *[quantized(kind, seed) for kind in ("int8", "uint8") for seed in range(4)],
        *[scene(6, 40, 50, seed).astype("int16") for seed in range(4)],
        np.random.default_rng(1).integers(0, 256, (6, 40, 50)).astype(np.uint8),
        np.random.default_rng(1).integers(-3, 4, (6, 40, 50)).astype(np.int8),
        VOTES,
        VOTES * 255,
        VOTES + 2 * VOTES[::-1],  # of three networks
        VOTES * np.uint8(1) * (maps(1) == 0),  # with pixels of no class
        (VOTES + 2 * VOTES[::-1]) * (np.arange(50) < 12),  # with many pixels of no data
        np.zeros((3, 40, 50), np.uint8),
        np.zeros((3, 0, 50), np.int32),
        np.arange(6, dtype=np.int32).reshape(6, 1, 1),
    ],
)
def test_integers_that_are_logits(logits: np.ndarray) -> None:
    """Quantized logits, masks and votes have the labels that they had."""
    np.testing.assert_array_equal(segpost.argmax(logits), logits.argmax(0))
    np.testing.assert_array_equal(segpost.postprocess(logits).labels, logits.argmax(0))


@pytest.mark.parametrize("axis", [-3, -1])
@pytest.mark.parametrize("classes", [1, 2])
def test_counts_of_a_sigmoid_head(backend: str, axis: int, classes: int) -> None:
    """Logits of one class would all be counted as class 0; the printed calls count both."""
    target = (np.random.default_rng(5).random((9, 10)) < 0.5).astype(np.uint8)
    wanted = segpost.confusion_matrix(INSIDE.astype(np.uint8), target, num_classes=2)
    head, shares = np.moveaxis(HEAD, 0, axis), np.moveaxis(SHARES, 0, axis)
    calls: list[Callable[..., Any]] = [
        lambda preds: segpost.confusion_matrix(preds, target, num_classes=classes, axis=axis),
        lambda preds: segpost.ConfusionMatrix(classes).update(preds, target, axis=axis),
    ]
    for call in calls:
        code = re.search(CALL, message(call, head))
        assert code
        cm = segpost.ConfusionMatrix(2)
        text = code.group(1).replace("segpost.ConfusionMatrix(2)", "cm")
        eval(text, {"cm": cm, "preds": head, "target": target})
        np.testing.assert_array_equal(cm.state[:2, :2], wanted)
        both = cure(message(call, shares), BOTH, preds=shares)
        counts = segpost.confusion_matrix(both, target, num_classes=2, axis=axis)
        np.testing.assert_array_equal(counts, wanted)
        labels = np.moveaxis(INSIDE[None], 0, axis).astype(np.uint8)
        plain = cure(message(call, labels), r"look like labels: pass (.*)$", preds=labels)
        counts = segpost.confusion_matrix(plain, target, num_classes=2)
        np.testing.assert_array_equal(counts, wanted)


def test_labels_with_a_channel_are_counted_without_it() -> None:
    """Of any number of classes, and of a batch."""
    labels = maps() % 21
    preds = labels[:, None]
    text = message(segpost.confusion_matrix, preds, labels, num_classes=21)
    plain = cure(text, r"look like labels: pass (.*)$", preds=preds)
    counts = segpost.confusion_matrix(plain, labels, num_classes=21)
    assert counts.trace() == counts.sum() == labels.size


@pytest.mark.usefixtures("device")
def test_on_a_device() -> None:
    """One class is an error there as well, and nothing is read from the device for it."""
    text = message(segpost.argmax, Cuda(HEAD))
    assert (host(cure(text, CALL, logits=Cuda(HEAD)).labels) == INSIDE).all()
    for function, options in (
        (segpost.postprocess, {"check": "off"}),
        (segpost.argmax, {"axis": -4}),
    ):
        logits = Cuda(HEAD if "check" in options else VOLUME)
        assert "have one class" in message(function, logits, **options)


def test_operators_of_torch() -> None:
    """They raise what the functions raise."""
    import segpost.torch as operators

    logits = torch.from_numpy(HEAD)
    for function in (operators.argmax, operators.postprocess):
        assert (cure(message(function, logits), CALL, logits=logits).labels.numpy() == INSIDE).all()
    assert "look like 3 label maps" in message(operators.argmax, torch.from_numpy(maps()))
    (labels,) = operators.postprocess(logits, threshold=0.5)
    assert (labels.numpy() == INSIDE).all()


@pytest.mark.parametrize(
    ("values", "options", "text"),
    [
        (HEAD, [], "for a sigmoid head pass --threshold 0.5"),
        (np.moveaxis(HEAD, 0, -1), ["--axis", "-1"], "for a sigmoid head pass --threshold 0.5"),
        ((HEAD * 20).astype(np.int8), [], "head pass --threshold 0.5 --quantization SCALE ZERO"),
        (SHARES, [], "save the logits before the sigmoid, and pass --threshold 0.5"),
    ],
)
def test_on_the_command_line(
    tmp_path: Any, capsys: pytest.CaptureFixture[str], values: np.ndarray, options: list[str],
    text: str,
) -> None:  # fmt: skip
    """The message names options, and the command with them gives the labels."""
    pytest.importorskip("PIL.Image")
    from PIL import Image

    np.save(tmp_path / "head.npy", values)
    command = ["run", str(tmp_path / "head.npy"), "--out", str(tmp_path / "out"), *options]
    assert main(command) == 1
    told = capsys.readouterr().err
    assert text in told
    if values is SHARES:
        np.save(tmp_path / "head.npy", HEAD)
    more = ["--quantization", "0.05", "0"] if "SCALE" in text else []
    assert main([*command, "--threshold", "0.5", *more]) == 0
    with Image.open(tmp_path / "out" / "head.labels.png") as picture:
        wanted = INSIDE if "SCALE" not in text else (values[0] > 0)
        np.testing.assert_array_equal(np.asarray(picture), wanted)


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("form", ["(N, H, W)", "(1, H, W)", "(H, W)", "(H, W, 1)"])
def test_label_maps_of_floats(kind: str, form: str) -> None:
    """Whole numbers in regions are no logits, whatever their type: the printed call draws them."""
    labels = np.where(maps() == 3, 9, maps()) % 251
    labels[:, 30:34, 20:40] = 2
    is_batch = form == "(N, H, W)"
    shaped = {"(N, H, W)": labels, "(1, H, W)": labels[:1], "(H, W)": labels[0],
              "(H, W, 1)": labels[0, ..., None]}[form]  # fmt: skip
    logits: Any = torch.from_numpy(shaped.astype("float32")).to(getattr(torch, kind))
    options: dict[str, Any] = {"axis": -1} if form == "(H, W, 1)" else {}
    for function in (segpost.argmax, segpost.postprocess):
        for argument in (logits, *([] if kind == "bfloat16" else [logits.numpy()])):
            text = message(function, argument, **options)
            pattern = r"labels: (segpost\.colorize\(.*, palette\))"
            color = np.asarray(cure(text, pattern, logits=argument, palette="voc"))
            wanted = segpost.colorize(labels if is_batch else labels[0], "voc")
            np.testing.assert_array_equal(color, wanted)
    if is_batch:
        answer = cure(text, r"classes pass a batch, (logits\[None\])$", logits=logits)
        wanted = labels.astype(np.float32).argmax(0)
        np.testing.assert_array_equal(np.asarray(segpost.argmax(answer)), wanted[None])


@pytest.mark.parametrize(
    "logits",
    [
        np.rint(scene(6, 40, 50)),
        np.maximum(scene(6, 40, 50), 0),  # after a ReLU
        VOTES * 9.0,  # drawn by hand
        VOTES * np.array([1, 4, 2, 8], np.float32)[:, None, None],
        VOTES + 2.0 * VOTES[::-1],
        np.zeros((3, 40, 50)),
        np.where(VOTES, 0.0, -np.inf),  # logarithms of votes
    ],
)
def test_whole_floats_that_are_logits(logits: np.ndarray) -> None:
    logits = logits.astype(np.float32)
    np.testing.assert_array_equal(segpost.argmax(logits), logits.argmax(0))


def test_infinities_are_equal() -> None:
    """Of classes that are +inf the first is the label, as of any equal logits."""
    logits = np.zeros((4, 2, 3), np.float32)
    logits[1:3, 1, 2] = np.inf
    labels = segpost.argmax(logits)
    assert labels[1, 2] == 1
    np.testing.assert_array_equal(labels, torch.from_numpy(logits).argmax(0).numpy())


def test_labels_of_floats_as_labels() -> None:
    """Where labels are expected, the cure is their conversion, not an argmax."""
    labels = maps().astype(np.float32)
    for call in (
        lambda: segpost.colorize(labels, "voc"),
        lambda: segpost.confusion_matrix(maps(), labels, num_classes=21),
    ):
        with pytest.raises(TypeError, match=r"whole numbers: (labels|target)\.astype\('int32'\)"):
            call()
    np.testing.assert_array_equal(labels.astype("int32"), maps())
