"""Life inside a process: threads, fork, signals, memory."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from conftest import FAST, scene, switch

import segpost

torch = pytest.importorskip("torch")

LOGITS = scene(19, 64, 128)
SIZE = (512, 1024)


# SIGINT from the kernel, once this process has computed for some time: on no clock of the wall.
# A process in the background of a shell inherits that SIGINT is ignored, so it is set here.
INTERRUPT = """
import ctypes, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
libc, timer = ctypes.CDLL(None, use_errno=True), ctypes.c_void_p()
event = (ctypes.c_int * 16)(0, 0, signal.SIGINT, 0)  # struct sigevent: SIGEV_SIGNAL
if libc.timer_create(time.CLOCK_PROCESS_CPUTIME_ID, event, ctypes.byref(timer)):
    raise OSError(ctypes.get_errno(), "timer_create")

def seconds_until_interrupted(call, after):
    '''Seconds of all processors between SIGINT and the end of the call.'''
    delay = (ctypes.c_long * 4)(0, 0, 0, int(after * 1e9))
    start = time.process_time()
    if libc.timer_settime(timer, 0, delay, None):
        raise OSError(ctypes.get_errno(), "timer_settime")
    try:
        call()
    except KeyboardInterrupt:
        return time.process_time() - start - after
    raise AssertionError("the call finished before the signal came")
"""


def run(code: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """A script in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", before + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_eight_threads(fast_backend: str) -> None:
    """Calls from eight Python threads at once give the same labels as one."""
    wanted = segpost.argmax(LOGITS, size=SIZE)
    kind, _, _ = fast_backend.partition("-")

    def call(_: int) -> bool:
        with segpost.use_backend(kind):  # type: ignore[arg-type]
            return bool((segpost.argmax(LOGITS, size=SIZE) == wanted).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(40)))


def waited(child: int) -> int:
    """The status of a child at its end; one that hangs ends with this test, by its time limit."""
    try:
        return os.waitpid(child, 0)[1]
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("backend_name", FAST)
def test_fork_after_use(backend_name: str) -> None:
    """A child forked after the pool was used, and while it is in use, works and does not hang."""
    before = segpost.num_threads()
    segpost.set_num_threads(3)
    stop, is_busy = threading.Event(), threading.Event()
    kind, _, _ = backend_name.partition("-")

    def busy() -> None:
        with segpost.use_backend(kind):  # type: ignore[arg-type]
            while not stop.is_set():
                segpost.argmax(LOGITS, size=SIZE)
                is_busy.set()

    try:
        for _ in switch(backend_name):
            wanted = segpost.argmax(LOGITS, size=SIZE)
            with ThreadPoolExecutor(1) as pool:
                worker = pool.submit(busy)
                is_busy.wait()
                for _ in range(5):
                    child = os.fork()
                    if child == 0:
                        segpost.set_num_threads(2)
                        same = bool((segpost.argmax(LOGITS, size=SIZE) == wanted).all())
                        os._exit(0 if same else 3)
                    assert os.waitstatus_to_exitcode(waited(child)) == 0
                stop.set()
                worker.result()
    finally:
        stop.set()
        segpost.set_num_threads(before)


def test_forked_child_starts_with_one_thread() -> None:
    """A forked worker is one of many: it gets one thread until it asks for more."""
    result = run(
        """
        import os, segpost
        segpost.set_num_threads(4)
        if os.fork() == 0:
            os._exit(segpost.num_threads())
        print(os.waitstatus_to_exitcode(os.wait()[1]))
        """
    )
    assert result.stdout.strip() == "1", result.stderr


@pytest.mark.parametrize("kind", sorted({name.partition("-")[0] for name in FAST}))
def test_dataloader_workers(kind: str) -> None:
    """Inside the forked workers of a torch DataLoader, after use in the parent."""
    result = run(
        f"""
        import numpy as np, segpost, torch, warnings
        warnings.simplefilter("ignore")
        backend = segpost.use_backend("{kind}")
        backend.__enter__()  # kept: it ends with the object
        logits = np.random.default_rng(1).normal(size=(5, 16, 16)).astype("f4")
        wanted = segpost.argmax(logits, size=(128, 128))
        torch.ones(1000, 1000) @ torch.ones(1000, 1000)

        class Maps(torch.utils.data.Dataset):
            def __len__(self): return 12
            def __getitem__(self, i):
                return segpost.argmax(torch.from_numpy(logits), size=(128, 128))

        loader = torch.utils.data.DataLoader(
            Maps(), batch_size=2, num_workers=2, multiprocessing_context="fork")
        count = 0
        for batch in loader:
            assert (batch.numpy() == wanted).all()
            count += len(batch)
        print(count)
        """
    )
    assert result.stdout.strip() == "12", result.stderr


@pytest.mark.skipif("native-x86_64_v2" not in FAST, reason="no native backend")
@pytest.mark.parametrize("name", ["argmax(logits", "regions(logits=logits"])
def test_ctrl_c_in_a_single_huge_cell(name: str) -> None:
    """A 2 x 2 map blown up to many pixels is cut into tasks like any other."""
    result = run(
        f"""
        import numpy as np, segpost
        logits = np.random.default_rng(1).normal(size=(300, 2, 2))
        call = lambda: segpost.{name}, size=(12000, 12000))
        print(min(seconds_until_interrupted(call, after=0.3) for _ in range(3)))
        """,
        INTERRUPT,
    )
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 0.2


def test_more_threads_than_the_system_gives() -> None:
    """Where threads cannot be made, fewer do the work."""
    result = run(
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


@pytest.mark.parametrize("kind", sorted({name.partition("-")[0] for name in FAST}))
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_is_answered(kind: str, threads: int) -> None:
    """SIGINT ends a call of many seconds within 0.1 s of each thread, and the next call works.

    The least of three tries counts, in seconds of the processors: other programs may be busy.
    """
    result = run(
        f"""
        import numpy as np, segpost
        segpost.set_num_threads({threads})
        backend = segpost.use_backend("{kind}")
        backend.__enter__()  # kept: it ends with the object
        small = np.random.default_rng(1).normal(size=(64, 64, 64)).astype("f4")
        wanted = segpost.argmax(small, size=(512, 512))  # compiled by now
        many = np.broadcast_to(small, (4000, 64, 64, 64))
        out = np.empty((4000, 512, 512), np.uint8)
        call, taken = lambda: segpost.argmax(many, size=(512, 512), out=out), []
        for _ in range(3):
            taken.append(seconds_until_interrupted(call, after=0.3))
            assert (segpost.argmax(small, size=(512, 512)) == wanted).all()
        print(min(taken))
        """,
        INTERRUPT,
    )
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 0.1 * threads


def test_signals_at_any_moment() -> None:
    """Handlers that raise, early in a call and again while it ends: KeyboardInterrupt, no crash."""
    result = run(
        """
        import signal
        import numpy as np, segpost
        segpost.set_num_threads(2)
        logits = np.random.default_rng(0).standard_normal((2, 100, 96, 96))
        left = interrupted = 0

        def stop(*_):
            global left, interrupted
            if left:
                interrupted += left == 2
                left -= 1
                raise KeyboardInterrupt

        def call(after):
            global left
            left = 2
            try:
                signal.setitimer(signal.ITIMER_REAL, after, 0.005)
                segpost.argmax(logits, size=(1024, 1024))
            finally:
                left = 0

        signal.signal(signal.SIGALRM, stop)
        i = 0
        while interrupted < 25:
            i += 1
            try:
                try:
                    call(0.001 + 0.001 * (i % 30))
                except KeyboardInterrupt:
                    left = 0
            except KeyboardInterrupt:  # the second one, while the first was answered
                left = 0
        signal.setitimer(signal.ITIMER_REAL, 0)
        print("ok")
        """
    )
    assert result.stdout.strip() == "ok", result.stderr


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
    result = run(
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


@pytest.mark.parametrize("level", ["x86-64-v2", "x86-64-v3", "nonsense"])
def test_simd_level_from_the_environment(level: str) -> None:
    """SEGPOST_SIMD forces a level, and a wrong one is an error that lists the right ones."""
    if not [name for name in FAST if name.startswith("native-x86")]:
        pytest.skip("no native x86 backend")
    code = "import segpost; print(segpost.build_config()['simd_level'])"
    environment = {**os.environ, "SEGPOST_SIMD": level}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    if level == "nonsense":
        assert "SEGPOST_SIMD must be one of x86_64_v2" in result.stderr
    else:
        assert result.stdout.strip() == level.replace("-", "_")


@pytest.mark.parametrize("name", ["reference", "numba", "nonsense"])
def test_backend_from_the_environment(name: str) -> None:
    """SEGPOST_BACKEND chooses the backend of a process."""
    code = "import segpost; print(segpost.build_config()['backend'])"
    environment = {**os.environ, "SEGPOST_BACKEND": name}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    if name == "nonsense":
        assert "SEGPOST_BACKEND must be one of 'native', 'numba', 'reference'" in result.stderr
    else:
        assert result.stdout.strip() == name


def test_sigint_default_is_untouched() -> None:
    """Using segpost installs no signal handler."""
    before = signal.getsignal(signal.SIGINT)
    segpost.argmax(LOGITS, size=SIZE)
    assert signal.getsignal(signal.SIGINT) is before


DAEMON = """
import threading
import numpy as np, segpost
logits = np.random.default_rng(0).normal(size=(21, 65, 65)).astype(np.float32)
called = threading.Event()

def call_forever():
    while True:
        segpost.argmax(logits, size=(513, 513))
        called.set()

threading.Thread(target=call_forever, daemon=True).start()
called.wait()
"""


@pytest.mark.skipif("numba" in FAST[:1], reason="there is no native code")
def test_the_interpreter_ends_while_a_daemon_thread_computes() -> None:
    """The thread that wants the GIL back then waits for the end; it does not abort the process."""
    result = run(DAEMON)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
