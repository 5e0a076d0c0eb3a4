"""What a call of a dense CRF needs at its peak, each in a process of its own.

`python -m benches.crf.memory CASE CONTENDER` is such a process: it prints megabytes.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benches.baselines.ours import TWO_THREADS
from benches.baselines.with_pydensecrf import NAME
from benches.harness import measure
from benches.harness.jobs import CRF, OURS, Absent, Contender, Job, Run, entries
from benches.harness.report import Extra
from benches.harness.scenes import refinable

TITLE = "dense CRF, memory"
CASES = {  # labels, height, width, preset
    "500 x 375, 21 labels": (21, 375, 500, "pydensecrf"),
    "500 x 375, 21 labels, deeplab": (21, 375, 500, "deeplab"),
    "4000 x 3000, 2 labels": (2, 3000, 4000, "pydensecrf"),
}
CONTENDERS = (OURS, TWO_THREADS, NAME)
PATIENCE = 300  # seconds until a process is given up


def job_of(name: str) -> Job:
    """Two iterations: more of them need no more."""
    labels, height, width, preset = CASES[name]
    probabilities, image = refinable("china", height, width, labels)
    only = CONTENDERS
    return Job(
        name,
        CRF,
        probabilities=probabilities,
        image=image,
        preset=preset,
        iterations=2,
        only=only,
        threads=2,
    )


def child(name: str, contender: str) -> float:
    """Megabytes above what was resident, of the first call that is not tiny."""
    measure.one_thread()
    job = job_of(name)
    small = np.ascontiguousarray(job.probabilities[:, :64, :64])
    tiny = replace(job, probabilities=small, image=np.ascontiguousarray(job.image[:64, :64]))
    entry = next(one for one in entries(job) if one.name == contender)
    entry.ready(tiny).run()  # loads code and starts threads
    built = entry.build(job)
    run: Run = built.run if isinstance(built, Contender) else built
    gc.collect()
    gc.disable()
    return measure.growth(run)


def asked(name: str, contender: str) -> float:
    """The same in a process of its own."""
    # Its own peak, not getrusage's: that one starts with the peak of the process that began it.
    words = [sys.executable, "-m", "benches.crf.memory", name, contender]
    try:
        done = subprocess.run(
            words,
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Absent(f"it took more than {PATIENCE} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Absent(said[-1])
    return float(done.stdout.split()[-1])


def measured(full: bool) -> Extra:
    """Every case and contender; `full` or not."""
    del full
    absent, megabytes = dict[str, str](), dict[str, dict[str, float]]()
    for name in CASES:
        megabytes[name] = {}
        for contender in CONTENDERS:
            try:
                megabytes[name][contender] = asked(name, contender)
            except Absent as why:
                absent[f"{contender} ({name})"] = str(why)
    return Extra(TITLE, table(megabytes, absent), [], megabytes)


def table(megabytes: dict[str, dict[str, float]], absent: dict[str, str]) -> str:
    """The cases as Markdown."""
    lines = [
        f"### {TITLE}",
        "",
        "Bytes per pixel (and MB) at the peak of a call, above its inputs; its result is counted.",
        "",
        f"| image | its result | {' | '.join(CONTENDERS)} |",
        f"|---|--:|{'--:|' * len(CONTENDERS)}",
    ]
    for name, needed in megabytes.items():
        labels, height, width, _ = CASES[name]
        cells = [
            f"{1e6 * needed[one] / (height * width):.0f} ({needed[one]:.0f})"
            if one in needed
            else "-"
            for one in CONTENDERS
        ]
        result = f"{4 * labels} ({4e-6 * labels * height * width:.0f})"
        lines.append(f"| {name} | {result} | {' | '.join(cells)} |")
    lines += ["", *(f"Absent: {name}: {why}." for name, why in absent.items())]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(child(*sys.argv[1:]))
