"""The backends that every claim is made for, and arrays that make life hard for them."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import hypothesis
import numpy as np
import on_device
import pytest
from chromium import start_chromium
from fake_devices import Runtime
from web_package import build_web_package

import segpost
from segpost._backends import registry
from segpost._core import contract, cuda_module, extensions

TORCH = importlib.util.find_spec("torch")


class WithoutTorch(importlib.abc.MetaPathFinder):
    """Lets `import torch` fail where it would find the folder tests/torch."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")


if TORCH is not None and TORCH.origin is None:
    sys.meta_path.insert(0, WithoutTorch())

hypothesis.settings.register_profile("push", max_examples=40, derandomize=True, deadline=None)
hypothesis.settings.register_profile("night", max_examples=2000, deadline=None)
hypothesis.settings.load_profile("push")

NATIVE: list[str] = []
if extensions.native_problem() is None:
    from segpost import _cpu

    NATIVE = [f"native-{level}" for level in _cpu.levels()]
FAST = [*NATIVE, "numba"]  # on the CPU
CUDA = [on_device.EMULATED, on_device.REAL]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Backends for a test; those of CUDA too where the module says that it has the operations."""
    there = CUDA if getattr(metafunc.module, "ON_CUDA", False) else []
    for name, names in (("backend", [*FAST, *there, "reference"]), ("fast_backend", FAST + there)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, names, indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests of the emulated device, and of SIMD levels below the processor's best one.

    The kernels of the device take minutes to compile. Levels are compiled from one source.
    """
    for item in items:
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        words = {value for value in parameters if isinstance(value, str)}
        if "device" in getattr(item, "fixturenames", ()) or on_device.EMULATED in words:
            item.add_marker("emulated")
        elif words & set(NATIVE[:-1]) and not any(item.iter_markers("slow")):
            item.add_marker("levels")


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every backend of this installation, the native one at each SIMD level."""
    yield from switch(request.param)


@pytest.fixture
def fast_backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every backend but the definition itself."""
    yield from switch(request.param)


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Threads that take turns after every few steps, where Python has a lock of all threads."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """The emulated runtime in the place of the real one."""
    problem = on_device.missing(on_device.EMULATED)
    if problem:
        pytest.skip(problem)
    runtime = Runtime(on_device.backend(on_device.EMULATED).gpu.runtime)
    monkeypatch.setattr(cuda_module, "cuda_runtime", lambda: runtime)
    monkeypatch.setattr(registry, "_loaded", {})
    yield runtime
    runtime.captured = False
    segpost.raise_deferred()


def switch(name: Any) -> Iterator[str]:
    """Use one backend, by the name of `FAST` or `CUDA`."""
    if name in CUDA:
        problem = on_device.missing(name)
        if problem:
            pytest.skip(problem)
        registry._loaded[name] = cast(contract.Backend, on_device.backend(name))
        token = registry._forced.set(name)
        try:
            yield name
        finally:
            registry._forced.reset(token)
        return
    kind, _, level = name.partition("-")
    if not level:
        with segpost.use_backend(kind):
            yield name
        return
    best = _cpu.level()
    _cpu.use_level(level)
    try:
        with segpost.use_backend(kind):
            yield name
    finally:
        _cpu.use_level(best)


@pytest.fixture(scope="session")
def demo_scene() -> Any:
    """What `segpost demo` shows: fitting its classifier takes seconds."""
    pytest.importorskip("sklearn")
    from segpost.cli.demo import scene

    return scene.load()


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same on every run."""
    return np.random.default_rng(7)


def scene(classes: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth logits with regions, borders and a little noise: (classes, height, width) float32."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    centers = random.uniform(0, 1, (classes, 2)) * [height, width]
    distance = np.hypot(y - centers[:, :1, None], x - centers[:, 1:, None])
    logits = 12 - distance * (24 / max(height, width)) + random.normal(0, 0.3, distance.shape)
    result: np.ndarray = logits.astype(np.float32)
    return result


@pytest.fixture(scope="session")
def web_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the package of JavaScript, built once; skipped without what builds it."""
    if not os.environ.get("SEGPOST_REQUIRE_BROWSER"):
        pytest.importorskip("ziglang")
    return build_web_package(tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, one for all tests."""
    with start_chromium() as started:
        yield started
