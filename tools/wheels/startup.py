"""What an installed wheel costs before its first result: modules, processes, and time beside NumPy.

python -m tools.wheels.startup PYTHON [REPEATS]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import NamedTuple

NUMPY = "import numpy"
CALL = """
import numpy as np, segpost
logits = np.zeros((3, 4, 4), np.float32)
logits[1] = 1
assert (segpost.argmax(logits, size=(8, 8)) == 1).all()
"""
IMPORT = "import numpy, segpost"
OBSERVED = """
import json, sys
events = []
def note(event, arguments):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork", "os.system"):
        events.append(f"{{event}} {{arguments[:1]}}")
sys.addaudithook(note)
{code}
processes = list(events)
print(json.dumps([processes, [name for name in ("numba", "llvmlite") if name in sys.modules],
                  segpost.build_config()["backend"]]))
"""


class Startup(NamedTuple):
    """What the import of the package and its first call did, and their CPU time beside NumPy."""

    processes: list[str]
    compilers: list[str]
    backend: str
    import_ratio: float
    call_ratio: float


def measure_seconds(python: str, code: str) -> float:
    """Return the CPU seconds of a new process that runs some code."""
    process = subprocess.Popen([python, "-I", "-c", code])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{python} cannot run {code!r}")
    return usage.ru_utime + usage.ru_stime


def measure_startup(python: str, repeats: int = 21) -> Startup:
    """Measure the start of an installed package, the three programs by turns.

    Parameters
    ----------
    python : str
        The Python of the environment with the package.
    repeats : int
        How often each program is run; the medians are compared.
    """
    command = [python, "-I", "-c", OBSERVED.format(code=CALL)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    processes, compilers, backend = json.loads(done.stdout)
    seconds: dict[str, list[float]] = {NUMPY: [], IMPORT: [], CALL: []}
    for _ in range(repeats):
        for code, values in seconds.items():
            values.append(measure_seconds(python, code))
    numpy, imported, called = (statistics.median(values) for values in seconds.values())
    return Startup(processes, compilers, backend, imported / numpy, called / numpy)


if __name__ == "__main__":
    print(measure_startup(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 21))
