"""The cache of Numba's kernels: damaged files are made again, and an unwritable one is named."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numba import njit

from segpost._backends.numba.cache import KernelCache


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """A function that compiles another one as a new process would, with the cache of the test."""
    source = tmp_path / "kernels.py"
    source.write_text("def successor(x):\n    return x + 1\n")
    names: dict[str, Any] = {}
    exec(compile(source.read_text(), str(source), "exec"), names)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))

    def compile_again() -> Any:
        kernel: Any = njit(cache=True)(names["successor"])
        kernel._cache = KernelCache(kernel._cache)
        return kernel

    return compile_again


def cached(folder: Path, ending: str) -> Path:
    """The one file of the cache with this ending."""
    (path,) = folder.rglob(f"*.{ending}")
    return path


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("size", [0, 40])
def test_a_damaged_cache_is_made_again(
    compiled: Callable[[], Any], tmp_path: Path, ending: str, size: int
) -> None:
    """An index or code that is empty or cut: the call is right, and the next process loads it."""
    assert compiled()(1) == 2
    os.truncate(cached(tmp_path, ending), size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compiled()(1) == 2
    kernel = compiled()
    assert kernel(1) == 2
    assert sum(kernel.stats.cache_hits.values()) == 1


def test_a_cache_that_cannot_be_written_to_is_named(
    compiled: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is right, and the warning has the folder and the cure."""
    kernel = compiled()

    def refuse(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel._cache._cache, "save_overload", refuse)
    with pytest.warns(RuntimeWarning, match=r"kernels in .*cache.* is damaged.*No space left"):
        assert kernel(1) == 2
