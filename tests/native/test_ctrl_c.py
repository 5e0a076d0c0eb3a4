"""Ctrl-C and other signals during a call: each is answered soon, and the process goes on."""

from __future__ import annotations

import signal

import pytest
from child_process import run_code
from conftest import FAST, scene

import segpost

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


@pytest.mark.skipif("native-x86_64_v2" not in FAST, reason="no native backend")
@pytest.mark.parametrize("name", ["argmax(logits", "regions(logits=logits"])
def test_ctrl_c_in_a_single_huge_cell(name: str) -> None:
    """A 2 x 2 map blown up to many pixels is cut into tasks like any other."""
    result = run_code(
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


@pytest.mark.parametrize("kind", sorted({name.partition("-")[0] for name in FAST}))
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_is_answered(kind: str, threads: int) -> None:
    """SIGINT ends a call of many seconds within 0.1 s of each thread, and the next call works.

    The least of three tries counts, in seconds of the processors: other programs may be busy.
    """
    result = run_code(
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
    result = run_code(
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


def test_sigint_default_is_untouched() -> None:
    """Using segpost installs no signal handler."""
    before = signal.getsignal(signal.SIGINT)
    segpost.argmax(scene(19, 64, 128), size=(512, 1024))
    assert signal.getsignal(signal.SIGINT) is before
