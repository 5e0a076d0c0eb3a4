"""Tails, plans and the comparison of labels, without a runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import segpost
from segpost._core.sampling import axes
from segpost.runtimes.appending.check import check_labels
from segpost.runtimes.appending.inputs import InputSpec, check_inputs, make_inputs
from segpost.runtimes.appending.options import AppendOptions, read_options
from segpost.runtimes.appending.plan import Plan, make_plan
from segpost.runtimes.appending.report import make_result
from segpost.runtimes.appending.steps import OwnSize, Step, check_factors
from segpost.runtimes.appending.tail import Tail, find_tail, understand
from segpost.runtimes.appending.ties import find_ties
from segpost.runtimes.graph import Operator

SHAPE, SIZE = (1, 5, 6, 9), (48, 72)
OWN = OwnSize(SIZE)
RESIZE = Step("resize", "Resize 'up'", axes=(2, 3), grid="half_pixel")
KINDS = {"greater": "compare", "cast": "pass", "squeeze": "pass", "unsqueeze": "pass"}


def tail_of(
    *steps: Step,
    shape: tuple[int | None, ...] = SHAPE,
    before: Sequence[Operator] = (),
    dtype: str = "float32",
    own: Any = OWN,
) -> Tail:
    """The tail of steps from the logits to the output."""
    operators = [Operator(KINDS.get(step.kind, step.kind), node=step) for step in reversed(steps)]
    return understand(
        [*operators, *before],
        lambda operator: operator.node,
        shape,
        output="out",
        index=0,
        head="logits",
        head_name="logits",
        dtype=dtype,
        maker="Conv 'head'",
        own=own,
    )


def options_of(**changes: Any) -> AppendOptions:
    arguments: dict[str, Any] = {
        "want": ("labels",),
        "size": None,
        "grid": None,
        "threshold": None,
        "letterbox": None,
        "palette": None,
        "alpha": 0.5,
        "nan": "raise",
        "standard": False,
    }
    return read_options(**{**arguments, **changes})


VALUES = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
LABELS = VALUES.argmax(1)


@pytest.mark.parametrize(
    ("steps", "output"),
    [
        ([RESIZE], VALUES),
        ([RESIZE, Step("transpose", "t", order=(0, 2, 3, 1))], VALUES.transpose(0, 2, 3, 1)),
        ([RESIZE, Step("softmax", "s", axes=(-3,))], VALUES),
        ([RESIZE, Step("argmax", "a", axes=(1,))], LABELS),
        ([RESIZE, Step("argmax", "a", axes=(-3,), keeps_axis=True)], LABELS[:, None]),
        (
            [
                RESIZE,
                Step("transpose", "t", order=(0, 2, 3, 1)),
                Step("argmax", "a", axes=(3,), keeps_axis=True),
                Step("squeeze", "s", axes=(-1,)),
                Step("cast", "c", dtype="uint8"),
                Step("unsqueeze", "u", axes=(0,)),
            ],
            LABELS[None].astype(np.uint8),
        ),
        ([RESIZE, Step("transpose", "t", order=(3, 2, 1, 0))], VALUES.transpose(3, 2, 1, 0)),
        (
            [Step("resize", "r", axes=(1, 2), grid="asymmetric"), Step("argmax", "a", axes=(3,))],
            LABELS,
        ),
    ],
)
def test_labels_of_every_layout(steps: list[Step], output: Any) -> None:
    np.testing.assert_array_equal(tail_of(*steps).labels_of(output, None), LABELS)


def test_a_batch_axis_that_is_removed() -> None:
    tail = tail_of(RESIZE, Step("argmax", "a", axes=(1,)), Step("squeeze", "s", axes=(0,)))
    np.testing.assert_array_equal(tail.labels_of(LABELS[0], None), LABELS[:1])


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step("softmax", "Softmax 's'", axes=(3,)), "Softmax 's' works along axis 3"),
        (Step("argmax", "ArgMax 'a'", axes=(7,)), "ArgMax 'a' works on axis 7 of 4"),
        (Step("transpose", "Transpose 't'", order=(0, 1)), "Transpose 't' has the order"),
        (Step("squeeze", "Squeeze 'q'", axes=(2,)), "Squeeze 'q' removes the axis H"),
        (Step("squeeze", "Squeeze 'q'", axes=(1,)), "Squeeze 'q' removes the axis C"),
        (Step("cast", "Cast 'c'", dtype="int64"), "Cast 'c' makes int64 of logits"),
        (Step("greater", "Greater 'g'"), "Greater 'g' compares 5 channels"),
        (Step("sigmoid", "Sigmoid 's'"), "Sigmoid 's' makes 5 masks that overlap"),
    ],
)
def test_steps_that_are_refused(step: Step, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        tail_of(RESIZE, step)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "greater", "round"])
def test_steps_that_compute_with_ids(kind: str) -> None:
    ids = Step("argmax", "a", axes=(1,), keeps_axis=True)
    with pytest.raises(ValueError, match=r"'x' .*(class ids|not the class axis)"):
        tail_of(RESIZE, ids, Step(kind, "Operator 'x'", axes=(1,)))
    with pytest.raises(ValueError, match="makes bool of class ids"):
        tail_of(RESIZE, ids, Step("cast", "Cast 'x'", dtype="bool"))


def test_heads_of_one_channel_have_the_threshold_of_the_model() -> None:
    one = (1, 1, 6, 9)
    greater = Step("greater", "Greater 'g'", number=0.3)
    tail = tail_of(RESIZE, Step("sigmoid", "s"), greater, shape=one)
    plan = make_plan(tail, options_of(), {})
    assert (plan.threshold, plan.label_dtype) == (0.3, "uint8")
    zero = tail_of(RESIZE, greater._replace(number=0.0), shape=one)
    assert make_plan(zero, options_of(), {}).threshold == 0.5
    with pytest.raises(ValueError, match=r"compares logits with 0\.3, whose probability"):
        tail_of(RESIZE, greater, shape=one)
    with pytest.raises(ValueError, match=r"threshold is 0\.5, and the model compares with 0\.3"):
        make_plan(tail, options_of(threshold=0.5), {})
    with pytest.raises(ValueError, match=r"pass threshold=0\.5"):
        make_plan(tail_of(RESIZE, shape=one), options_of(), {})
    with pytest.raises(ValueError, match="whose argmax is 0 everywhere"):
        make_plan(tail_of(RESIZE, Step("argmax", "a", axes=(1,)), shape=one), options_of(), {})
    logits = np.array([[[[-1.0, 0.0, 1.0]]]])
    expected = [[[0, 1, 1]]]
    np.testing.assert_array_equal(tail_of(RESIZE, shape=one).labels_of(logits, 0.3), expected)
    soft = tail_of(RESIZE, Step("sigmoid", "s"), Step("squeeze", "q", axes=(1,)), shape=one)
    chances = 1 / (1 + np.exp(-logits[:, 0]))
    np.testing.assert_array_equal(soft.labels_of(chances, 0.3), expected)


def test_where_the_tail_begins() -> None:
    softmax, convolution = Operator("softmax"), Operator("")
    assert find_tail([Operator("pass"), Operator("resize"), convolution]) == 1
    assert find_tail([Operator("pass"), softmax, convolution, Operator("resize")]) == 3
    assert find_tail([Operator("pass"), softmax, Operator("pass"), convolution]) == 1
    assert find_tail([convolution]) == -1
    before = [Operator("pass"), softmax, convolution]
    tail = tail_of(RESIZE, before=before)
    assert tail.has_probabilities
    with pytest.raises(ValueError, match="softmax of a softmax"):
        make_plan(tail, options_of(want=("labels", "confidence")), {})


def test_plans_of_every_size() -> None:
    inputs = {"x": (1, 3, 48, 72)}
    tail, bare = tail_of(RESIZE), tail_of(own=None)
    assert (make_plan(tail, options_of(), inputs).height) == 48
    plan = make_plan(bare, options_of(size="input", grid="asymmetric"), inputs)
    assert (plan.height, plan.width, plan.source, plan.grid) == (
        48,
        72,
        ("x", (2, 3)),
        "asymmetric",
    )
    last = make_plan(bare, options_of(size="input", grid="asymmetric"), {"x": (1, None, None, 3)})
    assert (last.height, last.source) == (None, ("x", (1, 2)))
    assert make_plan(bare, options_of(size="logits"), inputs).width == 9
    assert (
        make_plan(
            tail_of(own=None, shape=(1, 300, 6, 9)), options_of(size="logits"), {}
        ).label_dtype
        == "int32"
    )
    with pytest.raises(ValueError, match="'logits', which Conv 'head' makes: pass size="):
        make_plan(bare, options_of(grid="asymmetric"), inputs)
    with pytest.raises(ValueError, match="so the grid of its network is not known"):
        make_plan(bare, options_of(size=(4, 4)), inputs)
    two = {**inputs, "y": (1, 1, 4, 4)}
    with pytest.raises(ValueError, match=r"the model has 2: pass size=\(H, W\)"):
        make_plan(bare, options_of(size="input", grid="asymmetric"), two)
    with pytest.raises(ValueError, match="number of classes is not known"):
        make_plan(tail_of(RESIZE, shape=(1, None, 6, 9)), options_of(), inputs)
    with pytest.raises(ValueError, match="volumes are not appended to"):
        tail_of(RESIZE, shape=(1, 5, 6, 6, 9))


def test_factors_that_leave_no_whole_side() -> None:
    check_factors("Resize 'up'", (4, None), (2.5, 3.0))
    for shape in ((6, 5), (6, None)):
        with pytest.raises(ValueError, match=r"factor 2.5, with which (5|a side) does not"):
            check_factors("Resize 'up'", shape, (1.5, 2.5))


class FakeRuns:
    """A network whose logits are its input, resized in float32 as runtimes do."""

    name = "a runtime"

    def __init__(self, plan: Plan, damage: int = 0, swap: bool = False) -> None:
        self.plan, self.damage, self.swap = plan, damage, swap

    def specs(self) -> list[InputSpec]:
        return [InputSpec("x", "float32", SHAPE)]

    def run_unchanged(self, feeds: dict[str, Any]) -> Any:
        return resize_single(feeds["x"], SIZE)

    def run_logits(self, feeds: dict[str, Any]) -> Any:
        return feeds["x"]

    def run_appended(self, feeds: dict[str, Any]) -> dict[str, Any]:
        size = self.plan.height, self.plan.width
        labels = np.array(segpost.argmax(feeds["x"], size=size))  # type: ignore[arg-type]
        labels[0, 1 : 1 + self.damage] = (labels[0, 1 : 1 + self.damage] + 1) % 5
        return {"labels": labels.swapaxes(1, 2) if self.swap else labels}


def resize_single(logits: Any, size: tuple[int, int]) -> Any:
    """A resize on half pixels, each operation of which is rounded to float32."""
    values = np.asarray(logits, np.float32)
    for axis, length in zip((2, 3), size, strict=True):
        n = values.shape[axis]
        scale = np.float32(length) / np.float32(n)
        place = (np.arange(length, dtype=np.float32) + np.float32(0.5)) / scale - np.float32(0.5)
        place = np.clip(place, 0, n - 1).astype(np.float32)
        first = np.minimum(place.astype(int), n - 2)
        shape = [1] * 4
        shape[axis] = length
        part = (place - first).astype(np.float32).reshape(shape)
        low, high = values.take(first, axis), values.take(first + 1, axis)
        values = (low * (np.float32(1) - part) + high * part).astype(np.float32)
    return values


def test_a_check_counts_and_refuses() -> None:
    tail, options = tail_of(RESIZE), options_of()
    plan = make_plan(tail, options, {})
    report = check_labels(FakeRuns(plan), tail, options, plan, None)
    assert (report.inputs, report.pixels, report.classes) == (3, 3 * 48 * 72, 5)
    assert report.differing < 5
    text = (
        r"on random input 0 72 of 3456 labels are not those of the unchanged model in a runtime, "
        r"first \d for \d at image 0, y 1, x 0; .* no rounding.*check=False"
    )
    with pytest.raises(ValueError, match=text):
        check_labels(FakeRuns(plan, damage=1), tail, options, plan, None)
    with pytest.raises(ValueError, match=r"labels have shape \(1, 72, 48\), and those of"):
        check_labels(FakeRuns(plan, swap=True), tail, options, plan, None)
    other = options_of(size=(20, 30))
    plan = make_plan(tail, other, {})
    report = check_labels(FakeRuns(plan), tail, other, plan, np.ones(SHAPE, np.float32))
    assert (report.against, report.inputs) == ("segpost.argmax", 4)
    result = make_result(
        None, "onnxruntime", tail, other, plan.with_names(("labels",), ""), report, None
    )
    assert str(result).splitlines()[-1].endswith("all labels are those of segpost.argmax")
    assert repr(result) == "<AppendedModel of ONNX Runtime: labels>"


def test_ties_are_within_their_limits_and_other_pixels_beyond() -> None:
    """Float32's labels of logits that nearly tie everywhere; and labels that are wrong."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(1, 1, 33, 65))
    logits = (base + 1e-6 * rng.normal(size=(1, 5, 33, 65))).astype(np.float32)
    size = (257, 513)
    tail, options = tail_of(RESIZE, shape=(1, 5, 33, 65), own=OwnSize(size)), options_of()
    plan = make_plan(tail, options, {})
    exact = np.asarray(segpost.argmax(logits, size=size))
    single = resize_single(logits, size).argmax(1)
    places = np.argwhere(exact != single)
    assert len(places) > 1000
    ties = find_ties(tail, plan, options, logits, exact, single, places)
    assert (ties.gaps <= ties.limits).all()
    assert ties.limits.max() < 1e-4
    clear = rng.normal(size=(1, 5, 33, 65)).astype(np.float32)
    exact = np.asarray(segpost.argmax(clear, size=size))
    places = np.argwhere(np.ones(exact.shape))
    ties = find_ties(tail, plan, options, clear, exact, (exact + 1) % 5, places)
    assert (ties.gaps > ties.limits).mean() > 0.999


def test_gaps_are_those_of_the_definition() -> None:
    tail = tail_of(RESIZE, own=OwnSize((11, 17)))
    options = options_of()
    plan = make_plan(tail, options, {})
    logits = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    at = axes((6, 9), (11, 17), "half_pixel")
    full = np.zeros((5, 11, 17))
    for y in range(11):
        for x in range(17):
            rows, columns = at.y.cell[y], at.x.cell[x]
            cell = logits[0, :, rows : rows + 2, columns : columns + 2].astype(float)
            wy = np.array([at.y.w0[y], at.y.w1[y]]) / at.y.den
            wx = np.array([at.x.w0[x], at.x.w1[x]]) / at.x.den
            full[:, y, x] = np.einsum("cij,i,j->c", cell, wy, wx)
    one, other = full.argmax(0)[None], full.argmin(0)[None]
    places = np.argwhere(np.ones(one.shape))
    gaps = find_ties(tail, plan, options, logits, one, other, places).gaps
    np.testing.assert_allclose(gaps, (full.max(0) - full.min(0)).ravel(), rtol=1e-12)


def test_inputs_that_are_made_and_those_of_the_user() -> None:
    specs = [InputSpec("x", "float32", (None, 3, None, None)), InputSpec("s", "int64", (2,))]
    made = list(make_inputs(specs))
    assert [one["x"].shape for one in made] == [(1, 3, 128, 160)] * 3
    assert made[0]["s"].dtype == np.int64
    assert all(
        (one["x"] == two["x"]).all() for one, two in zip(made, make_inputs(specs), strict=True)
    )
    last = next(make_inputs([InputSpec("x", "uint8", (1, None, None, 3))]))["x"]
    assert last.shape == (1, 128, 160, 3)
    assert last.dtype == np.uint8
    with pytest.raises(ValueError, match="too large to try; pass inputs="):
        next(make_inputs([InputSpec("x", "float32", (1, 3, 1 << 20, 1 << 20))]))
    with pytest.raises(ValueError, match="of type string, of which segpost makes none"):
        next(make_inputs([InputSpec("x", "string", (1,))]))
    with pytest.raises(ValueError, match="inputs are named 'y', and the model's are 'x', 's'"):
        check_inputs({"y": 1}, specs)
    with pytest.raises(ValueError, match="inputs must be dicts: the model has the inputs"):
        check_inputs(np.zeros(3), specs)
    with pytest.raises(TypeError, match="inputs must be a dict of arrays"):
        check_inputs("x.npy", specs)
