"""Objects and functions that threads share; most of it can fail only where Python has no GIL.

CONTRIBUTING.md says how to run these tests under free-threaded Python.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import NATIVE, scene
from numpy.testing import assert_array_equal
from thread_runs import run_in_threads

import segpost
from segpost._backends import registry, threads

CALLS = 12
LOGITS = scene(5, 24, 32)
SIZE = (48, 64)
IMAGE = np.random.default_rng(7).integers(0, 256, (*SIZE, 3), np.uint8)
# The first import, by all threads at once: every public name, in another order in each thread.
FIRST_USE = """
import sys, threading

start, results, names = threading.Barrier(8), [], []

def use(number):
    start.wait()
    import segpost
    import numpy as np
    if number % 2:
        labels = segpost.argmax(np.eye(4, dtype="f4")[:, None], size=(2, 8))
        results.append(labels.tobytes())
    order = segpost.__all__[number * 7:] + segpost.__all__[: number * 7]
    names.append(sorted((name, id(getattr(segpost, name))) for name in order))

running = [threading.Thread(target=use, args=(number,)) for number in range(8)]
for thread in running:
    thread.start()
for thread in running:
    thread.join()
import segpost
assert len(results) == 4 and len(set(results)) == 1, results
assert len(names) == 8 and all(found == names[0] for found in names)
print(segpost.num_threads(), getattr(sys, "_is_gil_enabled", lambda: None)())
"""

pytestmark = pytest.mark.usefixtures("frequent_switches")


@pytest.fixture
def kind(fast_backend: str) -> str:
    """The name of the backend for `use_backend`, which is of one thread."""
    return fast_backend.partition("-")[0]


def test_page_says_of_every_class_whether_threads_share_it() -> None:
    """In the table of the guide."""
    page = (Path(__file__).parents[2] / "docs" / "guides" / "threads.md").read_text()
    classes = [name for name in segpost.__all__ if isinstance(getattr(segpost, name), type)]
    assert [name for name in classes if f"`{name}`" not in page.partition("\n## How")[0]] == []


def test_first_import_by_many_threads() -> None:
    """Modules, names and the backend are loaded once; without a GIL there is none afterwards."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST_USE],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SEGPOST_NUM_THREADS": "3"} if NATIVE else None,
    )
    assert done.returncode == 0, done.stderr
    threads_used, is_locked = done.stdout.split()
    assert threads_used == ("3" if NATIVE else str(segpost.num_threads()))
    if NATIVE and sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert is_locked == os.environ.get("PYTHON_GIL", "False").replace("0", "False")


def test_import_that_waits_for_another_thread_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python ends one of two imports that wait for each other; other errors are not hidden."""
    errors = [RuntimeError("deadlock detected by _ModuleLock('segpost.labels')")] * 2
    real = importlib.import_module

    def import_module(path: str) -> Any:
        if errors:
            raise errors.pop()
        return real(path)

    monkeypatch.setattr(importlib, "import_module", import_module)
    assert segpost._import("segpost.labels") is sys.modules["segpost.labels"]
    assert errors == []
    errors.append(RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        segpost._import("segpost.labels")


def test_calls_of_one_input(kind: Any) -> None:
    """Threads that read the same arrays, and the same palette, get what one thread gets."""
    palette = segpost.Palette.distinct(5)

    def call(palette: segpost.Palette) -> list[np.ndarray[Any, Any]]:
        with segpost.use_backend(kind):
            labels = segpost.argmax(LOGITS, size=SIZE)
            seg = segpost.postprocess(
                LOGITS,
                size=SIZE,
                image=IMAGE,
                palette=palette,
                want=("labels", "confidence", "color", "overlay"),
            )
            results = [labels, segpost.colorize(labels, palette), segpost.softmax(LOGITS)]
            results += [seg.labels, seg.confidence, seg.color, seg.overlay]
            counts = segpost.confusion_matrix(preds=labels, target=seg.labels, num_classes=5)
            return [*results, counts]

    wanted = call(segpost.Palette.distinct(5))

    def work(_: int) -> None:
        for _ in range(CALLS):
            for result, expected in zip(call(palette), wanted, strict=True):
                assert_array_equal(result, expected)

    run_in_threads(work)


def test_one_crf(kind: Any) -> None:
    """An object of settings has no state: the bytes are those of one thread."""
    crf = segpost.DenseCRF(iterations=2)
    with segpost.use_backend(kind):
        probabilities = segpost.softmax(scene(3, *SIZE))
        wanted = crf(probabilities, IMAGE)

    def work(_: int) -> None:
        for _ in range(3):
            with segpost.use_backend(kind):
                assert crf(probabilities, IMAGE).tobytes() == wanted.tobytes()

    run_in_threads(work)


def test_lazy_values_of_one_result() -> None:
    """Values that are computed at the first use are the same in all threads."""
    labels = segpost.argmax(LOGITS, size=SIZE)
    wanted = [region.rle() for region in segpost.regions(labels, num_classes=5)]
    cm = segpost.ConfusionMatrix(5)
    cm.update(preds=labels, target=np.roll(labels, 1))
    regions, scores = segpost.regions(labels, num_classes=5), cm.compute()

    def work(_: int) -> None:
        assert [region.rle() for region in regions] == wanted
        assert (scores.miou, scores.kappa) == (cm.compute().miou, cm.compute().kappa)

    run_in_threads(work)


def test_a_stream_is_of_one_thread_at_a_time() -> None:
    """Two that write to the same memory would be a wrong answer; streams of their own are right."""
    stream = segpost.Stream(size=SIZE)
    wanted = stream(LOGITS).labels.copy()

    def refused(_: int) -> None:
        stream(LOGITS)

    with stream._lock, pytest.raises(RuntimeError, match="two threads need two streams"):
        run_in_threads(refused, 1)

    def work(_: int) -> None:
        own = segpost.Stream(size=SIZE)
        for _ in range(CALLS):
            assert_array_equal(own(LOGITS).labels, wanted)

    run_in_threads(work)
    assert_array_equal(stream(LOGITS).labels, wanted)


def test_number_of_threads_is_set_while_others_compute() -> None:
    """Labels do not depend on it, and the native code has the number that Python has."""
    before, wanted = segpost.num_threads(), segpost.argmax(LOGITS, size=SIZE)

    def work(number: int) -> None:
        for call in range(CALLS):
            if number % 2:
                segpost.set_num_threads(1 + (number + call) % 4)
            else:
                assert_array_equal(segpost.argmax(LOGITS, size=SIZE), wanted)

    try:
        run_in_threads(work)
        if NATIVE:
            from segpost import _cpu

            assert _cpu.num_threads() == segpost.num_threads()
    finally:
        segpost.set_num_threads(before)


def test_number_that_is_set_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is read once; it does not replace what another thread has set since."""
    before = segpost.num_threads()

    def work(number: int) -> None:
        if number:
            segpost.set_num_threads(3)
        else:
            segpost.num_threads()

    try:
        for _ in range(CALLS):
            monkeypatch.setattr(threads, "_threads", None)
            run_in_threads(work)
            assert segpost.num_threads() == 3
    finally:
        segpost.set_num_threads(before)


def test_one_block_of_a_backend() -> None:
    """Threads enter and leave it in any order; each keeps its own backend."""
    block = segpost.use_backend("reference")

    def work(number: int) -> None:
        own = registry.backend_name()
        for _ in range(10 * CALLS):
            with block:
                assert registry.backend_name() == "reference"
                if number % 2:
                    with block:
                        assert registry.backend_name() == "reference"
            assert registry.backend_name() == own

    run_in_threads(work)
    assert registry._outer.get() == ()
