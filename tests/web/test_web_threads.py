"""Threads: the same bytes for every number of them, in node and on pages; what ends is said."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_server import ISOLATED, serve_folder
from web_package import call_web, run_node, same

import segpost

pytestmark = pytest.mark.browser

RANDOM = np.random.default_rng(11)
SIZE = (700, 900)  # several tasks
LOST = "ThreadError: segpost lost a thread in the middle of a task: load() gives a new one"
CLOSED = "ThreadError: segpost is closed: load() gives a new one"
EXPECTED = {"sleeping": True, "closed": CLOSED, "trapped": ["RuntimeError", LOST]}
HEADERS = "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp"
FUNCTION = """async ({ length, shape, size, threads, address }) => {
  const { load } = await import(`${address}segpost/index.js`);
  const data = Float32Array.from({ length }, (_, i) => (i * 7919) % 1009);
  const digests = [];
  try {
    const segpost = await load({ threads });
    for (let call = 0; call < 5; ++call) {
      const labels = segpost.argmax({ data, shape }, { size });
      digests.push([...new Uint8Array(await crypto.subtle.digest("SHA-256", labels.data))]);
    }
    segpost.close();
    return digests;
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}"""
IN_WORKER = """(values) => new Promise((resolve, reject) => {
  const answer = "onmessage = async ({ data }) => postMessage(await work(data));";
  const code = `const work = FUNCTION; ` + answer;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => reject(new Error(event.message));
  worker.postMessage(values);
})""".replace("FUNCTION", FUNCTION.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${"))


@pytest.mark.parametrize("threads", [2, 3])
def test_results_are_those_of_one_thread(web_build: Path, threads: int) -> None:
    """Of every function, and the place of the first bad value."""
    logits = np.round(RANDOM.normal(0, 2, (2, 7, 35, 45)), 1).astype(np.float32)
    target = RANDOM.integers(0, 7, (2, *SIZE)).astype(np.uint8)
    image = RANDOM.integers(0, 256, (2, *SIZE, 3), np.uint8)
    holes = logits.copy()
    holes[1, 3, 20, 30] = holes[1, 2, 34, 1] = np.nan
    want: tuple[Any, ...] = ("labels", "confidence", "color", "overlay")
    options = {"image": image, "palette": "cityscapes"}
    palette = {"palette": segpost.Palette.named("cityscapes")}
    calls = [
        ("postprocess", logits, options | palette | {"want": want}),
        ("confusionMatrix", logits, target, {"numClasses": 7}),
        ("confusionMatrix", target, target[::-1], {"numClasses": 7}),
        ("overlay", image, target, "voc", {"contour": 2}),
        ("argmax", holes, {"size": SIZE}),
    ]
    results, of_logits, of_labels, overlay, bad = call_web(web_build, *calls, threads=threads)
    (alone,) = call_web(web_build, calls[0])
    expected = segpost.postprocess(logits, image=image, palette="cityscapes", want=want)
    for name in ("labels", "color", "overlay"):
        same(results[name], getattr(expected, name))
    same(results["confidence"], alone["confidence"])
    same(of_logits, segpost.confusion_matrix(logits, target, num_classes=7))
    same(of_labels, segpost.confusion_matrix(target, target[::-1], num_classes=7))
    same(overlay, segpost.overlay(image, target, "voc", contour=2))
    assert bad[2:] == (2, np.ravel_multi_index((1, 3, 20, 30), holes.shape))


def test_memory_grows_under_threads(web_build: Path) -> None:
    """Threads see what is beyond the memory that they began with."""
    logits = np.round(RANDOM.normal(0, 2, (3, 40, 40)), 1).astype(np.float32)
    sizes = ((100, 100), (3000, 3000), (1000, 1000))
    calls = [("argmax", logits, {"size": size}) for size in sizes]
    for ours, size in zip(call_web(web_build, *calls, threads=2), sizes, strict=True):
        same(ours, segpost.argmax(logits, size=size))


def test_what_is_no_number_of_threads_is_refused(web_build: Path) -> None:
    """And the file for another number of them."""
    files = {
        name: (web_build / "dist" / name).as_uri()
        for name in ("segpost.wasm", "segpost-threads.wasm")
    }
    zero, many, plain, shared = call_web(
        web_build,
        ("load", {"threads": 0}),
        ("load", {"threads": 65}),
        ("load", {"threads": 2, "source": files["segpost.wasm"]}),
        ("load", {"source": files["segpost-threads.wasm"]}),
    )
    assert zero[:2] == ("ValueError", "threads must be in 1..64, got 0")
    assert many[:2] == ("ValueError", "threads must be in 1..64, got 65")
    needs = "threads: 2 needs segpost-threads.wasm as source, got the module for one thread"
    assert plain[:2] == ("ValueError", needs)
    needs = "threads: 1 needs segpost.wasm as source, got the module for several threads"
    assert shared[:2] == ("ValueError", needs)


@pytest.fixture(scope="module")
def changed(web_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that copies the package with other texts in its files."""

    def change(**texts: tuple[str, str]) -> Path:
        package = tmp_path_factory.mktemp("changed")
        shutil.copytree(web_build / "dist", package / "dist")
        shutil.copy(web_build / "package.json", package)
        for name, (old, new) in texts.items():
            file = package / "dist" / f"{name}.js"
            text = file.read_text(encoding="utf-8")
            assert text.count(old) == 1
            file.write_text(text.replace(old, new), encoding="utf-8")
        return package

    return change


def test_a_thread_that_sleeps_may_end(web_build: Path) -> None:
    """The others do its tasks. What is closed says so. The process ends though threads sleep."""
    said = run_node(Path(__file__).with_name("lost_thread.mjs"), web_build, 3)
    assert said == EXPECTED | {"lost": "", "after": ""}


@pytest.mark.parametrize("reports", [True, False])
def test_a_thread_that_is_lost_is_an_error(changed: Any, reports: bool) -> None:
    """A trap in a task, that the thread reports, or one that ends it without a word."""
    narrow = (
        "exports.segpost_work();",
        "exports.__stack_pointer.value = 16; exports.segpost_work();",
    )
    silent = (
        "exports.segpost_work();",
        "exports.__stack_pointer.value = 16; try { exports.segpost_work(); } catch { return; }",
    )
    package = changed(
        worker=narrow if reports else silent,
        **({} if reports else {"threads": ("PATIENCE = 600", "PATIENCE = 1")}),
    )
    said = run_node(Path(__file__).with_name("lost_thread.mjs"), package, 1000)
    assert said == EXPECTED | {"lost": LOST, "after": LOST}


def test_a_thread_that_does_not_start_is_an_error(changed: Any) -> None:
    """With its message."""
    package = changed(worker=('port.postMessage("ready");', 'throw new Error("no");'))
    (answer,) = call_web(package, ("load", {"threads": 2}))
    assert answer[:2] == ("ThreadError", "a thread did not start: no")


@pytest.fixture(scope="module", params=[True, False])
def page(request: Any, browser: Any, web_build: Path, tmp_path_factory: Any) -> Iterator[Any]:
    """An empty page of Chromium, its address, and whether it is isolated from other origins."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(web_build / "dist", folder / "segpost")
    (folder / "index.html").write_text("<!doctype html><title>Threads</title>", encoding="utf-8")
    with serve_folder(folder, ISOLATED if request.param else {}) as address:
        context = browser.new_context()
        tab = context.new_page()
        tab.goto(address)
        yield tab, address, request.param
        context.close()


@pytest.mark.parametrize("place", [FUNCTION, IN_WORKER], ids=["page", "worker"])
def test_threads_of_a_page(page: Any, place: str) -> None:
    """Where the page is isolated, labels are Python's; elsewhere the headers are named.

    The thread of a page may not sleep, that of a worker may.
    """
    tab, address, isolated = page
    shape, size = (19, 32, 32), (1024, 1024)
    values = (np.arange(19 * 32 * 32) * 7919 % 1009).astype(np.float32).reshape(shape)
    digest = [*hashlib.sha256(segpost.argmax(values, size=size).tobytes()).digest()]
    given = {"length": values.size, "shape": shape, "size": size, "address": address}
    assert tab.evaluate(place, given | {"threads": 1}) == [digest] * 5
    answer = tab.evaluate(place, given | {"threads": 2})
    if isolated:
        assert answer == [digest] * 5
    else:
        assert answer.startswith("ThreadError: threads: 2 needs a page that is isolated")
        assert HEADERS in answer
