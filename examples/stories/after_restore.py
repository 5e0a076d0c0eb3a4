"""Why did a DeepLabV3 fail to show anything after its checkpoint was restored?

The file is nearly always whole. What goes wrong is that nothing of it arrives (`strict=False`), or
that what is not in the file - preprocessing, activations, dilation, training mode - is another.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from chapters import Chapter, tell
from small_deeplab import DeepLabV3, miou, prepared, trained
from torch import nn

import segpost


def fingerprint(model: Any, prepare: Any = prepared) -> segpost.Fingerprint:
    """Of the probe picture, with what the network is fed and what its backbone gives."""
    x = prepare(segpost.probe_image((129, 129)))
    stages = {"input": x, "backbone": model.backbone(x)}
    return segpost.fingerprint(model(x), stages=stages)


@torch.no_grad()
def main() -> list[Chapter]:
    """Make each failure, ask, apply the cure."""
    model = trained()
    kept = fingerprint(model)  # beside the checkpoint
    chapters = []
    with tempfile.TemporaryDirectory() as folder:
        # 1. Saved from DataParallel, every name begins with "module."; strict=False hides it.
        file = Path(folder) / "deeplab.pth"
        torch.save(nn.DataParallel(model).state_dict(), file)
        restored = DeepLabV3().eval()
        restored.load_state_dict(torch.load(file, weights_only=True), strict=False)  # no error
        before = miou(restored)
        report = segpost.compare_checkpoints(file, restored)
        state = torch.load(file, weights_only=True)
        restored.load_state_dict({k.removeprefix("module."): v for k, v in state.items()})
        chapters.append(tell("strict=False loads nothing", report, "mIoU", before, miou(restored)))
        assert kept.compare(fingerprint(restored)).ok

        # 2. Another number of classes: this one is always an error, with strict=False too.
        other = DeepLabV3(classes=21)
        torch.save(model.state_dict(), file)
        report = segpost.compare_checkpoints(file, other)
        try:
            other.load_state_dict(torch.load(file, weights_only=True), strict=False)
            raised = 0.0
        except RuntimeError:
            raised = 1.0
        other.load_state_dict(
            {k: v for k, v in model.state_dict().items() if not k.startswith("classifier")},
            strict=False,
        )  # on purpose: the new head is to be trained
        chapters.append(
            tell("A head of another number of classes", report, "tensors that arrive",
                 (1 - raised) * len(model.state_dict()), len(model.state_dict()) - 2)
        )  # fmt: skip

    # 3. The weights are right and the preprocessing is not: mean and deviation were forgotten.
    def unnormalized(*images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2) / np.float32(255))

    report = kept.compare(fingerprint(model, unnormalized))
    before = miou(model, prepare=unnormalized)
    chapters.append(tell("Another normalization", report, "mIoU", before, miou(model)))

    # 4. Another activation loads without an error: no name and no shape says so.
    changed = copy.deepcopy(model)
    for part in [m for m in changed.modules() if isinstance(m, nn.Sequential)]:
        if isinstance(part[-1], nn.ReLU):
            part[-1] = nn.Sigmoid()
    print(f"\nload_state_dict: {changed.load_state_dict(model.state_dict())}")
    report = kept.compare(fingerprint(changed))
    chapters.append(tell("ReLU became a sigmoid", report, "mIoU", miou(changed), miou(model)))

    # 5. eval() was forgotten: batch norm takes the statistics of the picture.
    training = copy.deepcopy(model).train()
    report = kept.compare(fingerprint(copy.deepcopy(training)))
    chapters.append(tell("Without eval()", report, "mIoU", miou(training), miou(model)))
    return chapters


if __name__ == "__main__":
    main()
