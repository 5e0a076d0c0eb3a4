"""`import segpost` loads little and changes nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import segpost

INTERPRETERS = {"_interpreters", "_xxsubinterpreters"}  # built in: they say where an import runs
HEAVY = ("importlib.metadata", "numba", "torch", "PIL", "matplotlib", "pandas", "multiprocessing")


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_import_loads_no_heavy_module() -> None:
    """Libraries that few calls need are imported by those calls."""
    result = run(f"import segpost, sys; print([n for n in {HEAVY} if n in sys.modules])")
    assert result.stdout.strip() == "[]", result.stderr


def modules_after(code: str) -> tuple[set[str], set[str]]:
    """The modules that code loads: those of segpost, and those of others that NumPy does not.

    The small one that says in which interpreter a module is imported is left out.
    """
    result = run(
        "import sys, numpy, types\n"
        "before = set(sys.modules)\n"
        f"{code}\n"
        "print(*(n for n in set(sys.modules) - before if type(sys.modules[n]) is types.ModuleType))"
    )
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.split())
    own = {name for name in loaded if name.partition(".")[0] == "segpost"}
    return own, loaded - own - INTERPRETERS


def test_import_loads_no_module_of_a_subject() -> None:
    """`import segpost` loads the names, where they are, and what says if native code is missing."""
    own, others = modules_after("import segpost")
    assert own == {"segpost", "segpost._moved", "segpost._core", "segpost._core.extensions"}
    assert others <= {"__future__"}


@pytest.mark.parametrize(
    ("names", "unused", "most", "most_others"),
    [
        ("argmax, softmax", ("color", "crf", "metrics", "pipeline", "diagnosis", "render"), 49, 13),
        (
            "colorize, overlay",
            ("labels", "spatial", "crf", "metrics", "pipeline", "render"),
            47,
            13,
        ),
        ("postprocess, Stream", ("metrics", "diagnosis", "fingerprints", "checkpoints"), 103, 15),
        (
            "ConfusionMatrix",
            ("crf", "pipeline", "diagnosis", "fingerprints", "checkpoints"),
            138,
            40,
        ),
    ],
)
def test_a_name_loads_its_subject_alone(
    names: str, unused: tuple[str, ...], most: int, most_others: int
) -> None:
    """A public name loads the modules that it needs, and few of other libraries."""
    own, others = modules_after(f"from segpost import {names}")
    assert not {name.split(".")[1] for name in own - {"segpost"}} & set(unused)
    assert len(own) <= most
    assert len(others) <= most_others, others


def test_every_name_is_where_it_is_looked_up() -> None:
    """The table of names has `__all__`, and says the same as the imports of type checkers."""
    tree = ast.parse(Path(segpost.__file__).read_text())
    checked = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(segpost._MODULE_OF) == sorted(segpost.__all__)
    assert {name: f"segpost.{module}" for name, module in segpost._MODULE_OF.items()} == checked
    for name in segpost.__all__:
        public = getattr(segpost, name)
        if isinstance(public, type):
            assert public.__module__ == "segpost"


def test_unknown_names_are_errors() -> None:
    """A name that is not public is no attribute, and cannot be imported."""
    with pytest.raises(AttributeError, match="module 'segpost' has no attribute 'argmin'"):
        segpost.argmin  # type: ignore[attr-defined] # noqa: B018
    assert "cannot import name 'argmin'" in run("from segpost import argmin").stderr


def test_import_registers_no_fork_handler() -> None:
    """Nothing is registered with the interpreter until a call needs it."""
    code = (
        "import os, numpy, random; seen = []; "
        "os.register_at_fork = lambda **k: seen.extend(k.values()); "
        "import segpost; own = lambda: sum('segpost' in f.__module__ for f in seen); "
        "print(own()); segpost.num_threads(); print(own())"
    )
    assert run(code).stdout.split() == ["0", "1"]


@pytest.mark.parametrize("call", ["segpost.num_threads()", "segpost.build_config()", "argmax()"])
@pytest.mark.parametrize("value", ["0", "many"])
def test_wrong_thread_counts_are_named_by_the_first_call(value: str, call: str) -> None:
    """A wrong variable stops the first call, not the import, and again the next one."""
    if call == "argmax()" and not segpost.build_config()["native"]:
        pytest.skip("no native code")
    code = (
        "import numpy, segpost\n"
        "def argmax(): segpost.argmax(numpy.zeros((2, 3, 3), 'f4'))\n"
        "for _ in range(2):\n"
        "    try:\n"
        f"        {call}\n"
        "    except ValueError as error:\n"
        "        print(error)\n"
    )
    result = run(code, SEGPOST_NUM_THREADS=value, SEGPOST_BACKEND="native")
    sentence = f"SEGPOST_NUM_THREADS must be an integer in 1..1024, got '{value}'"
    assert result.stdout.splitlines() == [sentence, sentence], result.stderr


def test_thread_count_from_the_environment() -> None:
    """The variable is the start value."""
    code = "import segpost; print(segpost.num_threads())"
    assert run(code, SEGPOST_NUM_THREADS="7").stdout.strip() == "7"


WITHOUT_NUMBA = """
import sys
import numpy as np
import segpost

logits = np.random.default_rng(0).normal(size=(5, 9, 12)).astype(np.float32)
labels = segpost.argmax(logits, size=(40, 50))
for regions in (
    segpost.regions(labels),
    segpost.regions(labels, connectivity=8, min_area=3).keep_largest().fill_holes(),
    segpost.regions(logits=logits, size=(40, 50), connectivity=4),
    segpost.regions(masks=logits > 1.0),
):
    regions.polygons(), regions.polygons(1.5), regions.rle(), regions.perimeters
    regions.coco(polygons=True)
segpost.resize_labels(labels, (13, 60), "majority")
segpost.resize_labels(labels.astype(np.int64) * 1000, (13, 60))
segpost.postprocess(logits, size=(40, 50), want=("labels", "entropy", "topk", "regions"))
segpost.binarize(logits, size=(40, 50), encoding="rle")
print([name for name in ("numba", "llvmlite") if name in sys.modules])
"""


def test_native_calls_do_not_load_numba() -> None:
    """Numba takes a second to import, and compiles for seconds: native code does without it."""
    if not segpost.build_config()["native"]:
        pytest.skip("no native code")
    result = run(WITHOUT_NUMBA, SEGPOST_BACKEND="native")
    assert result.stdout.strip() == "[]", result.stderr
