"""PanopticQuality beside the libraries whose rules its dialects follow, run themselves."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import panoptic_cases as cases
import pytest
from panoptic_cases import STUFF, THINGS, VOID_CATEGORY, Case, assert_same_counts, counts_of

from segpost import PanopticQuality
from segpost.metrics.panoptic.matching import MatchRules

CATEGORIES = [{"id": c, "name": str(c), "isthing": int(c in THINGS)} for c in THINGS + STUFF]


def torchmetrics_measure(**options: Any) -> Any:
    detection = pytest.importorskip("torchmetrics.detection")
    return detection.PanopticQuality(THINGS, STUFF, allow_unknown_preds_category=True, **options)


def random_pairs(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and target (N, H, W, 2), with categories that are unknown, and large ids."""
    size = tuple(int(n) for n in random.integers(1, (3, 10, 10)))
    categories, instances = (
        random.choice(values, 8) for values in ([1, 1, 2, 5, 7, 9, 0, 255], [0, 1, 2, 2**20, 2**30])
    )

    def blocks() -> np.ndarray:
        side = int(random.choice([1, 2, 4]))
        n, h, w = size
        places = random.integers(0, 8, (n, h // side + 1, w // side + 1))
        places = places.repeat(side, 1).repeat(side, 2)[:, :h, :w]
        return np.stack([categories[places], instances[places]], axis=-1)

    target = blocks()
    noise = random.random((*size, 1)) < (1 if random.random() < 0.3 else 0.2)
    return np.where(noise, blocks(), target), target


def check_torchmetrics(number: int, seed: int) -> None:
    """Counts of each batch, then the means of all."""
    import torch

    random = np.random.default_rng(seed)
    options: dict[str, Any] = {"ignore_index": [0, 255], "dialect": "torchmetrics"}
    total = PanopticQuality(THINGS, STUFF, **options)
    library = torchmetrics_measure(return_sq_and_rq=True)
    states = ("true_positives", "false_positives", "false_negatives", "iou_sum")
    before = [getattr(library, state).clone() for state in states]
    for _ in range(number):
        preds, target = random_pairs(random)
        library.update(torch.from_numpy(preds), torch.from_numpy(target))
        own = PanopticQuality(THINGS, STUFF, **options)
        own.update(preds.astype(np.int32), target)
        after = [getattr(library, state).clone() for state in states]
        rows = zip(*((b - a).tolist() for a, b in zip(before, after, strict=True)), strict=True)
        wanted = dict(zip(sorted(THINGS + STUFF), map(list, rows), strict=True))
        found = counts_of(own.compute())
        for category, row in found.items():
            assert row[:3] == wanted[category][:3]
            assert row[3] == pytest.approx(wanted[category][3], abs=1e-10)  # of its running sum
        total += own
        before = after
    scores = total.compute()
    means = [scores.mean_pq, scores.mean_sq, scores.mean_rq]
    np.testing.assert_allclose(means, library.compute().numpy(), rtol=1e-6)


def test_torchmetrics_on_random_maps() -> None:
    """60 batches."""
    check_torchmetrics(60, 11)


@pytest.mark.slow
def test_torchmetrics_on_many_random_maps() -> None:
    """1,000 batches."""
    check_torchmetrics(1000, 12)


def test_torchmetrics_on_awkward_maps() -> None:
    """All but crowds, which it does not know, and listed segments that have no pixel."""
    import torch

    counted = 0
    for name, case in cases.awkward_cases().items():
        if "crowd" in name:
            with pytest.raises(ValueError, match="crowd segments, which the dialect"):
                PanopticQuality(THINGS, STUFF, dialect="torchmetrics").update(*case.maps)
            continue
        library = torchmetrics_measure()
        pairs = [cases.as_pairs(*case[:2]), cases.as_pairs(*case[2:])]
        library.update(*(torch.from_numpy(one)[None] for one in pairs))
        for maps in (case.maps, pairs):
            own = PanopticQuality(THINGS, STUFF, ignore_index=VOID_CATEGORY, dialect="torchmetrics")
            own.update(*maps)
            scores = own.compute()
            for state in ("true_positives", "false_positives", "false_negatives", "iou_sum"):
                np.testing.assert_array_equal(getattr(scores, state), getattr(library, state))
        counted += 1
    assert counted == 11


def test_torchmetrics_divides_in_float32() -> None:
    """An IoU that is above one half in float64 alone is no match there, and one in panopticapi."""
    torch = pytest.importorskip("torch")
    shared, union = np.array([20_000_001]), np.array([40_000_000])
    quotient = torch.from_numpy(shared) / torch.from_numpy(union)
    assert MatchRules("torchmetrics", 0.5).divide(shared, union) == quotient.numpy() == 0.5
    assert MatchRules("panopticapi", 0.5).divide(shared, union) > 0.5


@pytest.mark.parametrize("difference", ["void predictions", "stuff"])
def test_dialects_differ_as_their_notes_say(difference: str) -> None:
    """The rules of each note decide a count."""
    if difference == "void predictions":
        maps = cases.awkward_cases()[difference].maps
    else:
        infos = [{"id": k, "category_id": 7} for k in (1, 2)]
        maps = (np.array([[1, 2]]), infos), (np.array([[1, 1]]), infos[:1])
    counts = []
    for dialect in ("panopticapi", "torchmetrics"):
        own = PanopticQuality(THINGS, STUFF, dialect=dialect)
        own.update(*maps)
        counts.append(counts_of(own.compute()))
    assert counts[0] != counts[1]


def write_data_set(folder: Path, listed: list[Case]) -> None:
    """The JSON files and PNG files of COCO."""
    image_module = pytest.importorskip("PIL.Image")
    for name, first in (("preds", 0), ("target", 2)):
        (folder / name).mkdir(parents=True)
        annotations = []
        for number, case in enumerate(listed):
            labels, infos = case[first : first + 2]
            colors = cases.as_colors(np.asarray(labels))
            image_module.fromarray(colors).save(folder / name / f"{number}.png")
            rows = [{**info, "area": int((labels == info["id"]).sum())} for info in infos]
            annotations.append(
                {"image_id": number, "file_name": f"{number}.png", "segments_info": rows}
            )
        images = [
            {"id": number, "width": case.target.shape[1], "height": case.target.shape[0]}
            for number, case in enumerate(listed)
        ]
        content = {"images": images, "annotations": annotations, "categories": CATEGORIES}
        (folder / f"{name}.json").write_text(json.dumps(content))


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("library", ["panopticapi.evaluation", "hotcoco.panoptic"])
def test_panopticapi_on_random_maps(library: str, tmp_path: Path) -> None:
    """1,000 images and the awkward ones, in data sets of some; counts and means of each."""
    peer = pytest.importorskip(library)
    random = np.random.default_rng(13)
    listed = [*cases.awkward_cases().values(), *(cases.random_case(random) for _ in range(1000))]
    for start in range(0, len(listed), 35):
        some = listed[start : start + 35]
        folder = tmp_path / str(start)
        write_data_set(folder, some)
        files = [str(folder / f"{name}.json") for name in ("target", "preds")]
        with contextlib.redirect_stdout(io.StringIO()):
            wanted = peer.pq_compute(*files)
        own = PanopticQuality(THINGS, STUFF)
        own.update(*(list(side) for side in zip(*(case.maps for case in some), strict=True)))
        scores = own.compute()
        for name, part in {"All": scores, "Things": scores.things, "Stuff": scores.stuff}.items():
            means = (part.mean_pq, part.mean_sq, part.mean_rq, part.classes_in_mean)
            row = [wanted[name][key] for key in ("pq", "sq", "rq", "n")]
            np.testing.assert_allclose(means, row, rtol=1e-12, err_msg=name)
        for index, category in enumerate(scores.categories):
            row = [wanted["per_class"][category][key] for key in ("pq", "sq", "rq")]
            own_row = np.nan_to_num([column[index] for column in scores[:3]])
            np.testing.assert_allclose(own_row, row, rtol=1e-12)


def test_definition_is_that_of_the_cases() -> None:
    """What the peers are compared with is what the definition of the tests says."""
    random = np.random.default_rng(13)
    for _ in range(50):
        case = cases.random_case(random)
        own = PanopticQuality(THINGS, STUFF)
        own.update(*case.maps)
        assert_same_counts(counts_of(own.compute()), cases.defined_counts(case))
