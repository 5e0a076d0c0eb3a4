"""Registers, memory and instructions of every kernel, as nvcc and its assembler make them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CUDA = ROOT / "csrc" / "cuda"
PLATFORM = CUDA / "runtime" / "platform" / "nvidia"
ARCHITECTURE = "sm_90"
Kernel = dict[str, Any]


class Loop(NamedTuple):
    """Instructions from a label to the branch back to it."""

    length: int
    wide_loads: int  # of 16 bytes from global memory


def find_tool(name: str) -> str | None:
    """Return a tool of CUDA's: on the path, or of the wheels nvidia-cuda-cuobjdump, -nvdisasm."""
    spec = importlib.util.find_spec("nvidia")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    beside = (str(file) for folder in folders for file in Path(folder).glob(f"cu*/bin/{name}"))
    return shutil.which(name) or next(beside, None)


def demangle(names: list[str]) -> list[str]:
    """Return functions as C++ writes them."""
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True,
                          check=True)  # fmt: skip
    return done.stdout.splitlines()


def compile_source(source: Path, folder: Path) -> tuple[Path, str]:
    """Return a source's machine code, and what the assembler says of it."""
    made = folder / f"{source.parent.name}-{source.stem}.cubin"
    flags = ["-std=c++17", "-O3", "-fmad=false", f"-arch={ARCHITECTURE}", f"-I{ROOT / 'csrc'}"]
    asked = "-Xptxas", "-v", "-cubin", "-o", str(made)
    command = ["nvcc", *flags, f"-I{PLATFORM}", str(source), *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return made, done.stderr


def read_resources(said: str) -> Iterator[tuple[str, Kernel]]:
    """Yield the mangled name of each kernel and what it takes, from the assembler's words."""

    def number(pattern: str, text: str) -> int:
        match = re.search(pattern, text)
        return int(match[1]) if match else 0

    for part in said.split("Compiling entry function '")[1:]:
        name, _, text = part.partition("'")
        own = text[: text.find("Compile time")]  # not that of functions after it
        yield (
            name,
            {
                "registers": number(r"Used (\d+) registers", own),
                "shared": number(r"(\d+) bytes smem", own),
                "stack": number(r"(\d+) bytes stack frame", own),
                "spills": number(r"(\d+) bytes spill stores", own)
                + number(r"(\d+) bytes spill loads", own),
            },
        )


def read_instructions(code: str) -> Iterator[tuple[str, Kernel]]:
    """Yield the mangled name of each kernel and its instructions, from a disassembly.

    Those of the loop with the most loads of 16 bytes are counted too: what is read in such loads
    costs so many instructions a load.
    """
    for part in re.split(r"^\.text\.", code, flags=re.MULTILINE)[1:]:
        name, _, text = part.partition(":")
        labels: dict[str, int] = {}
        listed: list[str] = []
        for line in text.splitlines():
            if line.startswith(".L_x_"):
                labels[line.rstrip(":")] = len(listed)
            elif match := re.match(r"\s+/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;", line):
                listed.append(match[1])
        while listed and re.search(r"\bNOP\b", listed[-1]):
            listed.pop()  # what fills the last line
        loop = find_loop(listed, labels)
        yield (
            name,
            {
                "instructions": len(listed),
                "branches_back": any(True for _ in list_loops(listed, labels)),
                "loop": loop.length if loop else 0,
                "loop_loads": loop.wide_loads if loop else 0,
                "shared_atomics": sum("ATOMS" in line for line in listed),
                "global_atomics": sum(
                    bool(re.search(r"\b(ATOMG?|RED)\b", line)) for line in listed
                ),
            },
        )


def list_loops(listed: list[str], labels: dict[str, int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last instruction of every loop but the one that ends a kernel."""
    for at, line in enumerate(listed):
        match = re.search(r"\bBRA\b.*\(?(\.L_x_\d+)\)?", line)
        if match and labels.get(match[1], at + 1) < at:
            yield labels[match[1]], at


def find_loop(listed: list[str], labels: dict[str, int]) -> Loop | None:
    """Return the innermost loop with the most wide loads, if any loop has one."""
    loops = list(list_loops(listed, labels))
    inner = [
        (first, last)
        for first, last in loops
        if not any(first <= a and b <= last and (a, b) != (first, last) for a, b in loops)
    ]
    counted = [
        Loop(last - first + 1, sum(bool(re.search(r"\bLDG\.E\S*\.128\b", line))
                                   for line in listed[first : last + 1]))
        for first, last in inner
    ]  # fmt: skip
    best = max(counted, key=lambda loop: loop.wide_loads, default=None)
    return best if best and best.wide_loads else None


def describe_kernels(folder: Path, subject: str = "*") -> dict[str, Kernel]:
    """Return what each kernel takes, by its signature; `folder` is for the machine code.

    `subject` is one folder of the kernels, by default all.
    """
    import sys

    sys.path.insert(0, str(ROOT / "tests"))
    from emulated.launches import signature_of

    sources = sorted(CUDA.glob(f"{subject}/*.cu"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = list(pool.map(lambda source: compile_source(source, folder), sources))
    disassembler = find_tool("nvdisasm")
    kernels: dict[str, Kernel] = {}
    for source, (cubin, said) in zip(sources, made, strict=True):
        resources = dict(read_resources(said))
        if disassembler:
            command = [disassembler, "-c", str(cubin)]
            code = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            for name, counts in read_instructions(code):
                resources[name] |= counts
        place = str(source.relative_to(CUDA))
        for symbol, values in zip(demangle(list(resources)), resources.values(), strict=True):
            kernels[signature_of(symbol)] = {"file": place, **values}
    return dict(sorted(kernels.items()))
