"""What JavaScript throws: the argument, what came, the cure; and nothing traps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from web_package import Refusal, call_web, run_node

import segpost

pytestmark = pytest.mark.browser

LOGITS = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
LABELS = np.array([[0, 1], [2, 99]], np.uint8)
IMAGE = np.zeros((4, 5, 3), np.uint8)
TALL = segpost.Letterbox.fit((40, 50), (64, 64))
MOST = 2**31 - 1
BOX = "{ imageSize: [3, 4], inputSize: [5, 6], contentSize: [3, 4], offset: 3 }"
EMPTY_MODULE = "0, 97, 115, 109, 1, 0, 0, 0"
LONG = [
    "loaded.argmax({ data: Array(200000).fill(0.123456789), shape: [2, 100, 1000] })",
    'segpost.Palette.named("v".repeat(200000))',
    "loaded.argmax(Array(99).fill(Array(99).fill(Array(99).fill(7))))",
]

REFUSED: list[tuple[tuple[Any, ...], str, str]] = [
    (("argmax", None), "TypeError", "logits must be a tensor or {data, shape}, got null"),
    (("argmax", {"data": [1.5], "shape": [1]}), "TypeError", "logits.data must be a typed array"),
    (("argmax", LOGITS[0]), "ValueError", "logits must have 3 or 4 dimensions, [C, h, w]"),
    (("argmax", LOGITS, {"axis": 1}), "ValueError", "axis must be -3 (classes first) or -1"),
    (
        ("argmax", LOGITS, {"sise": [2, 2]}),
        "TypeError",
        'argmax has no option "sise"; there are axis, size',
    ),
    (
        ("argmax", LOGITS, {"size": [8.5, 8]}),
        "TypeError",
        "the height of size must be an integer, got 8.5",
    ),
    (
        ("argmax", LOGITS, {"size": [0, 8]}),
        "ValueError",
        "the height of size must be in 1..2147483647, got 0",
    ),
    (("argmax", LOGITS, {"size": 8}), "TypeError", "size must be [height, width], got 8"),
    (
        ("argmax", LOGITS, {"grid": "corners"}),
        "ValueError",
        'grid must be one of "half_pixel", "align_corners"',
    ),
    (
        ("argmax", LOGITS, {"nan": "keep"}),
        "ValueError",
        'nan must be one of "raise", "propagate", got "keep"',
    ),
    (("argmax", LOGITS[:1]), "ValueError", "threshold: 0.5 is for a sigmoid head"),
    (
        ("argmax", LOGITS, {"threshold": 0.5}),
        "ValueError",
        "threshold is for logits of one class, got 3",
    ),
    (
        ("argmax", LOGITS[:1], {"threshold": 1.5}),
        "ValueError",
        "threshold must be between 0 and 1, got 1.5",
    ),
    (
        ("argmax", LOGITS, {"size": [8, 8], "letterbox": TALL}),
        "ValueError",
        "size and letterbox exclude each other",
    ),
    (
        ("argmax", LOGITS.astype(np.int8), {"quantization": [-1, 0]}),
        "ValueError",
        "the scale of quantization must be positive, got -1",
    ),
    (
        ("argmax", LOGITS.astype(np.int8), {"quantization": 3}),
        "TypeError",
        "quantization must be [scale, zeroPoint], got 3",
    ),
    (
        ("argmax", LOGITS, {"quantization": [0.5, 0]}),
        "TypeError",
        "quantization is for integer logits, got float32",
    ),
    (
        ("postprocess", LOGITS.astype(np.int8), {"want": ["probabilities", "confidence"]}),
        "TypeError",
        "logits are int8: for confidence and probabilities pass quantization: [scale, zeroPoint]; "
        "a softmax of raw integers means nothing",
    ),
    (
        ("binarize", LOGITS.astype(np.uint8)),
        "TypeError",
        "logits are uint8: pass quantization: [scale, zeroPoint]; a sigmoid of raw integers means "
        "nothing; data.map((v) => v > 127) of bytes that are probabilities",
    ),
    (("argmax", LOGITS.astype(np.int64)), "TypeError", "logits of int64 may be labels"),
    (
        ("argmax", LOGITS[:, :0], {"size": [2, 2]}),
        "ValueError",
        "logits have no pixels to resample",
    ),
    (
        ("postprocess", LOGITS, {"want": []}),
        "ValueError",
        'want is empty; it takes any of "labels", "confidence", "probabilities", "color"',
    ),
    (("postprocess", LOGITS, {"want": ["colour"]}), "ValueError", 'want must be one of "labels"'),
    (
        ("postprocess", LOGITS, {"want": ["color"]}),
        "TypeError",
        "palette must be a Palette, the name of one",
    ),
    (
        ("postprocess", LOGITS, {"want": ["overlay"], "palette": "voc"}),
        "TypeError",
        "image is missing",
    ),
    *(
        (
            ("postprocess", LOGITS, {"want": ["overlay"], "palette": "voc", "image": image}),
            "TypeError",
            f"image must be an ImageData or {{data, shape: [H, W, 3]}}, got {text}",
        )
        for image, text in ((None, "null"), (False, "false"))
    ),
    (
        ("postprocess", LOGITS, {"want": ["color"], "palette": [[1, 2, 3]]}),
        "ValueError",
        "palette has 1 colors, and logits have 3 classes",
    ),
    (
        (
            "postprocess",
            LOGITS,
            {"want": ["overlay"], "palette": "voc", "image": IMAGE, "size": [8, 8]},
        ),
        "ValueError",
        "image is 4 x 5 pixels, and results are 8 x 8; size: [4, 5] makes",
    ),
    (
        ("colorize", LABELS.astype(np.float32), "voc"),
        "TypeError",
        "labels must be integers, got float32; argmax makes labels",
    ),
    (
        ("colorize", LABELS, "vok"),
        "ValueError",
        'there is no palette named "vok"; known are voc, cityscapes',
    ),
    (("colorize", LABELS, [[0, 0, 256]]), "ValueError", "colors[0] must be in 0..255, got 256"),
    (
        ("overlay", IMAGE, np.zeros((2, 2), np.uint8), "voc"),
        "ValueError",
        "image is 4 x 5 pixels, and labels are 2 x 2",
    ),
    (
        ("overlay", IMAGE.astype(np.float32), LABELS, "voc"),
        "TypeError",
        "image must be bytes, got float32",
    ),
    (
        ("overlay", IMAGE, np.zeros((4, 5), np.uint8), "voc", {"alpha": 2}),
        "ValueError",
        "alpha must be in 0..1, got 2",
    ),
    (
        ("overlay", IMAGE, np.zeros((4, 5), np.uint8), "voc", {"contour": 65}),
        "ValueError",
        "contour must be in 0..64, got 65",
    ),
    (
        ("confusionMatrix", LABELS, LABELS, {"numClasses": 0}),
        "ValueError",
        "numClasses must be in 1..16384, got 0",
    ),
    (
        ("confusionMatrix", LABELS, LABELS, {"numClasses": 3}),
        "ValueError",
        "target has 1 labels outside 0..2; ignoreIndex",
    ),
    (
        ("confusionMatrix", LABELS, LABELS.T[:1], {"numClasses": 3}),
        "ValueError",
        "preds and target must have one shape",
    ),
    (("Palette.distinct", 257), "ValueError", "n must be in 1..256, got 257"),
    (
        ("Letterbox.fit", [0, 5], [8, 8]),
        "ValueError",
        "the height of imageSize must be in 1..2147483647, got 0",
    ),
    (
        ("evaluate", f"new segpost.Letterbox({BOX})"),
        "TypeError",
        "offset must be [top, left], got 3",
    ),
    (
        ("evaluate", "new segpost.Palette([[1, 1, 1], , [3, 3, 3]])"),
        "TypeError",
        "colors[1] must be [red, green, blue], got undefined",
    ),
    (
        ("evaluate", "new segpost.Palette([[1, 1, 1]], { names: [7] })"),
        "TypeError",
        "names[0] must be a string, got 7",
    ),
    (
        ("evaluate", "loaded.argmax({ data: new Float32Array(15), shape: [3, , 5] })"),
        "TypeError",
        "logits.shape[1] must be an integer, got undefined",
    ),
    *(
        (
            ("evaluate", f"loaded.argmax({{ data: new Float32Array(60), {sides} }})"),
            "ValueError",
            "and shape [4, 3, 5] differ; leave out the one that is not meant",
        )
        for sides in ("dims: [3, 4, 5], shape: [4, 3, 5]", "dims: [60], shape: [4, 3, 5]")
    ),
    (
        ("regions", LABELS, {"ignoreIndex": "255"}),
        "TypeError",
        'ignoreIndex must be an integer, got "255"',
    ),
    (("toRgba", None), "TypeError", "image must be a tensor or {data, shape}, got null"),
    (
        ("evaluate", "segpost.toRgba({ data: new Uint8Array(3), shape: [2, 2, 3] })"),
        "ValueError",
        "image.data has 3 elements, and shape [2, 2, 3] has 12",
    ),
    (
        ("evaluate", "segpost.toImageData({ data: new Uint8Array(24), shape: [2, 2, 3] })"),
        "ValueError",
        "image.data has 24 elements, and shape [2, 2, 3] has 12",
    ),
    (("toRgba", IMAGE.astype(np.float32)), "TypeError", "image must be bytes, got float32"),
    (("toImageData", IMAGE), "Error", "there is no ImageData here, as in node; toRgba gives"),
]


def test_refusals_say_what_came(web_build: Path) -> None:
    """A sentence each, and the next call works."""
    answers = call_web(web_build, *(call for call, _, _ in REFUSED), ("argmax", LOGITS))
    for (call, kind, text), answer in zip(REFUSED, answers, strict=False):
        assert isinstance(answer, Refusal), call
        assert (answer.kind, text in answer.message) == (kind, True), answer
    np.testing.assert_array_equal(answers[-1], segpost.argmax(LOGITS))


def test_long_values_are_shown_by_their_beginning(web_build: Path) -> None:
    """A list of many numbers, a long text, and lists in lists."""
    numbers, text, lists = call_web(web_build, *(("evaluate", code) for code in LONG))
    eight = ", ".join(["0.123456789"] * 8)
    assert numbers.message.endswith(f"of one type, got [{eight}, ... of 200000]")
    assert f'named "{"v" * 80}"... of 200000 characters; known are' in text.message
    inner = ", ".join(["[... of 99]"] * 8)
    assert lists.message.startswith("logits must be a tensor or {data, shape}, got [[[... of 99], ")
    assert f"[{inner}, ... of 99], ... of 99];" in lists.message


MOVED = """(() => {
  const data = new Float32Array(60);
  structuredClone(data, { transfer: [data.buffer] });
  return CALL;
})()"""


def test_memory_that_was_transferred_is_refused(web_build: Path) -> None:
    """Of arguments, also without pixels, and of a source."""
    answers = call_web(
        web_build,
        *(
            ("evaluate", MOVED.replace("CALL", call))
            for call in (
                "loaded.argmax({ data, shape: [3, 4, 5] })",
                "loaded.argmax({ data: [data, data, data], shape: [3, 0, 5] })",
                "segpost.load({ source: data })",
                "segpost.load({ source: data.buffer })",
            )
        ),
    )
    gone = "has no memory: its buffer was transferred, as by postMessage"
    array, source = f"logits.data {gone}; transfer a copy, data.slice()", f"source {gone}"
    for answer, message in zip(answers, (array, array, source, source), strict=True):
        assert answer[:2] == ("ValueError", message)


CLOSED = """(async () => {
  const closed = await segpost.load({ threads: THREADS });
  closed.close();
  return closed.colorize({ data: new Uint8Array(4), shape: [2, 2] }, "voc");
})()"""


def test_a_closed_module_refuses_calls(web_build: Path) -> None:
    """With threads and without; the others work."""
    calls: list[tuple[Any, ...]] = [
        ("evaluate", CLOSED.replace("THREADS", threads)) for threads in ("1", "2")
    ]
    *refused, works = call_web(web_build, *calls, ("argmax", LOGITS))
    for answer in refused:
        assert answer[:2] == ("ThreadError", "segpost is closed: load() gives a new one")
    np.testing.assert_array_equal(works, segpost.argmax(LOGITS))


def test_memory_that_is_not_there_is_an_error(web_build: Path) -> None:
    """A sentence, after which small calls work: in the module and before it."""
    sizes = ([MOST, MOST], [60000, 60000], [MOST, 1], [1, MOST])
    calls: list[tuple[Any, ...]] = [("argmax", LOGITS, {"size": size}) for size in sizes]
    want = {"want": ["labels", "confidence"], "size": [20000, 30000]}
    calls += [("postprocess", LOGITS, want), ("argmax", LOGITS)]
    *refused, works = call_web(web_build, *calls)
    for answer in refused:
        assert isinstance(answer, Refusal)
        assert answer.kind == "OutOfMemoryError"
        assert "pass fewer images at once, or a smaller size" in answer.message
    np.testing.assert_array_equal(works, segpost.argmax(LOGITS))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("least", [16, 1 << 14])
def test_a_full_memory_is_an_error(web_build: Path, threads: int, least: int) -> None:
    """Before a call, before its tasks and in them; with memory again the same call works."""
    said = run_node(Path(__file__).with_name("full_memory.mjs"), web_build, threads, least)
    assert said["right"]
    assert said["full"].startswith("OutOfMemoryError: segpost has no memory for 1000000 bytes")
    (narrow,) = said["narrow"]
    assert narrow.startswith("OutOfMemoryError: segpost.argmax: out of memory")


def test_what_is_no_module_is_refused(web_build: Path) -> None:
    """In sentences that say what came: no file, a page of HTML, a cut file, another module."""
    cases = [
        ('{ source: "file:///absent.wasm" }', "Error", "absent.wasm"),
        ('"file:///absent.wasm"', "TypeError", "load takes options, { source, threads }, got"),
        ("null", "TypeError", "load takes options, { source, threads }, got null"),
        ("{ source: 3 }", "TypeError", "source must be an address, a Response, bytes or"),
        (
            '{ source: new Response("<!doctype html>") }',
            "ValueError",
            'source is no module of WebAssembly: it begins with "<!doctype html>"; it must lie',
        ),
        (
            '{ source: new Response("", { status: 404 }) }',
            "Error",
            "source answered 404: it must lie beside index.js, or load({ source }) says where",
        ),
        (f"{{ source: Uint8Array.of({EMPTY_MODULE}, 9) }}", "Error", "source was not compiled: "),
        (
            f"{{ source: Uint8Array.of({EMPTY_MODULE}) }}",
            "ValueError",
            "source is a module of WebAssembly, but not segpost's: segpost.wasm is needed",
        ),
    ]
    calls = [("evaluate", f"segpost.load({options})") for options, _, _ in cases]
    for (options, kind, text), answer in zip(cases, call_web(web_build, *calls), strict=True):
        assert isinstance(answer, Refusal), options
        assert (answer.kind, text in answer.message) == (kind, True), answer
