"""`python -m benches.labels.decoding`: decode= beside rankseg, and what it is worth.

CPU time of one thread, median of the rounds; the contenders take turns. Labels are compared with
those of rankseg before anything is timed: it adds up in float32, so that pixels at a threshold may
differ. `--quality` trains small networks on drawn scenes (some minutes) and scores their labels on
scenes that they have not seen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import segpost
from benches.harness import scenes
from benches.harness.jobs import Array, Contender, Run, need
from benches.harness.measure import interleave, one_thread
from benches.objects.__main__ import optional

SIZE = (1024, 2048)
STORIES = Path(__file__).parents[2] / "examples" / "stories"
DECODINGS: tuple[Any, ...] = ("argmax", "dice", "iou")
PICTURES = 200


def ours(logits: Array, decode: Any, backend: Any = "native") -> Array:
    with segpost.use_backend(backend):
        return np.asarray(segpost.postprocess(logits, size=SIZE, decode=decode).labels)


def rows_of(logits: Array, decode: str) -> Iterator[tuple[str, Callable[[], Array]]]:
    """Everybody; a call returns labels."""
    yield f'segpost, decode="{decode}"', lambda: ours(logits, decode)
    yield f'segpost on Numba, decode="{decode}"', lambda: ours(logits, decode, "numba")
    yield 'segpost, decode="argmax"', lambda: ours(logits, "argmax")
    torch, library = optional("torch"), optional("rankseg.functional")
    if torch is None or library is None:
        return

    def softmax() -> Any:
        tensor = torch.from_numpy(logits)[None]
        return torch.nn.functional.interpolate(tensor, SIZE, mode="bilinear").softmax(1)

    def solve(probabilities: Any) -> Array:
        labels = library.rankseg(probabilities, metric=decode, solver="RMA")
        return np.asarray(labels[0].numpy())

    probabilities = softmax()
    yield "rankseg, with torch's interpolation and softmax", lambda: solve(softmax())
    yield "rankseg, of probabilities that are there", lambda: solve(probabilities)


def as_run(call: Callable[[], Array]) -> Run:
    return lambda: (call(),)


def show_times(title: str, logits: Array, decode: str, rounds: int) -> None:
    """Print a table of the times, and how many labels differ from those of the first row."""
    rows = list(rows_of(logits, decode))
    labels = [call() for _, call in rows]
    timings = interleave([Contender(name, as_run(call)) for name, call in rows], rounds)
    print(f"### {title}\n\n| | ms | quietest | / segpost | other labels |\n|---|--:|--:|--:|--:|")
    for timing, one in zip(timings, labels, strict=True):
        ratio, others = timing.ms / timings[0].ms, int((one != labels[0]).sum())
        print(
            f"| {timing.name} | {timing.ms:.3g} | {timing.best_ms:.3g} | {ratio:.2g} | {others} |"
        )
    print(flush=True)


class Scores(NamedTuple):
    """Percentages: the IoU and the Dice of an image, and the mean IoU of the data set."""

    image_iou: float
    image_dice: float
    dataset_iou: float


def score(pairs: list[tuple[Array, Array]], classes: int) -> Scores:
    """Scores of labels and targets; of an image those of the classes that either has."""
    total = np.zeros((classes, classes), np.int64)
    ious, dices = [], []
    for labels, target in pairs:
        counts = segpost.confusion_matrix(labels, target, num_classes=classes, ignore_index=255)
        total += counts
        right, both = np.diag(counts), counts.sum(0) + counts.sum(1)
        there = both > 0
        ious.append((right / np.maximum(both - right, 1))[there].mean())
        dices.append((2 * right / np.maximum(both, 1))[there].mean())
    right = np.diag(total)
    of_dataset = right / (total.sum(0) + total.sum(1) - right)
    return Scores(*(100 * float(np.mean(x)) for x in (ious, dices, of_dataset)))


def hard_scene(lesson: Any, seed: int) -> tuple[Array, Array]:
    """A scene of the stories with faint colors, a veil and noise: a network is often unsure."""
    image, labels = lesson.scene(seed)
    rng = np.random.default_rng(seed)
    veil = rng.uniform(0.15, 0.5, (3, 4)).repeat(32, 0).repeat(32, 1)[..., None]
    faint = 120 + veil * (image - 120.0) + rng.normal(0, 14, image.shape)
    return faint.clip(0, 255).astype(np.uint8), labels


def train(lesson: Any, steps: int, seed: int) -> Any:
    """A network of the stories after some steps on hard scenes."""
    torch = need("torch")
    torch.manual_seed(seed)
    model = lesson.DeepLabV3()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for step in range(steps):
        batch = [hard_scene(lesson, 10_000 + 10_000 * seed + 4 * step + i) for i in range(4)]
        images, labels = zip(*batch, strict=True)
        target = torch.from_numpy(np.stack(labels).astype(np.int64))
        logits = model(lesson.prepared(*images))
        full = torch.nn.functional.interpolate(logits, target.shape[1:], mode="bilinear")
        loss = torch.nn.functional.cross_entropy(full, target, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def show_quality(networks: int) -> None:
    """Print the scores of every decoding, for networks of short and long lessons."""
    sys.path.insert(0, str(STORIES))
    lesson, torch = need("small_deeplab"), need("torch")
    classes = len(lesson.CLASSES)
    print(f"### {PICTURES} scenes, means of {networks} networks\n")
    print("| steps | decode | IoU of an image | Dice of an image | mean IoU of the data set |")
    print("|--:|---|--:|--:|--:|")
    pictures = [hard_scene(lesson, seed) for seed in range(PICTURES)]
    for steps in (60, 200, 600):
        scores: dict[str, list[Scores]] = {decode: [] for decode in DECODINGS}
        for seed in range(networks):
            model = train(lesson, steps, seed)
            with torch.no_grad():
                logits = [model(lesson.prepared(image))[0].numpy() for image, _ in pictures]
            for decode in DECODINGS:
                pairs = [
                    (segpost.postprocess(one, size=t.shape, decode=decode).labels, t)
                    for one, (_, t) in zip(logits, pictures, strict=True)
                ]
                scores[decode].append(score(pairs, classes))
        plain = np.array(scores["argmax"])
        for decode in DECODINGS:
            values = np.array(scores[decode])
            texts = [
                f"{mean:.2f}" if decode == "argmax" else f"{mean:.2f} ({delta:+.2f} ± {spread:.2f})"
                for mean, delta, spread in zip(
                    values.mean(0),
                    (values - plain).mean(0),
                    (values - plain).std(0, ddof=1),
                    strict=True,
                )
            ]
            print(f"| {steps} | {decode} | {' | '.join(texts)} |", flush=True)
    print()


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benches.labels.decoding")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quality", action="store_true", help="scores instead of times")
    parser.add_argument("--networks", type=int, default=4, help="trained networks of each length")
    options = parser.parse_args()
    one_thread()
    if options.quality:
        show_quality(options.networks)
        return 0
    street = scenes.scene(19, 128, 256, regions=28, objects=28, poles=9, white=0.6, seed=2)
    for title, logits in (("a street", street), ("noise", scenes.iid(19, 128, 256))):
        for decode in ("iou", "dice"):
            show_times(
                f"19 x 128 x 256 to 1024 x 2048, {title}, {decode}", logits, decode, options.rounds
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
