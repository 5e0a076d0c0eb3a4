"""Names that a call or an object does not have: errors name those that are meant."""

from __future__ import annotations

import inspect
import operator
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost._core.foreign_names import ARGUMENTS, ATTRIBUTES, PUBLIC_NAMES, WORDS
from segpost._core.unknown_names import explain_arguments

LOGITS = scene(3, 16, 24)
LABELS = LOGITS.argmax(0).astype(np.uint8)

loose: Any = segpost  # whose calls no type checker reads
FUNCTIONS: list[Any] = [
    segpost.argmax,
    segpost.binarize,
    segpost.class_weights,
    segpost.colorize,
    segpost.compare_checkpoints,
    segpost.confusion_matrix,
    segpost.dense_crf,
    segpost.diagnose,
    segpost.fingerprint,
    segpost.labels_from_colors,
    segpost.overlay,
    segpost.postprocess,
    segpost.regions,
    segpost.resize_labels,
    segpost.segment_queries,
    segpost.softmax,
    segpost.windows,
    segpost.BoundaryF,
    segpost.BoundaryIoU,
    segpost.ConfusionMatrix,
    segpost.DenseCRF,
    segpost.InstanceIoU,
    segpost.Merger,
    segpost.TrimapIoU,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_misspelled_arguments(function: Callable[..., Any]) -> None:
    """Every argument that is misspelled by a letter is suggested, under the function's name."""
    names = [name for name in inspect.signature(function).parameters if len(name) > 3]
    for name in names:
        with pytest.raises(TypeError) as caught:
            function(**{name + "x": 1})
        assert f"did you mean {name!r}?" in str(caught.value)
        assert str(caught.value).startswith(f"{function.__name__}()")
    with pytest.raises(TypeError, match=f"it takes .*{names[0]}="):
        function(zzzz=1)


@pytest.mark.parametrize(
    ("call", "cure"),
    [
        (lambda: loose.argmax(LOGITS, dim=0), "axis=, -3"),
        (
            lambda: loose.argmax(LOGITS, size=(32, 48), align_corners=True),
            'grid=, "align_corners"',
        ),
        (lambda: loose.postprocess(LOGITS, target_sizes=[(32, 48)]), r"size=, \(height, width\)"),
        (lambda: loose.postprocess(LOGITS, output_size=(32, 48)), "size="),
        (lambda: loose.argmax(LOGITS, scale_factor=2), "scale="),
        (lambda: loose.windows((64, 64), (32, 32), overlap=16), "stride=, the window minus"),
        (lambda: loose.ConfusionMatrix(150, reduce_zero_label=True), "ignore_index=, 255"),
        (lambda: loose.ConfusionMatrix(n_classes=3), "num_classes="),
        (lambda: loose.overlay(LOGITS, LABELS, "voc", opacity=0.3), "alpha="),
        (lambda: loose.diagnose(LOGITS, LABELS), "by their names: logits=, .*target="),
        (lambda: loose.postprocess(LOGITS).figure("x.png"), "by their names: alpha="),
        (
            lambda: loose.Merger((16, 24), 3).add((0, 0, 16, 24), LOGITS),
            "by their names: window=",
        ),
        (lambda: loose.DenseCRF(24, 16, 3), "^DenseCRF.* by their names: iterations="),
    ],
)
def test_arguments_of_other_libraries(call: Callable[[], object], cure: str) -> None:
    """Names of torch, OpenCV, transformers and mmseg, and arguments that have names here."""
    with pytest.raises(TypeError, match=cure):
        call()


def test_names_that_are_suggested_exist() -> None:
    """No table holds a name that segpost does not have."""
    methods = [segpost.ConfusionMatrix.update, segpost.ConfusionMatrix.compute]
    calls = [*FUNCTIONS, *methods, segpost.Palette, segpost.label_counts, segpost.compare]
    parameters = {name for one in calls for name in inspect.signature(one).parameters}
    assert {name for others in ARGUMENTS.values() for name, _ in others} <= parameters
    for name in (*PUBLIC_NAMES.values(), *WORDS.values()):
        operator.attrgetter(name)(segpost)
    assert not PUBLIC_NAMES.keys() & set(segpost.__all__)


def test_reduced_zero_label() -> None:
    """What the error says of mmseg's reduce_zero_label gives targets that count."""
    target = np.array([[0, 1, 2]], np.uint8)
    with pytest.raises(TypeError) as caught:
        loose.ConfusionMatrix(2, reduce_zero_label=True)
    code = re.search(r"numpy\.where\(.*\)", str(caught.value))
    assert code
    reduced = eval(code.group(0), {"numpy": np, "target": target})
    cm = segpost.ConfusionMatrix(2, ignore_index=255)
    cm.update(np.array([[0, 0, 1]], np.uint8), reduced)
    assert cm.compute().miou == 1


def test_other_errors_stay() -> None:
    """A TypeError of the function itself, a missing argument, and a wrapped function's surface."""

    @explain_arguments
    def fails(value: int, *, by: int = 1) -> None:
        """Fail."""
        raise TypeError("its own")

    with pytest.raises(TypeError, match=r"^its own$"):
        fails(1)
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'value'$"):
        fails()  # type: ignore[call-arg]
    assert str(inspect.signature(fails)) == "(value: 'int', *, by: 'int' = 1) -> 'None'"
    assert fails.__doc__ == "Fail."
    assert pickle.loads(pickle.dumps(segpost.argmax)) is segpost.argmax
    assert segpost.DenseCRF(iterations=3) == segpost.DenseCRF(iterations=3)


def scores_of(measure: Any) -> Any:
    """The scores of a measure of a few pixels."""
    measure.update(LABELS, LABELS)
    return measure.compute()


@pytest.mark.parametrize(
    ("make", "name", "meant"),
    [
        (lambda: scores_of(segpost.ConfusionMatrix(3)), "mean_iou", "miou"),
        (lambda: scores_of(segpost.ConfusionMatrix(3)), "mIoU", "miou"),
        (lambda: scores_of(segpost.ConfusionMatrix(3)), "accuracy", "pixel_accuracy"),
        (lambda: scores_of(segpost.ConfusionMatrix(3)), "f1", "dice"),
        (lambda: scores_of(segpost.BoundaryIoU(3)), "miou", "mean_boundary_iou"),
        (lambda: segpost.postprocess(LOGITS), "mask", "labels"),
        (lambda: segpost.postprocess(LOGITS), "probs", "probabilities"),
        (lambda: segpost.postprocess(LOGITS), "show", "figure"),
    ],
)
def test_attributes_of_other_libraries(make: Callable[[], Any], name: str, meant: str) -> None:
    """The attribute and the key are errors that name the attribute, which is there."""
    thing = make()
    with pytest.raises(AttributeError, match=f"did you mean '{meant}'"):
        getattr(thing, name)
    getattr(thing, meant)
    if not isinstance(thing, segpost.Segmentation):
        with pytest.raises(TypeError, match=f"attributes, not keys, got '{name}'; .*'{meant}'"):
            thing[name]
        with pytest.raises(TypeError, match=rf"got '{meant}': \.{meant}$"):
            thing[meant]
    assert not hasattr(thing, "_repr_mimebundle_")
    assert not hasattr(thing, "__array__")
    assert ATTRIBUTES.get(name, (meant,))


def test_what_the_suggestions_leave_alone() -> None:
    """Items of tuples and of batches, pickles, and errors inside of properties."""
    scores = scores_of(segpost.BoundaryIoU(3))
    assert scores[1] is scores.iou
    batch = segpost.postprocess(LOGITS[None])
    assert batch[0].labels.shape == (16, 24)
    assert pickle.loads(pickle.dumps(scores)) == scores
    assert segpost.postprocess(LOGITS).confidence is None

    class Broken(type(scores_of(segpost.ConfusionMatrix(3)))):  # type: ignore[misc]
        """Scores with a property that fails."""

        @property
        def miou(self) -> float:
            """Fail."""
            raise AttributeError("inside")

    with pytest.raises(AttributeError, match=r"^inside$"):
        object.__new__(Broken).miou  # noqa: B018


@pytest.mark.parametrize(
    ("name", "meant"),
    [("mean_iou", "ConfusionMatrix"), ("colourize", "colorize"), ("evaluate", "Evaluation")],
)
def test_public_names(name: str, meant: str) -> None:
    """`segpost` names what there is in place of what there is not."""
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; did you mean '{meant}'"):
        getattr(segpost, name)
    assert not hasattr(segpost, "_nothing")


def test_measures_are_not_called() -> None:
    """torchmetrics' call is an update here, and scores are not summed."""
    measure: Any = segpost.ConfusionMatrix(3)
    with pytest.raises(TypeError, match=r"call update\(preds, target\)"):
        measure(LABELS, LABELS)
    scores: Any = scores_of(measure)
    sums: list[Callable[[], Any]] = [
        lambda: scores + scores,
        lambda: measure + scores,
        lambda: sum([scores]),
    ]
    for add in sums:
        with pytest.raises(TypeError, match=r"\(one \+ other\).compute\(\)"):
            add()
