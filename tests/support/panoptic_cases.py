"""Random panoptic maps with lists of segments, and the counts that their definition gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

THINGS, STUFF = [1, 2, 5], [7, 9]
VOID_CATEGORY = 255
IDS = np.array([1, 2, 3, 255, 256, 70000, 2**24 - 1])


class Case(NamedTuple):
    """Two maps of ids (H, W) with the lists of their segments; 0 is void."""

    preds: np.ndarray
    pred_infos: list[dict[str, Any]]
    target: np.ndarray
    target_infos: list[dict[str, Any]]

    @property
    def maps(self) -> tuple[Any, Any]:
        """The arguments of `update`."""
        return (self.preds, self.pred_infos), (self.target, self.target_infos)


def random_case(random: np.random.Generator, *, crowds: bool = True) -> Case:
    """Blocks of segments, of which predictions have another map, or the target's with noise."""
    size = tuple(int(side) for side in random.integers(1, 14, 2))
    target, target_infos = _random_map(random, size, crowds)
    if random.random() < 0.4:
        preds, pred_infos = _random_map(random, size, False)
    else:
        noise = random.choice([0, *(info["id"] for info in target_infos)], size)
        preds = np.where(random.random(size) < random.choice([0.1, 0.3]), noise, target)
        pred_infos = [{**info, "iscrowd": 0} for info in target_infos]
        for info in pred_infos:
            if random.random() < 0.1:
                info["category_id"] = int(random.choice([*THINGS, *STUFF]))
    present = {*preds.ravel().tolist()}
    return Case(preds, [i for i in pred_infos if i["id"] in present], target, target_infos)


def awkward_cases() -> dict[str, Case]:
    """Cases at the ends of the definition."""
    one = [{"id": 4, "category_id": 1, "iscrowd": 0}]
    two = [*one, {"id": 6, "category_id": 1, "iscrowd": 0}]
    crowd = [*one, {"id": 6, "category_id": 1, "iscrowd": 1}]
    stuff = [{"id": 4, "category_id": 7, "iscrowd": 0}]

    def row(*ids: int) -> np.ndarray:
        return np.array([ids], np.int32)

    return {
        "one pixel": Case(row(4), one, row(4), one),
        "all void": Case(row(0, 0), [], row(0, 0), []),
        "void target": Case(row(4, 4), one, row(0, 0), []),
        "void predictions": Case(row(0, 0), [], row(4, 4), one),
        "half void target": Case(row(4, 4), one, row(0, 4), one),
        "half void false positive": Case(row(4, 4), stuff, row(0, 4), one),
        "more than half void": Case(row(4, 4, 4), stuff, row(0, 0, 4), one),
        "IoU of one half": Case(row(4, 0), one, row(4, 4), one),
        "one class": Case(row(4, 4, 6), two, row(4, 4, 4), one),
        "no instances": Case(row(4, 4, 4), stuff, row(4, 4, 4), stuff),
        "crowd": Case(row(4, 6, 6, 6), two, row(4, 6, 6, 6), crowd),
        "half crowd": Case(row(4, 6, 6), two, row(4, 4, 6), crowd),
        "crowd and void": Case(row(4, 6, 6, 6), two, row(4, 4, 6, 0), crowd),
        "crowd of another class": Case(
            row(4, 4), stuff, row(6, 6), [{"id": 6, "category_id": 1, "iscrowd": 1}]
        ),
        "missed segment without a pixel": Case(row(4, 4), one, row(4, 4), two),
    }


def _random_map(
    random: np.random.Generator, size: tuple[int, ...], crowds: bool
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    ids = random.choice(IDS, int(random.integers(0, 7)), replace=False)
    block = int(random.choice([1, 2, 4]))
    places = random.integers(0, len(ids) + 1, [side // block + 1 for side in size])
    values = np.append(ids, ids[0] if len(ids) and random.random() < 0.2 else 0)
    labels = values[places.repeat(block, 0).repeat(block, 1)[: size[0], : size[1]]]
    infos = [
        {
            "id": int(number),
            "category_id": int(random.choice([1, 1, 2, 5, 7, 9])),
            "iscrowd": int(crowds and random.random() < 0.3),
            "area": int((labels == number).sum()),
        }
        for number in random.permutation(ids)
    ]
    return labels.astype(np.int64), infos


def as_pairs(labels: np.ndarray, infos: list[dict[str, Any]]) -> np.ndarray:
    """Return a map (H, W, 2) of categories and instances; void has a category of its own."""
    categories = np.full(labels.shape, VOID_CATEGORY, np.int64)
    for info in infos:
        categories[labels == info["id"]] = info["category_id"]
    return np.stack([categories, labels], axis=-1)


def as_colors(labels: np.ndarray) -> np.ndarray:
    """Return the colors (H, W, 3) of ids."""
    return np.stack([labels >> 8 * k & 255 for k in range(3)], axis=-1).astype(np.uint8)


Counts = dict[int, list[Any]]  # of every category: matches, false positives, misses, sum of IoU


def defined_counts(case: Case, *, threshold: float = 0.5) -> Counts:
    """Match masks of segments one by one, by the rules of the dialect "panopticapi"."""
    preds, target, counts = _Masks(*case[:2]), _Masks(*case[2:]), _no_counts()
    pairs = []
    for p, (one, kind) in preds.masks.items():
        for t, (other, true_kind) in target.masks.items():
            shared = int((one & other).sum())
            union = int((one | other).sum() - (one & target.void).sum())
            is_fit = kind == true_kind and not target.is_crowd[t]
            if is_fit and shared and shared / union > threshold:
                pairs.append((-shared / union, t, p))
    used: set[tuple[str, int]] = set()
    for iou, t, p in sorted(pairs):
        if not used & {("p", p), ("t", t)}:
            used |= {("p", p), ("t", t)}
            counts[preds.masks[p][1]][0] += 1
            counts[preds.masks[p][1]][3] -= iou
    for t, (_, kind) in target.masks.items():
        counts[kind][2] += ("t", t) not in used and not target.is_crowd[t]
    for p, (one, kind) in preds.masks.items():
        ignored = int((one & target.void).sum())
        crowds = [t for t in target.masks if target.is_crowd[t] and target.masks[t][1] == kind]
        ignored += int((one & target.masks[crowds[-1]][0]).sum()) if crowds else 0
        counts[kind][1] += ("p", p) not in used and ignored / int(one.sum()) <= 0.5
    return counts


class _Masks:
    """The masks and categories of a map, by id, in the order of the list."""

    def __init__(self, labels: np.ndarray, infos: list[dict[str, Any]]) -> None:
        self.masks = {i["id"]: (labels == i["id"], i["category_id"]) for i in infos}
        self.is_crowd = {i["id"]: bool(i["iscrowd"]) for i in infos}
        self.void = labels == 0


def _no_counts() -> Counts:
    return {category: [0, 0, 0, 0.0] for category in sorted([*THINGS, *STUFF])}


def counts_of(scores: Any) -> Counts:
    """Return the counts of `PanopticScores` in the form of the definition."""
    columns = (scores.true_positives, scores.false_positives, scores.false_negatives)
    rows = zip(*(column.tolist() for column in columns), scores.iou_sum.tolist(), strict=True)
    return {category: list(row) for category, row in zip(scores.categories, rows, strict=True)}


def assert_same_counts(counts: Counts, wanted: Counts) -> None:
    """Counts are equal, and sums of IoU but for the last bits."""
    assert counts.keys() == wanted.keys()
    for category, row in wanted.items():
        assert counts[category][:3] == row[:3], (category, counts[category], row)
        assert abs(counts[category][3] - row[3]) < 1e-12
