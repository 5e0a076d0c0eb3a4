"""What people reported of restored checkpoints, by the kind of the fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checkpoint_situations import SITUATIONS, Case, one_thread, output, small
from checkpoint_situations_names import Windowed
from checkpoint_situations_values import build_quantized  # the situations of both

import segpost

torch = pytest.importorskip("torch")
__all__ = ["one_thread"]  # a fixture
pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.*(quantiz|quant_min|reduce_range|observer).*"),
]
nn: Any = torch.nn


def ranks(diff: Any) -> dict[str, str]:
    """Return the ranks of the findings by code."""
    return {finding.code: finding.rank for finding in diff.findings}


# --- A harmless difference has no rank of a lost layer


def test_counters_that_are_missing_and_left_over_are_each_said_once() -> None:
    """One hint a side, and no more."""
    state = {n: t for n, t in small().state_dict().items() if "tracked" not in n}
    saved = state | {"backbone.9.num_batches_tracked": torch.tensor(3)}
    diff = segpost.compare_checkpoints(saved, small().state_dict())
    assert diff.codes == ("num-batches-tracked", "num-batches-tracked", "batch-norm-few-batches")
    assert "missing" in diff.findings[0].message
    assert "unexpected" in diff.findings[1].message


def test_an_average_in_flat_names_is_a_hint() -> None:
    """ema_ names beside the weights are loaded or left out, as one likes."""
    net = nn.Sequential(nn.Conv2d(3, 4, 1))
    average = {"ema_" + k.replace(".", "_"): v + 1 for k, v in net.state_dict().items()}
    saved = {"state_dict": {**net.state_dict(), **average}, "meta": {}}
    diff = segpost.compare_checkpoints(saved, net)
    assert diff.ok
    assert ranks(diff) == {"averaged-weights": "hint"}
    model: Any = nn.Sequential(nn.Conv2d(3, 4, 1))
    exec(diff.findings[0].cure, {"checkpoint": saved, "model": model})
    assert torch.equal(model[0].weight, net[0].weight + 1)


def test_derived_buffers_are_hints_and_lost_parameters_are_not() -> None:
    """A mask is computed; a parameter of the same name is not."""
    full, less = Windowed(), Windowed(False)
    for saved, model in ((full, less), (less, full)):
        assert segpost.compare_checkpoints(saved.state_dict(), model).ok
    model = Windowed(False)
    model.attn_mask = nn.Parameter(torch.ones(3))
    assert ranks(segpost.compare_checkpoints(less.state_dict(), model))["missing"] == "certain"


# --- "Would be loaded" looks at what copying does


def test_a_quantized_file_is_not_called_loadable() -> None:
    """torch refuses the copy, and so nothing of it counts as matched."""
    case = SITUATIONS["static_quantization"]()
    assert type(case.saved["1.weight"]) is type(build_quantized().state_dict()["1.weight"])
    diff = segpost.compare_checkpoints(case.saved, case.model)
    assert diff.matched_share < 1
    assert "1.weight" not in diff.matched
    assert diff.findings[0].code == "quantized"
    assert "batch-norm-few-batches" not in diff.codes
    with pytest.raises(RuntimeError, match="quantized"):
        case.model.load_state_dict(case.saved, strict=False)


def test_two_values_of_one_tensor_stay_named_after_loading() -> None:
    """What was overwritten is not said to be left out."""
    case = SITUATIONS["two_values_for_one_tensor"]()
    case.model.load_state_dict(case.saved)
    diff = segpost.compare_checkpoints(case.saved, case.model)
    assert diff.codes == ("tied-values",)
    assert "one tensor" in diff.findings[0].message


# --- Another container, encoding or naming is no other network


def test_a_fused_convolution_is_not_renamed_to_batch_norm() -> None:
    """The smallest fused layer: one of five is there, and no shape is said to differ."""
    model = {
        "conv.weight": torch.rand(8, 3, 3, 3),
        **{f"bn.{n}": torch.rand(8) for n in ("weight", "bias", "running_mean", "running_var")},
    }
    saved = {"conv.weight": torch.rand(8, 3, 3, 3), "conv.bias": torch.rand(8)}
    diff = segpost.compare_checkpoints(saved, model)
    assert diff.matched == ("conv.weight",)
    assert diff.mismatched == ()
    assert diff.codes == ("fused-batch-norm",)


@pytest.mark.parametrize(
    ("saved", "model"),
    [
        ({"pos_embed": (1, 197, 32)}, {"pos_embed": (1, 577, 32)}),
        ({"embeddings.position_embeddings": (1, 17, 8)},
         {"embeddings.position_embeddings": (1, 65, 8)}),
        (
            {f"layers.{i}.relative_position_bias_table": (169, 4) for i in range(6)},
            {f"layers.{i}.relative_position_bias_table": (529, 4) for i in range(6)},
        ),
    ],
)  # fmt: skip
def test_tables_of_positions_say_another_input_size(saved: Any, model: Any) -> None:
    """A table of another length is no other backbone."""
    common = {"head.weight": (5, 8)}
    states = [{n: torch.rand(s) for n, s in (side | common).items()} for side in (saved, model)]
    diff = segpost.compare_checkpoints(*states)
    assert ranks(diff) == {"another-input-size": "likely"}
    assert "interpolate" in diff.findings[0].message


def test_a_linear_layer_is_a_convolution_of_one_pixel() -> None:
    """(4, 16) and (4, 16, 1, 1) hold the same numbers."""
    saved = {"cls.weight": torch.rand(4, 16), "cls.bias": torch.rand(4)}
    model = {"cls.weight": torch.rand(4, 16, 1, 1), "cls.bias": torch.rand(4)}
    assert segpost.compare_checkpoints(saved, model).codes == ("linear-conv",)
    model["cls.weight"] = torch.rand(4, 16, 3, 3)
    assert "linear-conv" not in segpost.compare_checkpoints(saved, model).codes


def test_renamings_need_the_same_shapes() -> None:
    """Names that would fit with other shapes are not renamed."""
    saved = {f"a.{i}.weight": torch.rand(3, 4 + i) for i in range(6)}
    model = {f"b.{i}.weight": torch.rand(5, 9 + i) for i in range(6)}
    diff = segpost.compare_checkpoints(saved, model)
    assert diff.codes == ("nothing-matches",)
    assert diff.matched == ()


def test_equal_shapes_alone_are_no_renaming() -> None:
    """Twelve tensors of one shape could go anywhere: nothing is proposed."""
    saved = {f"x{i}": torch.rand(3, 3) for i in range(12)}
    model = {f"y{i * 7 % 12}z": torch.rand(3, 3) for i in range(12)}
    diff = segpost.compare_checkpoints(saved, model)
    assert diff.matched == ()
    assert all(not f.cure for f in diff.findings)


def test_the_values_prove_a_renaming() -> None:
    """A model that holds all values under other names shows which is which."""
    net = small()
    saved = {f"t{i}.{n.rpartition('.')[2]}": t.clone()
             for i, (n, t) in enumerate(sorted(net.state_dict().items()))}  # fmt: skip
    (found,) = segpost.compare_checkpoints(saved, net).findings
    assert (found.code, found.rank) == ("another-naming", "likely")
    case = Case(saved, small(1), net)
    names = {"state": saved, "model": case.model}
    exec(found.cure, names)
    np.testing.assert_array_equal(output(case.model, case.size), output(net, case.size))


def test_a_part_of_a_sharded_checkpoint_is_named() -> None:
    """A file that says that it is one of several is not called another network."""
    from segpost.checkpoints.names import SHARD

    found = SHARD.search("folder/model-00002-of-00003.safetensors")
    assert found is not None
    assert (found[1], found[2]) == ("00002", "00003")


# --- Averages: the line that takes them


@pytest.mark.parametrize(
    "name", ["average_beside", "average_of_lightning", "shadow_list_beside", "mean_teacher"]
)
def test_the_cure_of_an_average_takes_the_average(name: str) -> None:
    """Every form of average has a line that loads it, and the parameters are the average's."""
    case = SITUATIONS[name]()
    diff = segpost.compare_checkpoints(case.saved, case.model)
    (found,) = [f for f in diff.findings if f.code == "averaged-weights"]
    exec(found.cure, {"checkpoint": case.saved, "state": case.saved, "model": case.model})
    weight = case.model.head.weight
    wanted = {
        "average_beside": small(0).head.weight,
        "average_of_lightning": small(1).head.weight + 1,
        "shadow_list_beside": small(0).head.weight + 1,
        "mean_teacher": small(1).head.weight,
    }[name]
    assert torch.equal(weight, wanted)
