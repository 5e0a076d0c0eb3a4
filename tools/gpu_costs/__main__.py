"""What the CUDA kernels cost on an H200, as far as that can be known without one.

    python -m tools.gpu_costs commit    counts again, and writes the numbers and the page
    python -m tools.gpu_costs page      writes the page of the committed numbers
    python -m tools.gpu_costs code      compares the kernels' machine code with the numbers
    python -m tools.gpu_costs launches [TITLE ...]    compares what calls launch with the numbers

`commit` and `code` need CUDA's nvcc, and nvdisasm of `nvidia-cuda-nvdisasm`; `commit` and
`launches` a C++ compiler, `nm` and what the benches need. The exit status is 1 where something
differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .machine_code import ROOT, describe_kernels
from .page import write_page

NUMBERS = ROOT / "benches" / "results" / "gpu_costs.json"
PAGE = ROOT / "docs" / "contributing" / "gpu-costs.md"


def read_numbers() -> dict[str, Any]:
    """Return the committed numbers."""
    numbers: dict[str, Any] = json.loads(NUMBERS.read_text(encoding="utf-8"))
    return numbers


def compiler() -> str:
    """Return the version of nvcc."""
    done = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split("release ")[1].split(",")[0]


def describe() -> dict[str, Any]:
    """Return what each kernel takes, from a fresh compilation."""
    with tempfile.TemporaryDirectory() as folder:
        return describe_kernels(Path(folder))


def record_calls(*titles: str) -> list[dict[str, Any]]:
    """Return the work of all calls, or of those with these titles."""
    from .calls import list_calls
    from .recording import emulate, record, subtract

    calls = []
    module = emulate()
    for call in list_calls(module):
        if titles and call.title not in titles:
            continue
        print(call.title, flush=True)
        work = record(module, call.run)
        if call.less:
            work = subtract(work, record(module, call.less))
        calls.append({"title": call.title, "pixels": call.pixels, "work": work})
        if len(calls) == len(titles):
            break  # what follows would make its arrays
    return calls


def commit() -> None:
    """Count everything, and write the numbers and the page."""
    numbers = {"nvcc": compiler(), "calls": record_calls(), "kernels": describe()}
    NUMBERS.write_text(f"{json.dumps(numbers, indent=1)}\n", encoding="utf-8")


def compare_launches(*titles: str) -> bool:
    """Say whether calls launch the committed kernels, and move as many bytes within a percent."""
    committed = {call["title"]: call["work"] for call in read_numbers()["calls"]}
    same = True
    for call in record_calls(*titles):
        for key, least in (("launches", 0.0), ("blocks", 0.0), ("read", 0.01), ("written", 0.01)):
            now = {one["name"]: one[key] for one in call["work"]}
            before = {one["name"]: one[key] for one in committed.get(call["title"], ())}
            for name in {*now, *before}:
                one, other = now.get(name, 0), before.get(name, 0)
                if abs(one - other) > least * other:
                    print(f"{call['title']}: {name}: {key}: {one}, {other} are committed")
                    same = False
    return same


def say(same: bool) -> int:
    """Print the result of a comparison and return the exit status."""
    print("the same" if same else "run python -m tools.gpu_costs commit")
    return int(not same)


def main(arguments: list[str]) -> int:
    """Run a command and return the exit status."""
    match arguments:
        case ["commit"]:
            commit()
        case ["page"]:
            pass
        case ["code"]:
            return say(describe() == read_numbers()["kernels"])
        case ["launches", *titles]:
            return say(compare_launches(*titles))
        case _:
            print(__doc__)
            return 2
    PAGE.write_text(write_page(read_numbers()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
