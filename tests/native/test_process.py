"""Life inside a process: threads, fork, workers, settings of the environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from child_process import run_code
from conftest import FAST, scene, switch

import segpost

torch = pytest.importorskip("torch")

LOGITS = scene(19, 64, 128)
SIZE = (512, 1024)


def test_eight_threads(fast_backend: str) -> None:
    """Calls from eight Python threads at once give the same labels as one."""
    wanted = segpost.argmax(LOGITS, size=SIZE)
    kind, _, _ = fast_backend.partition("-")

    def call(_: int) -> bool:
        with segpost.use_backend(kind):  # type: ignore[arg-type]
            return bool((segpost.argmax(LOGITS, size=SIZE) == wanted).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(40)))


def wait_for(child: int) -> int:
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
                    assert os.waitstatus_to_exitcode(wait_for(child)) == 0
                stop.set()
                worker.result()
    finally:
        stop.set()
        segpost.set_num_threads(before)


def test_forked_child_starts_with_one_thread() -> None:
    """A forked worker is one of many: it gets one thread until it asks for more."""
    result = run_code(
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
    result = run_code(
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
        assert "SEGPOST_SIMD must be one of x86-64-v2" in result.stderr
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
    result = run_code(DAEMON)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
