"""Sums over the processes of torch.distributed, by gloo."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import segpost
from segpost import ConfusionMatrix

torch = pytest.importorskip("torch")

RANKS = """
import sys
import numpy as np
import torch.distributed as dist
import segpost

rank, size, where = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
dist.init_process_group("gloo", init_method="file://" + where, rank=rank, world_size=size)
random = np.random.default_rng(0)
preds, target = random.integers(0, 6, (2, 7, 9, 10))
target[target == 5] = 255
strata = segpost.ConfusionMatrix(5, ignore_index=255, strata=2, per_image=True)
strata.update(preds[rank], target[rank], strata=rank % 2, ids=rank)
strata.all_reduce()
assert strata.of_stratum(1).pixels == 90 * (size // 2)
strata.reset()
assert strata.of_stratum(1).per_image and not strata.of_stratum(1).pixels
logits = random.normal(size=(7, 5, 3, 4)).astype(np.float32)
for named, per_image in ((True, True), (True, False), (False, False)):
    own = list(range(rank, 7, size)) + ([rank] if named else [])  # a padded sampler repeats one
    if named and rank == 2:
        own += [0]  # an image of another rank
    cm = segpost.ConfusionMatrix(5, ignore_index=255, duplicates="drop", per_image=per_image)
    boundary = segpost.BoundaryF(5, ignore_index=255, duplicates="drop")
    calibration = segpost.Calibration(5, ignore_index=255, duplicates="drop")
    panoptic = segpost.PanopticQuality([0, 1], [2, 3, 4], ignore_index=[5, 255], duplicates="drop")
    for k in own:
        name = f"image {k}" if named else None
        pairs = (np.stack([one[k], one[k] * 0], axis=-1) for one in (preds, target))
        panoptic.update(*pairs, ids=name)
        cm.update(preds[k], target[k], ids=name)
        boundary.update(np.minimum(preds[k], 4), target[k], ids=name)
        calibration.update(logits[k], target[k], ids=name)
    measure = segpost.BoundaryIoU(5, ignore_index=255)
    if rank == 1:
        measure.update(np.minimum(preds, 4), target)
    assert measure.all_reduce() is measure
    cm.all_reduce(per_image=per_image)
    boundary.all_reduce(per_image=per_image)
    calibration.all_reduce(per_image=per_image)
    panoptic.all_reduce(per_image=per_image)
    part = segpost.ConfusionMatrix(5, ignore_index=255, duplicates="drop", per_image=per_image)
    part.update(preds[0], target[0], ids="another" if named else None)
    again_counted = [
        cm.all_reduce,
        lambda: cm.update(preds[0], target[0]), lambda: cm.merge_state(part),
    ]
    for again in again_counted:
        try:
            again()
        except RuntimeError as error:
            assert "all_reduce" in str(error) or "all processes" in str(error)
        else:
            raise AssertionError("counted twice")
    print(cm.to_json())
    print(measure.to_json())
    print(boundary.to_json())
    print(calibration.to_json())
    print(panoptic.to_json())
    cm.reset()
    assert cm.per_image == per_image
strict = segpost.BoundaryIoU(5)
strict.update(target * 0, target * 0, ids=[f"{rank} {k}" for k in range(6)] + ["the same"])
try:
    strict.all_reduce()
except ValueError as error:
    assert "'the same' twice, on ranks 0 and" in str(error), error
else:
    raise AssertionError("counted twice")

# What does not fit together raises the same error on every rank, and none waits for another.

def error_of(cm, **options):
    try:
        cm.all_reduce(**options)
    except ValueError as error:
        return str(error)

def counted(ids, **options):
    cm = segpost.ConfusionMatrix(5, ignore_index=255, **options)
    for k in range(0 if ids is None else 2):
        cm.update(preds[k], target[k], ids=f"{rank} {k}" if ids else None)
    return cm

mixed = "ids must be given for all images or for none: there are ids on "
assert error_of(counted(rank == 1)) == mixed + "rank 1, and none on ranks 0 and 2"
assert error_of(counted(rank != 1)) == mixed + "ranks 0 and 2, and none on rank 1"
one_empty = counted([True, True, None][rank])
assert error_of(one_empty) is None and one_empty.pixels == 2 * counted(True).pixels
measure = segpost.BoundaryF(5, ignore_index=255)
measure.update(np.minimum(preds[0], 4), target[0], ids="a" if rank == 0 else None)
assert error_of(measure) == mixed + "rank 0, and none on ranks 1 and 2"
settings = counted(True, duplicates="drop" if rank == 2 else "raise")
assert error_of(settings) == "duplicates is 'raise' on rank 0 and 'drop' on rank 2"
strata = segpost.ConfusionMatrix(5, strata=None if rank == 0 else ["near", "far"])
assert error_of(strata) == "strata is None on rank 0 and ['near', 'far'] on rank 1"
argument = error_of(counted(True), per_image=rank > 0)
assert argument == "per_image of all_reduce is False on rank 0 and True on rank 1"
other = counted(True) if rank == 0 else segpost.BoundaryIoU(5, ignore_index=255)
assert error_of(other) == "measure is 'ConfusionMatrix' on rank 0 and 'BoundaryIoU' on rank 1"

# Bytes that a rank sends: sums, and 32 an image with an id; with counts of images more.

def sent_bytes(images, **options):
    cm = segpost.ConfusionMatrix(5, ignore_index=255)
    for k in range(images):
        cm.update(preds[0], target[0], ids=f"a name that is much longer than 16 bytes {rank} {k}")
    whole, total = dist.all_gather, 0
    def all_gather(parts, tensor, group=None):
        nonlocal total
        total += tensor.numel() * tensor.element_size()
        return whole(parts, tensor, group=group)
    dist.all_gather = all_gather
    cm.all_reduce(**options)
    dist.all_gather = whole
    return total

digits = 3 * 40  # the sums have larger numbers
assert abs(sent_bytes(90) - sent_bytes(40) - 50 * 32) < digits
assert sent_bytes(90, per_image=True) - sent_bytes(40, per_image=True) > 50 * (32 + 60)
dist.destroy_process_group()
"""


@pytest.mark.engines
def test_all_reduce_over_processes(tmp_path: Path) -> None:
    """Three processes over gloo end with the state of one, with counts of images and without."""
    if not torch.distributed.is_available():
        pytest.skip("this torch has no torch.distributed")
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANKS, str(rank), "3", str(tmp_path / "init")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(3)
    ]  # fmt: skip
    outputs = [process.communicate() for process in ranks]
    assert all(process.returncode == 0 for process in ranks), outputs
    lines = {out for out, _ in outputs}
    assert len(lines) == 1
    random = np.random.default_rng(0)
    preds, target = random.integers(0, 6, (2, 7, 9, 10))
    target[target == 5] = 255
    logits = random.normal(size=(7, 5, 3, 4)).astype(np.float32)
    whole = []
    names = [f"image {k}" for k in range(7)]
    for ids, per_image in ((names, True), (None, False), (None, False)):
        cm = ConfusionMatrix(5, ignore_index=255, duplicates="drop", per_image=per_image)
        cm.update(preds, target, ids=ids)
        measure = segpost.BoundaryIoU(5, ignore_index=255)
        measure.update(np.minimum(preds, 4), target)
        boundary = segpost.BoundaryF(5, ignore_index=255, duplicates="drop")
        boundary.update(np.minimum(preds, 4), target, ids=ids)
        calibration = segpost.Calibration(5, ignore_index=255, duplicates="drop")
        calibration.update(logits, target, ids=ids)
        panoptic = segpost.PanopticQuality(
            [0, 1], [2, 3, 4], ignore_index=[5, 255], duplicates="drop"
        )
        panoptic.update(*(np.stack([one, one * 0], axis=-1) for one in (preds, target)), ids=ids)
        measures = (cm, measure, boundary, calibration, panoptic)
        whole += [one.to_json() for one in measures]
    assert lines.pop().splitlines() == whole
