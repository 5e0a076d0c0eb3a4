"""What a call takes beside its results, memory and threads, and that nothing of it stays."""

from __future__ import annotations

import gc
import os
import tracemalloc
from typing import Any

import numpy as np
import pytest
from child_process import run_code
from conftest import scene

import segpost


def test_no_full_resolution_float_array(backend: str) -> None:
    """postprocess of low-resolution logits allocates its results and little else."""
    image = np.full((1024, 2048, 3), 90, np.uint8)
    logits = scene(19, 32, 64)
    wanted = ("labels", "color", "overlay")
    options: dict[str, Any] = {
        "size": (1024, 2048),
        "image": image,
        "palette": "cityscapes",
        "want": wanted,
    }
    segpost.postprocess(logits, **options)
    results = 1024 * 2048 * (1 + 3 + 3)
    full_float = 1024 * 2048 * 4 * 19
    gc.collect()
    tracemalloc.start()
    try:
        segpost.postprocess(logits, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    if backend == "reference":  # the definition may take strips of float64, not all of it
        assert peak < results + 2 * full_float
    else:
        assert peak < results + (8 << 20)


def test_native_memory_is_small() -> None:
    """The resident set grows by the results alone: native scratch memory is bounded too."""
    result = run_code(
        """
        import resource, numpy as np, segpost
        logits = np.random.default_rng(1).normal(size=(150, 64, 64)).astype("f4")
        segpost.argmax(logits[:, :4, :4], size=(9, 9))
        segpost.postprocess(logits[:, :4, :4], size=(9, 9), want=("confidence",))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seg = segpost.postprocess(logits, size=(2048, 2048), want=("labels", "confidence"))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print((after - before) * 1024 - 2048 * 2048 * 5)
        """
    )
    assert int(result.stdout) < 48 << 20, result.stderr


def test_no_leak(fast_backend: str) -> None:
    """Thousands of calls, good and bad, leave the resident set where it was."""
    logits = scene(5, 16, 16)
    bad = logits.copy()
    bad[1, 2, 3] = np.nan

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def calls(n: int) -> None:
        for _ in range(n):
            seg = segpost.postprocess(
                logits, size=(48, 48), palette=segpost.Palette.distinct(5), want=("labels", "color")
            )
            with pytest.raises(ValueError, match="NaN"):
                segpost.argmax(bad)
            segpost.softmax(logits)
        del seg

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs /proc")
    calls(300)
    gc.collect()
    before = resident()
    calls(1500)
    gc.collect()
    assert resident() - before < 4 << 20


def test_more_threads_than_the_system_gives() -> None:
    """Where threads cannot be made, fewer do the work."""
    result = run_code(
        """
        import resource
        import numpy as np, segpost
        logits = np.random.default_rng(1).normal(size=(19, 64, 64)).astype("f4")
        wanted = segpost.argmax(logits, size=(512, 512))
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), -1))
        segpost.set_num_threads(64)
        big = segpost.argmax(np.concatenate([logits] * 4, 1), size=(2048, 512))
        assert (segpost.argmax(logits, size=(512, 512)) == wanted).all()
        print("ok")
        """
    )
    assert result.stdout.strip() == "ok", result.stderr
