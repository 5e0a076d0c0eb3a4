"""`python -m benches.metrics.panoptic`: panoptic quality beside what people run for it.

CPU time of one thread, median of the rounds; the contenders take turns. The segments are the
components of a street of 1024 x 2048 and of its prediction. Every rival gets the maps in the form
that it takes, and gives the same matches before anything is timed; a library that is missing is
left out. panopticapi has no package: its row is its recipe, np.unique of combined ids, beside the
module itself, which reads files, where it can be imported.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import segpost
from benches.harness import scenes
from benches.harness.jobs import VOID, Array, Contender, Run, need
from benches.harness.measure import interleave, one_thread
from benches.objects.__main__ import optional

SIZE = (1024, 2048)
CLASSES = 19
THINGS = range(11, CLASSES)
STUFF = range(11)
SLOW = "torchmetrics: PanopticQuality"
Row = tuple[str, Callable[[], int]]  # a call returns the number of matches


class Side(NamedTuple):
    """A map of ids, the class of each id, and its list of segments."""

    ids: Array
    classes: dict[int, int]

    @property
    def infos(self) -> list[dict[str, Any]]:
        """The list of segments, as in COCO."""
        areas = np.bincount(self.ids.ravel())
        return [
            {"id": k, "category_id": c, "iscrowd": 0, "area": int(areas[k])}
            for k, c in self.classes.items()
        ]

    @property
    def pairs(self) -> Array:
        """(H, W, 2) of category and instance."""
        table = np.full(len(self.classes) + 1, VOID)
        table[list(self.classes)] = list(self.classes.values())
        return np.stack([table[self.ids], self.ids], axis=-1)

    @property
    def colors(self) -> Array:
        """(H, W, 3) colors of the ids."""
        return np.stack([self.ids >> 8 * k & 255 for k in range(3)], axis=-1).astype(np.uint8)


def side(labels: Array) -> Side:
    """The components of a label map, by sides; 0 is void."""
    ndimage = need("scipy.ndimage")
    ids = np.zeros(labels.shape, np.int32)
    classes: dict[int, int] = {}
    for c in range(CLASSES):
        components, count = ndimage.label(labels == c)
        ids[components > 0] = components[components > 0] + len(classes)
        classes.update({len(classes) + 1 + k: c for k in range(count)})
    return Side(ids, classes)


def measure(**options: Any) -> segpost.PanopticQuality:
    return segpost.PanopticQuality(THINGS, STUFF, **options)


def ours(preds: Any, target: Any, **options: Any) -> int:
    """The matches of one pair."""
    one = measure(**options)
    one.update(preds, target)
    return int(one.compute().true_positives.sum())


def recipe(preds: Side, target: Side, infos: list[dict[str, Any]]) -> int:
    """np.unique of the predictions and of combined ids, then dicts, as panopticapi counts."""
    numbers, areas = np.unique(preds.ids, return_counts=True)
    pred_areas = dict(zip(numbers.tolist(), areas.tolist(), strict=True))
    true_areas = {info["id"]: info["area"] for info in infos}
    step = 1 << 24
    both = target.ids.astype(np.uint64) * step + preds.ids.astype(np.uint64)
    pairs, pixels = np.unique(both, return_counts=True)
    shared = {
        divmod(pair, step): n for pair, n in zip(pairs.tolist(), pixels.tolist(), strict=True)
    }
    matches = 0
    for (t, p), n in shared.items():
        if t and p and target.classes[t] == preds.classes[p]:
            matches += n / (pred_areas[p] + true_areas[t] - n - shared.get((0, p), 0)) > 0.5
    return matches


def write_files(folder: Path, name: str, one: Side, infos: list[dict[str, Any]]) -> str:
    """The PNG file and the JSON file of COCO."""
    (folder / name).mkdir()
    need("PIL.Image").fromarray(one.colors).save(folder / name / "0.png")
    height, width = one.ids.shape
    row = {"image_id": 0, "file_name": "0.png", "segments_info": infos}
    content = {
        "images": [{"id": 0, "height": height, "width": width}],
        "annotations": [row],
        "categories": [
            {"id": c, "name": str(c), "isthing": int(c in THINGS)} for c in range(CLASSES)
        ],
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return str(path)


def ours_of_files(paths: list[str]) -> int:
    """The same of files of COCO."""
    sides = []
    for path in paths:
        (row,) = json.loads(Path(path).read_text())["annotations"]
        image = need("PIL.Image").open(Path(path).with_suffix("") / row["file_name"])
        sides.append((np.asarray(image), row["segments_info"]))
    return ours(*sides)


def of_files(library: Any, paths: list[str]) -> Any:
    """The means that a library computes of files of COCO."""
    with contextlib.redirect_stdout(io.StringIO()):
        return library.pq_compute(paths[1], paths[0])


def by_panopticapi(module: Any, paths: list[str]) -> int:
    """One process, which panopticapi's function for one core is."""
    rows = [json.loads(Path(path).read_text()) for path in paths]
    categories = {one["id"]: one for one in rows[1]["categories"]}
    pair = [(rows[1]["annotations"][0], rows[0]["annotations"][0])]
    folders = [str(Path(path).with_suffix("")) for path in paths]
    with contextlib.redirect_stdout(io.StringIO()):
        stat = module.pq_compute_single_core(0, pair, folders[1], folders[0], categories)
    return sum(int(one.tp) for one in stat.pq_per_cat.values())


def coco_rows(hotcoco: Any, preds: Side, target: Side) -> Iterator[Row]:
    """hotcoco without files: masks are run-length codes that were made before."""
    annotations: dict[str, Any] = {}
    for name, one in (("preds", preds), ("target", target)):
        regions = segpost.regions(one.ids)
        codes = dict(zip(regions.labels.tolist(), regions.rle(), strict=True))
        annotations[name] = [
            {
                **info,
                "image_id": 0,
                "score": 1.0,
                "bbox": [0, 0, 1, 1],
                "segmentation": {
                    "size": codes[info["id"]]["size"],
                    "counts": codes[info["id"]]["counts"].decode(),
                },
            }
            for info in one.infos
        ]
    content = {
        "images": [{"id": 0, "height": SIZE[0], "width": SIZE[1]}],
        "annotations": annotations["target"],
        "categories": [
            {"id": c, "name": str(c), "isthing": int(c in THINGS)} for c in range(CLASSES)
        ],
    }
    truth = hotcoco.COCO(content)
    results = truth.load_res(annotations["preds"])

    def run() -> int:
        evaluation = need("hotcoco.panoptic").PanopticEval(truth, results)
        evaluation.evaluate()
        return -1  # void is no annotation: its matches are others

    yield "hotcoco, of run-length codes", run


def rows_of(preds: Side, target: Side, *, slow: bool) -> Iterator[Row]:
    """Everybody who takes arrays."""
    maps = (preds.ids, preds.infos), (target.ids, target.infos)
    wide = [(one.astype(np.int64), infos) for one, infos in maps]
    pairs, colors = (preds.pairs, target.pairs), (preds.colors, target.colors)
    tm: dict[str, Any] = {"dialect": "torchmetrics", "ignore_index": VOID}

    def on_numba() -> int:
        with segpost.use_backend("numba"):
            return ours(*maps)

    def of_colors() -> int:
        return ours((colors[0], maps[0][1]), (colors[1], maps[1][1]))

    yield "segpost, ids of int32", lambda: ours(*maps)
    yield "segpost, ids of int64", lambda: ours(*wide)
    yield "segpost, colors", of_colors
    yield "segpost, pairs of int64", lambda: ours(*pairs, **tm)
    yield "segpost on Numba, ids of int32", on_numba
    yield "panopticapi's recipe: np.unique", lambda: recipe(preds, target, maps[1][1])
    panoptica = optional("panoptica")
    if panoptica is not None:
        panoptica.disable_citation_reminder()
        evaluator = panoptica.Panoptica_Evaluator(
            expected_input=panoptica.InputType.UNMATCHED_INSTANCE,
            instance_matcher=panoptica.NaiveThresholdMatching(
                matching_metric=panoptica.Metric.IOU, matching_threshold=0.5
            ),
            instance_metrics=[panoptica.Metric.IOU],
            global_metrics=[],
        )

        def by_panoptica() -> int:
            result = evaluator.evaluate(preds.ids, target.ids, verbose=False)
            assert result["ungrouped"].tp > 0
            return -1  # it knows neither classes nor void: its matches are others

        yield "panoptica, one class", by_panoptica
    hotcoco = optional("hotcoco")
    if hotcoco is not None:
        yield from coco_rows(hotcoco, preds, target)
    torchmetrics, torch = optional("torchmetrics.detection"), optional("torch")
    if slow and torchmetrics is not None and torch is not None:
        tensors = [torch.from_numpy(one)[None] for one in pairs]

        def by_torchmetrics() -> int:
            metric = torchmetrics.PanopticQuality([*THINGS], [*STUFF])
            metric.update(*tensors)
            metric.compute()
            return int(metric.true_positives.sum())

        yield SLOW, by_torchmetrics


def rows_of_files(paths: list[str]) -> Iterator[Row]:
    """Everybody who takes files."""
    yield "segpost, of files", lambda: ours_of_files(paths)
    panopticapi, hotcoco = map(optional, ("panopticapi.evaluation", "hotcoco.panoptic"))
    if panopticapi is not None:
        yield "panopticapi, of files", lambda: by_panopticapi(panopticapi, paths)
    if hotcoco is not None:
        wanted = of_files(hotcoco, paths)["All"]["pq"]
        one = measure()
        image = need("PIL.Image")
        one.update(
            *(
                (
                    np.asarray(image.open(Path(path).with_suffix("") / "0.png")),
                    json.loads(Path(path).read_text())["annotations"][0]["segments_info"],
                )
                for path in paths
            )
        )
        assert abs(one.compute().mean_pq - wanted) < 1e-9

        def by_hotcoco() -> int:
            of_files(hotcoco, paths)
            return -1

        yield "hotcoco, of files", by_hotcoco


def as_run(call: Callable[[], int]) -> Run:
    return lambda: (call(),)


def show(title: str, rows: list[Row], rounds: int) -> None:
    """Check that matches are equal, and print a table."""
    matches = {name: call() for name, call in rows}
    counts = {count for name, count in matches.items() if count >= 0 and name != SLOW}
    pairs = [matches[name] for name in (SLOW, "segpost, pairs of int64") if name in matches]
    assert len(counts - {*pairs}) <= 1, matches
    assert len({*pairs}) <= 1, matches
    contenders = [Contender(name, as_run(call)) for name, call in rows]
    timings = interleave(contenders, rounds)
    print(f"### {title}\n\n| | ms | quietest | / segpost |\n|---|--:|--:|--:|")
    for timing in timings:
        ratio = timing.ms / timings[0].ms
        print(f"| {timing.name} | {timing.ms:.3g} | {timing.best_ms:.3g} | {ratio:.1f} |")
    print(flush=True)


def main() -> int:
    """Print a table of arrays, and one of files."""
    parser = argparse.ArgumentParser(prog="python -m benches.metrics.panoptic")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--without-slow", action="store_true", help="leave torchmetrics out")
    options = parser.parse_args()
    one_thread()
    labels = scenes.street_maps(*SIZE, CLASSES)
    preds, target = map(side, labels)
    title = f"1024 x 2048, {len(preds.classes)} x {len(target.classes)} segments"
    rows = list(rows_of(preds, target, slow=not options.without_slow))
    show(title, rows, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            write_files(Path(folder), name, one, one.infos)
            for name, one in (("preds", preds), ("target", target))
        ]
        show(f"{title}, PNG and JSON files", list(rows_of_files(paths)), options.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
