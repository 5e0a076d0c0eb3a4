"""`pytest benches --benchmark-only`: collects bench_*.py, one thread, CPU time.

Jobs of several threads are timed by the clock on the wall.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import segpost
from benches.harness import measure

SECONDS = 0.4  # of a row's rounds, or five rounds where they take longer
HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("python_files", "bench_*.py")
    config.addinivalue_line("markers", "own: what users of segpost call, without rivals")
    arguments = map(str, config.invocation_params.args)
    if not any(argument.startswith("--benchmark-max-time") for argument in arguments):
        config.option.benchmark_max_time = SECONDS
    if config.getoption("benchmark_only", default=False):  # the project's default is to disable
        config.option.benchmark_enable = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            job = item.callspec.params["job"] if hasattr(item, "callspec") else None
            timer = measure.clock(job) if job else time.process_time
            item.add_marker(pytest.mark.benchmark(timer=timer))
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True)
def _one_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    before = segpost.num_threads()
    if request.node.get_closest_marker("own"):  # no rival is imported
        segpost.set_num_threads(1)
    else:
        measure.one_thread()
    yield
    segpost.set_num_threads(before)
