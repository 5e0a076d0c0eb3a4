"""What holds for data sets of a million images, under kills, damage and hostile files: 17 rows.

`python -m benches.evaluation.reliability` runs the tests of every row, measures what is too large
for a test, and prints a table in Markdown; with numbers of rows only these. Its status is 1 if a
test fails. Row 12 needs `unshare` of util-linux, and the right to use it.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import io
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benches.evaluation import scale
from benches.evaluation.scale import CLASSES, COMMAND, Usage
from benches.harness.scenes import street_maps
from segpost.files import read_labels, write_png
from segpost.files.png import check_sums_of_png

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 5  # of what is compared in turn
ITEMS = 200

Measure = Callable[[Path, int], str]


class Row(NamedTuple):
    """One claim.

    Attributes
    ----------
    what, goal : str
    tests : str
        The tests that show it, each as a file and a name.
    measure : function of a folder and a number of images, or None
        Returns the figures.
    script : str
        Where else it is shown.
    """

    what: str
    goal: str
    tests: str = ""
    measure: Measure | None = None
    script: str = ""


class Job(NamedTuple):
    """What a command took, and when it wrote to standard error: seconds from its start."""

    usage: Usage
    lines: tuple[float, ...]
    seconds: float


def compare_shards(folder: Path, images: int) -> str:
    """Compare plan, count and merge with one process, in turn."""
    pairs = scale.make_pairs(folder / "large", images // 2500, 512, 20)
    options = (*map(str, pairs), "--num-classes", str(CLASSES))
    states = [folder / "large" / name for name in ("evaluate.json", "merge.json")]
    times: dict[str, list[float]] = {"evaluate": [], "count": []}
    for k in range(ROUNDS):
        run = str(folder / "large" / f"run {k}")
        evaluate = scale.measure(
            *COMMAND, "evaluate", *options, "--quiet", "--state", str(states[0])
        )
        scale.measure(*COMMAND, "plan", *options, "--run", run)
        times["evaluate"].append(evaluate.seconds)
        times["count"].append(scale.measure(*COMMAND, "count", run, "--quiet").seconds)
    scale.measure(*COMMAND, "merge", run, "--quiet", "--state", str(states[1]))
    contents = [state.read_bytes() for state in states]
    same = "the same bytes" if contents[0] == contents[1] else "OTHER BYTES"
    medians = {name: statistics.median(values) for name, values in times.items()}
    return (
        f"{same}; count {medians['count']:.2f} CPU-s, evaluate {medians['evaluate']:.2f} "
        f"(ratio {medians['count'] / medians['evaluate']:.3f})"
    )


def merge_million(folder: Path, images: int) -> str:
    """Merge real files of shards."""
    (usage,) = scale.merge(folder, images).values()
    size = sum(path.stat().st_size for path in (folder / "alone" / "shards").iterdir())
    return f"{usage.seconds:.1f} CPU-s, {usage.memory:.0f} MiB more, {size / images:.0f} B an image"


def plan_million(folder: Path, images: int) -> str:
    """Plan a million names."""
    whole, alone, shard = scale.plan(folder, images).values()
    return (
        f"{alone.seconds:.1f} CPU-s; a shard {1000 * shard.seconds:.1f} ms and {shard.memory:.1f} "
        f"MiB; with listing {whole.seconds:.1f} CPU-s and {whole.memory:.0f} MiB; no `stat` a pair "
        "when listing, one a file for its size"
    )


@functools.cache
def evaluate_small_pairs(place: Path, images: int) -> Job:
    """Evaluate a tenth as many pairs of 32 x 32, with all files that have a line an image."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        pairs = map(str, scale.make_pairs(folder, images // 10, 32, 50))
        files = {"--state": "state.json", "--json": "scores.json", "--per-image": "images.csv"}
        outputs = [word for option, name in files.items() for word in (option, str(folder / name))]
        command = (*COMMAND, "evaluate", *pairs, "--num-classes", str(CLASSES), *outputs)
        begin = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert child.stderr is not None
        lines = tuple(time.monotonic() - begin for _ in child.stderr)
        usage = scale.wait(child)
    return Job(usage, lines, time.monotonic() - begin)


def memory_of_pairs(folder: Path, images: int) -> str:
    """Return the memory of many small pairs."""
    usage = evaluate_small_pairs(folder.parent, images).usage
    return f"{usage.memory:.0f} MiB, {usage.seconds:.0f} CPU-s"


def progress_lines(folder: Path, images: int) -> str:
    """Return how long the same command said nothing, before, between and after its lines."""
    job = evaluate_small_pairs(folder.parent, images)
    silences = np.diff([0, *job.lines, job.seconds])
    return (
        f"{len(job.lines)} lines in {job.seconds:.0f} s; the longest silence between two of them "
        f"is {silences[1:-1].max(initial=0):.1f} s, before the first {silences[0]:.1f} s"
    )


def cost_of_checksums(folder: Path, images: int) -> str:
    """Compare the check of a PNG file with its decoding, at 1024 x 2048."""
    path = folder / "street.png"
    colors = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint8)
    write_png(path, street_maps(1024, 2048, CLASSES, seed=0)[0], colors)
    content = path.read_bytes()
    check = best_seconds(lambda: check_sums_of_png(io.BytesIO(content)))
    read = best_seconds(lambda: read_labels(path))
    return f"the check of {len(content):,} bytes is {check / read:.2%} of {1000 * read:.1f} ms"


def best_seconds(call: Callable[[], object]) -> float:
    """Return the least CPU time of a call."""
    times = []
    for _ in range(30):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def two_containers(folder: Path, images: int) -> str:
    """Have two processes of number 1, of namespaces of their own, write to one folder."""
    logits = folder / "logits"
    logits.mkdir(parents=True)
    random = np.random.default_rng(0)
    for k in range(ITEMS):
        np.save(logits / f"{k:03}.npy", random.normal(size=(5, 16, 16)).astype(np.float32))
    command = ("run", str(logits), "--palette", "voc", "--resume", "--out")
    contained = ("unshare", "--pid", "--fork", *COMMAND, *command, str(folder / "both"))
    children = [
        subprocess.Popen(contained, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    texts = [child.communicate()[0] for child in children]
    scale.measure(*COMMAND, *command, str(folder / "alone"))
    outputs = [
        {path.name: path.read_bytes() for path in (folder / name).glob("[!.]*")}
        for name in ("both", "alone")
    ]
    same = "the same outputs" if outputs[0] == outputs[1] else "OTHER OUTPUTS"
    failed = sum(int(n) for text in texts for n in re.findall(r"(\d+) failed", text))
    status = [child.returncode for child in children]
    return f"{failed} failures, status {status[0]} and {status[1]}; {same} as of one process"


def raster_of(side_images: int) -> Measure:
    """Return what measures a raster, of the size for that many images in `scale`."""

    def measure(folder: Path, images: int) -> str:
        (usage,) = scale.raster(folder, side_images).values()
        side = 20_000 if side_images >= 1_000_000 else 4_000
        pixels = side * side / 1e6
        return f"{usage.memory:.0f} MiB, {usage.seconds / pixels:.3f} CPU-s a Mpx of {pixels:.0f}"

    return measure


SHARDS, FAULTS, ENGINES = (
    f"evaluation/test_{name}.py::" for name in ("shards", "shard_faults", "engines")
)
RUN_FAULTS = "cli/test_run_faults.py::"
ROWS = {
    1: Row(
        "plan, count and merge against `evaluate --state`, 400 pairs",
        "the same bytes, count <= 1.03 times evaluate",
        f"{SHARDS}test_the_commands_give_the_state_of_one_process",
        compare_shards,
    ),
    2: Row(
        "60 SIGKILLs, two workers on the same 40 shards, shards damaged between kills",
        "the same state of matrix and every measure",
        f"{FAULTS}test_kills_of_two_workers_on_the_same_shards",
    ),
    3: Row(
        "SIGKILL of `evaluate --run` at 10 random instants",
        "the same state; finished shards stay",
        f"{FAULTS}test_a_killed_evaluation_is_resumed",
    ),
    4: Row(
        "Dask with 3 kills, torchrun, GNU parallel and Slurm with 2, Ray with 2",
        "the same state",
        f"{ENGINES}test_dask {ENGINES}test_torchrun {ENGINES}test_parallel {ENGINES}test_slurm",
        script="Ray: [engines.md](engines.md)",
    ),
    5: Row(
        "an image that kills its process, under Dask and under `--jobs 2`",
        "all others counted, it is named, status 1",
        f"{ENGINES}test_image_that_kills_dask_workers "
        f"{FAULTS}test_an_image_at_which_two_processes_die_is_left_out",
    ),
    6: Row(
        "a shard missing, twice, of another plan or shard size; 2,000 flipped bits; cuts",
        "named, status 1, none silent",
        f"{SHARDS}test_what_is_missing_is_named {SHARDS}test_shards_of_something_else_are_named "
        f"{FAULTS}test_damage_of_a_shard {SHARDS}test_a_damaged_plan_is_an_error",
    ),
    7: Row(
        "merge of 10^6 images in 10^4 shards",
        "<= 10 CPU-s, <= 100 MB more, <= 800 B an image",
        measure=merge_million,
    ),
    8: Row(
        "plan of 10^6 names; one shard of it",
        "<= 10 CPU-s without listing; <= 5 ms, <= 20 MB; no `stat` a pair when listing",
        "evaluation/test_evaluate_pairing.py::test_files_are_looked_up_once_at_most",
        plan_million,
    ),
    9: Row(
        "100,000 pairs of 32 x 32 with --state --json --per-image",
        "<= 300 MiB",
        "evaluation/test_output_memory.py",
        memory_of_pairs,
    ),
    10: Row(
        "3,000 flipped bits in a label PNG",
        "none silent, decoding <= 1 % longer",
        "files/test_damaged_files.py::test_no_flipped_bit_of_3000_is_silent",
        cost_of_checksums,
    ),
    11: Row(
        "output read-only; full at the start; full in the middle, then with space",
        "status 2 before the first image; at the first failure, then the same bytes",
        f"{RUN_FAULTS}test_a_disk_that_is_full_at_the_start {RUN_FAULTS}test_a_small_file_system "
        f"{RUN_FAULTS}test_a_full_disk_stops_the_run "
        f"{FAULTS}test_a_full_file_system_stops_the_count "
        f"{FAULTS}test_a_read_only_file_system_is_known_before_the_first_image",
    ),
    12: Row(
        "two containers, processes of one number, one --out, 200 items each",
        "no failure",
        f"{RUN_FAULTS}test_two_processes_of_one_number_share_a_folder",
        two_containers,
    ),
    13: Row(
        "blocks of 768, 1000, 1024 and 2048 of 4,000 x 4,100; Dask with 3 kills",
        "the bits of `Merger`; <= 512 MiB at 1024",
        "pipeline/test_blockwise.py::test_blocks_of_a_real_size "
        "pipeline/test_blockwise.py::test_killed_dask_workers_change_no_bit",
        raster_of(10_000),
    ),
    14: Row(
        "a raster of 20,000 x 20,000, 19 classes, labels and confidence as COG",
        "<= 1 GiB, <= 0.35 CPU-s a Mpx; CRS, transform, overviews",
        "cli/test_raster.py::test_values_and_georeference cli/test_raster.py::test_overviews",
        raster_of(1_000_000),
    ),
    15: Row(
        "logits (C, D, H, W) in `run`; logits in folders below",
        "an error with the cure; found",
        "cli/test_cli.py::test_run_on_four_dimensions cli/test_run_of_many.py::test_folders_below",
    ),
    16: Row(
        "standard error of a batch job",
        "a line every 10 s",
        f"{SHARDS}test_progress_off_a_terminal",
        progress_lines,
    ),
    17: Row(
        "a state of --allow-partial added to a whole one",
        "the sum says that it is incomplete",
        f"metrics/test_matrix_states.py::test_states_say_whether_they_are_complete "
        f"{SHARDS}test_what_is_missing_is_named",
    ),
}


def run_tests(names: str) -> str:
    """Run tests, and return how many passed and what they took."""
    paths = [f"tests/{name}" for name in names.split()]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "", "-p", "no:cacheprovider", *paths]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    text = child.stdout.read()
    usage = scale.wait(child)
    counts = re.findall(r"\d+ (?:passed|failed|skipped|error)", text)
    if child.returncode:
        print(text, file=sys.stderr)
        counts.insert(0, "NOT PASSED:")
    return f"{', '.join(counts)} ({usage.seconds:.0f} CPU-s)"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benches.evaluation.reliability")
    parser.add_argument("rows", nargs="*", type=int, choices=[[], *ROWS], metavar="ROW")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the data sets are made")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"{datetime.date.today()}, {platform.platform()}, {os.cpu_count()} processors, Python "
        f"{platform.python_version()}, load {load:.0f} at the start\n"
    )
    print("| # | what | goal | figure | tests |\n|--:|---|---|---|---|")
    is_right = True
    for number in arguments.rows or ROWS:
        row = ROWS[number]
        figures, tests = row.script, ""
        if row.measure is not None:
            with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
                figures = row.measure(Path(folder), arguments.images)
        if row.tests:
            names = [f"`{name.rpartition('/')[2]}`" for name in row.tests.split()]
            tests = f"{run_tests(row.tests)}: {', '.join(names)}"
        is_right &= "NOT PASSED" not in tests
        print(f"| {number} | {row.what} | {row.goal} | {figures} | {tests} |", flush=True)
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
