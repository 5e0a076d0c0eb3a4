"""What a call takes beside its kernel: views of what comes in, checks, results of the same kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import segpost
from benches.harness import measure
from benches.harness.jobs import Absent, Contender, need
from benches.harness.report import Extra
from benches.labels.bench_labels import voc_scene
from segpost._core import contract

TITLE = "overhead"
ROUNDS = 60
WANT: Any = ("labels", "color")
LIMITS = {"argmax": 4, "postprocess, labels + RGB": 10, "Stream, labels + RGB": 4}


def kinds(logits: Any) -> dict[str, Callable[[], Any]]:
    """The same logits as arrays of several libraries."""
    return {
        "numpy": lambda: logits,
        "torch": lambda: need("torch").from_numpy(logits),
        "torch, bfloat16": lambda: need("torch").from_numpy(logits).bfloat16(),
        "jax": lambda: need("jax").numpy.asarray(logits),
    }


def calls(logits: Any, palette: segpost.Palette) -> dict[str, Callable[[], Any]]:
    """What users call."""
    stream = segpost.Stream(palette=palette, want=WANT)
    return {
        "argmax": lambda: segpost.argmax(logits),
        "postprocess, labels + RGB": lambda: segpost.postprocess(
            logits, palette=palette, want=WANT
        ),
        "Stream, labels + RGB": lambda: stream(logits),
    }


def kernels(logits: Any, palette: segpost.Palette) -> dict[str, Callable[[], Any]]:
    """The compiled function under each call, into arrays that are reused."""
    cpu = need("segpost._backends.native")._cpu
    values = np.asarray(logits) if not hasattr(logits, "detach") else logits
    kind = "float32"
    if str(values.dtype) == "torch.bfloat16":
        values, kind = values.view(need("torch").int16).numpy().view(np.uint16), "bfloat16"
    view = contract.Logits(np.asarray(values)[None], kind)
    labels = np.empty((1, *view.values.shape[2:]), np.uint8)
    color = np.empty((*labels.shape, 3), np.uint8)
    paint = contract.ColorOutputs(palette.packed()[: view.values.shape[1] + 1], color)

    def both() -> Any:
        return cpu.argmax(view, None, labels, paint)

    return {
        "argmax": lambda: cpu.argmax(view, None, labels),
        "postprocess, labels + RGB": both,
        "Stream, labels + RGB": both,
    }


def measured(full: bool) -> Extra:
    """Every kind of array and every call; `full` or not."""
    del full
    logits, palette = voc_scene(), segpost.Palette.named("voc")
    absent: dict[str, str] = {}
    contenders: dict[tuple[str, str, str], Contender] = {}
    for kind, make in kinds(logits).items():
        try:
            array = make()
            bare = kernels(array, palette)
            for name, call in calls(array, palette).items():
                for part, run in (("total", call), ("kernel", bare[name])):
                    run()
                    contenders[kind, name, part] = Contender(f"{kind} {name} {part}", run)
        except (Absent, TypeError) as error:
            absent[kind] = str(error)
    timings = measure.interleave(list(contenders.values()), ROUNDS)
    microseconds = {key: 1e3 * one.best_ms for key, one in zip(contenders, timings, strict=True)}
    rows = [
        {
            "call": name,
            "kind": kind,
            "total": microseconds[kind, name, "total"],
            "kernel": microseconds[kind, name, "kernel"],
            "border": microseconds[kind, name, "total"] - microseconds[kind, name, "kernel"],
        }
        for kind, name, part in microseconds
        if part == "total"
    ]
    return Extra(TITLE, table(rows, absent), goals(rows), {"microseconds": rows, "absent": absent})


def goals(rows: list[dict[str, Any]]) -> list[str]:
    """What a call of float32 logits may take beside its kernel."""
    return [
        f"| {TITLE} | {row['call']}, {row['kind']}: microseconds beside the kernel "
        f"| ≤ {LIMITS[row['call']]:g} | {row['border']:.1f} | "
        f"| {'yes' if row['border'] <= LIMITS[row['call']] else 'no'} | |"
        for row in rows
        if row["kind"] in ("numpy", "torch")
    ]


def table(rows: list[dict[str, Any]], absent: dict[str, str]) -> str:
    """The calls as Markdown."""
    lines = [
        f"### {TITLE}",
        "",
        "Microseconds of a call, its kernel, and what is left: the quietest of "
        f"{ROUNDS} rounds. 21 x 65 x 65, nothing is resampled.",
        "",
        "| call | array | total | kernel | border |",
        "|---|---|--:|--:|--:|",
    ]
    for row in rows:
        lines.append(
            f"| {row['call']} | {row['kind']} | {row['total']:.1f} | {row['kernel']:.1f} "
            f"| {row['border']:.1f} |"
        )
    lines += ["", *(f"Absent: {kind}: {why}." for kind, why in absent.items())]
    return "\n".join(lines).rstrip() + "\n"
