"""Train the small networks of the diagnosis corpus, and store their logits in tests/data.

``python tests/support/train_corpus.py`` takes some minutes on a processor and needs torch. Tests
read the stored logits through `corpus_logits`; they never train.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
from corpus_logits import FOLDER, store
from corpus_scenes import KINDS, MEAN, STD, VOID, Scene, normalize
from torch import Tensor, nn

SCENES = 8  # whose logits are stored of every network
FAULTY_SCENES = 4  # whose logits are stored of every faulty run
TRAINING_SEED = 10_000  # of the first training scene; test scenes begin at 0
BATCH = 6


def conv(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return a convolution with batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class SmallDeepLab(nn.Module):
    """A DeepLab of stride 4 with dilation, a pyramid, and dropout before the classifier."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            conv(3, width, 2), conv(width, 2 * width, 2), conv(2 * width, 2 * width),
            conv(2 * width, 3 * width, 1, 2), conv(3 * width, 3 * width, 1, 4),
        )  # fmt: skip
        self.pyramid = nn.ModuleList([conv(3 * width, width, 1, d) for d in (1, 3, 6)])
        self.dropout = nn.Dropout(0.3)
        self.classifier = nn.Conv2d(3 * width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at a quarter of the input's size."""
        features = self.backbone(x)
        pyramid = torch.cat([branch(features) for branch in self.pyramid], 1)
        logits: Tensor = self.classifier(self.dropout(pyramid))
        return logits


class SmallUNet(nn.Module):
    """A U-Net of three levels with logits at half the input's size."""

    def __init__(self, classes: int, width: int = 12) -> None:
        super().__init__()
        self.first, self.second, self.third = (
            conv(3, width, 2), conv(width, 2 * width, 2), conv(2 * width, 4 * width, 2),
        )  # fmt: skip
        self.up2 = conv(6 * width, 2 * width)
        self.up1 = conv(3 * width, width)
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at half of the input's size."""
        a = self.first(x)
        b = self.second(a)
        c = self.third(b)
        b = self.up2(torch.cat([b, nn.functional.interpolate(c, size=b.shape[-2:])], 1))
        a = self.up1(torch.cat([a, nn.functional.interpolate(b, size=a.shape[-2:])], 1))
        logits: Tensor = self.classifier(a)
        return logits


NetT = TypeVar("NetT", bound=nn.Module)


def train(
    model: NetT,
    kind: str,
    steps: int,
    *,
    rate: float = 3e-3,
    weight: Tensor | None = None,
    smoothing: float = 0.0,
    align_corners: bool = False,
    keep_at: int = -1,
) -> NetT | None:
    """Train a model on scenes of a kind; return a copy of its state after `keep_at` steps."""
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2 * rate, total_steps=steps)
    model.train()
    best: NetT | None = None
    for step in range(steps):
        first = TRAINING_SEED + step % 50 * BATCH
        scenes = [KINDS[kind].draw(first + i) for i in range(BATCH)]
        x = torch.from_numpy(np.stack([normalize(scene.image) for scene in scenes]))
        y = torch.from_numpy(np.stack([scene.target for scene in scenes])).long()
        logits = nn.functional.interpolate(
            model(x), size=y.shape[-2:], mode="bilinear", align_corners=align_corners
        )
        if logits.shape[1] == 1:
            loss = nn.functional.binary_cross_entropy_with_logits(logits[:, 0], (y == 1).float())
        else:
            loss = nn.functional.cross_entropy(
                logits, y, weight, ignore_index=VOID, label_smoothing=smoothing
            )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        if step == keep_at:
            best = copy.deepcopy(model).eval()
    model.eval()
    print(f"{kind}: loss {float(loss.detach()):.3f} after {steps} steps", flush=True)
    return best


@torch.no_grad()
def run(
    model: nn.Module,
    images: list[np.ndarray],
    prepare: Callable[[np.ndarray], np.ndarray] = normalize,
) -> np.ndarray:
    """Return the logits of images, (N, C, h, w) float32."""
    x = np.stack([prepare(image) for image in images]).astype(np.float32)
    logits: np.ndarray = model(torch.from_numpy(x)).numpy()
    return logits


def draw(kind: str, scenes: int) -> list[Scene]:
    """Return the test scenes of a kind."""
    return [KINDS[kind].draw(seed) for seed in range(scenes)]


def iter_faulty_inputs() -> Iterator[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Yield mistakes of preprocessing: the name, and the function of an image."""
    mean, std = np.array(MEAN), np.array(STD)

    def of(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda image: change(image.astype(np.float64)).transpose(2, 0, 1)

    yield "bgr", of(lambda a: (a[..., ::-1] / 255 - mean) / std)
    yield "not_divided", of(lambda a: (a - mean) / std)
    yield "not_normalized", of(lambda a: a / 255)
    yield "half", of(lambda a: a / 127.5 - 1)
    yield "mean_and_std_exchanged", of(lambda a: (a / 255 - std) / mean)
    yield "gray", of(lambda a: (a.mean(2, keepdims=True).repeat(3, 2) / 255 - mean) / std)
    yield "reshaped", lambda a: ((a / 255 - mean) / std).reshape(3, *a.shape[:2])
    yield "mirrored", of(lambda a: (a[:, ::-1] / 255 - mean) / std)
    yield "upside_down", of(lambda a: (a[::-1, ::-1] / 255 - mean) / std)
    yield "dark", of(lambda a: (0.3 * a / 255 - mean) / std)


def store_faulty_runs(model: SmallDeepLab, early: nn.Module | None, scenes: list[Scene]) -> None:
    """Store the logits of the shapes network under mistakes of input, weights and mode."""
    images = [scene.image for scene in scenes[:FAULTY_SCENES]]
    for name, prepare in iter_faulty_inputs():
        store(f"shapes_{name}", run(model, images, prepare))
    store("shapes_early", run(early or model, images))
    torch.manual_seed(7)
    fresh = SmallDeepLab(6).eval()
    store("shapes_nothing_loaded", run(fresh, images))
    headless = copy.deepcopy(model)
    headless.classifier = copy.deepcopy(fresh.classifier)
    store("shapes_head_not_loaded", run(headless, images))
    partial = copy.deepcopy(fresh)
    partial.backbone = copy.deepcopy(model.backbone)
    store("shapes_backbone_only", run(partial, images))
    reset = copy.deepcopy(model)
    for module in reset.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    store("shapes_statistics_reset", run(reset, images))
    training = copy.deepcopy(model).train()
    for k in range(2):
        store(f"shapes_training_{k}", np.concatenate([run(training, [image]) for image in images]))


def main(scenes: int = SCENES) -> None:
    """Train every network and store its logits."""
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)

    def keep(name: str, model: nn.Module, kind: str) -> None:
        store(name, run(model, [scene.image for scene in draw(kind, scenes)]))

    torch.manual_seed(0)
    model = SmallDeepLab(6)
    early = train(model, "shapes", 240, keep_at=12)
    assert early is not None
    keep("shapes", model, "shapes")
    store_faulty_runs(model, early, draw("shapes", FAULTY_SCENES))
    for name, kind, classes, steps, options in (
        ("shapes_poor", "shapes", 6, 30, {"rate": 1e-3}),
        ("shapes_align_corners", "shapes", 6, 200, {"align_corners": True}),
        ("shapes_smoothed", "shapes", 6, 120, {"smoothing": 0.4}),
        ("shapes_weighted", "shapes", 6, 120,
         {"weight": torch.tensor([0.05, 1, 1, 1, 1, 1])}),
        ("lesion", "lesion", 2, 60, {}),
        ("lesion_poor", "lesion", 2, 14, {}),
        ("tile", "tile", 5, 120, {}),
        ("layers", "layers", 7, 120, {}),
        ("layers_poor", "layers", 7, 30, {}),
        ("spots_sigmoid", "spots", 1, 80, {}),
    ):  # fmt: skip
        model = SmallDeepLab(classes)
        train(model, kind, steps, **options)
        keep(name, model, kind)
    unet = SmallUNet(5)
    train(unet, "tile", 100)
    store("tile_unet", run(unet, [scene.image for scene in draw("tile", FAULTY_SCENES)]))


if __name__ == "__main__":
    main()
