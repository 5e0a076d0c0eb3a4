"""How many instructions a pixel costs, without a clock.

    python -m tools.instructions compare        beside the committed numbers
    python -m tools.instructions commit         makes this build's numbers the committed ones
    python -m tools.instructions neon CACHE     level neon beside x86-64-v3

CACHE is the folder of `tools.wheels.emulation`, with a wheel of segpost. QEMU executes the same
operations each time, and a plugin counts what was executed. It needs `qemu-user` of Debian 12 (QEMU
7.2) and a C compiler; this Python has segpost with native code of x86-64. The exit status is 1
where an operation takes 15 % more than was committed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import segpost

from .counting import build_plugin, count, count_here, list_losses

COMMITTED = Path(__file__).resolve().parents[2] / "benches" / "results" / "instructions.json"
LEVELS = ("x86-64-v2", "x86-64-v3")  # those that QEMU 7.2 has


def compiler() -> str:
    """Return the compiler of the native code, by whose name numbers are committed."""
    return str(segpost.build_config()["compiler"])


def compare() -> int:
    """Compare this build with the committed numbers, and return the exit status."""
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))
    if compiler() not in committed:
        print(f"{COMMITTED.name} has {', '.join(committed)}, and not {compiler()}")
        return 2
    losses = []
    with tempfile.TemporaryDirectory() as folder:
        plugin = build_plugin(Path(folder))
        for level in LEVELS:
            found = list_losses(count_here(plugin, level), committed[compiler()][level])
            losses += [f"{level}, {loss}" for loss in found]
    print(*losses or ["no operation takes more instructions"], sep="\n")
    return bool(losses)


def commit() -> int:
    """Write the numbers of this build."""
    with tempfile.TemporaryDirectory() as folder:
        plugin = build_plugin(Path(folder))
        counts = {level: count_here(plugin, level) for level in LEVELS}
    rounded = {level: {k: round(v, 2) for k, v in one.items()} for level, one in counts.items()}
    text = json.dumps({compiler(): rounded}, indent=1)
    COMMITTED.write_text(f"{text}\n", encoding="utf-8")
    return 0


def neon(cache: str) -> int:
    """Print the table of neon beside x86-64-v3."""
    from tools.wheels.emulation import System  # which needs what builds wheels

    system = System(Path(cache).resolve())
    plugin = build_plugin(system.cache)
    x86 = count_here(plugin, "x86-64-v3")
    there = count([system.python], QEMU_PLUGIN=f"file={plugin}", PYTHONPATH="")
    print("| operation | x86-64-v3 | neon | ratio |\n|---|---|---|---|")
    for name, number in x86.items():
        print(f"| {name} | {number:.2f} | {there[name]:.2f} | {there[name] / number:.2f} |")
    return 0


def main(arguments: list[str]) -> int:
    """Run a command and return the exit status."""
    match arguments:
        case ["compare"]:
            return compare()
        case ["commit"]:
            return commit()
        case ["neon", cache]:
            return neon(cache)
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
