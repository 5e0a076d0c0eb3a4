"""Situations of names: wrappers, containers, averages, losses, buffers, other names."""

from __future__ import annotations

from typing import Any

import torch
from checkpoint_situations import (
    Block,
    Case,
    Small,
    fresh,
    situation,
    small,
    trained,
    with_prefix,
)
from torch import nn

PREFIX = ("prefix",)


@situation
def plain() -> Case:
    """A state dict of the same network."""
    return Case(small().state_dict(), fresh(), small())


@situation
def half_precision() -> Case:
    """A file of float16 into a network of float32."""
    net = small().half().float()
    return Case(net.half().state_dict(), fresh(), small().half().float())


@situation
def without_counters() -> Case:
    """A file without metadata and counters, as torch before 0.4.1 wrote: torch makes them."""
    state = {n: t for n, t in small().state_dict().items() if "tracked" not in n}
    return Case(state, fresh(), small())


@situation
def without_counters_of_new_torch() -> Case:
    """A filtered state dict that keeps its metadata: torch asks for the counters."""
    state = small().state_dict()
    for name in [n for n in state if "tracked" in n]:
        del state[name]
    return Case(state, fresh(), small(), ("num-batches-tracked",))


@situation
def data_parallel() -> Case:
    """A file of DataParallel."""
    return Case(nn.DataParallel(small()).state_dict(), fresh(), small(), PREFIX, PREFIX)


@situation
def compiled() -> Case:
    """A file of torch.compile."""
    return Case(with_prefix("_orig_mod.", small().state_dict()), fresh(), small(), PREFIX, PREFIX)


@situation
def compiled_data_parallel_in_container() -> Case:
    """Both, in a container beside an epoch."""
    state = with_prefix("_orig_mod.module.", small().state_dict())
    return Case({"epoch": 3, "state_dict": state}, fresh(), small(), PREFIX, PREFIX)


@situation
def compiled_part() -> Case:
    """A network whose backbone alone was compiled."""
    state = {
        n.replace("backbone.", "backbone._orig_mod."): t for n, t in small().state_dict().items()
    }
    return Case(state, fresh(), small(), PREFIX, PREFIX)


@situation
def fsdp_with_checkpointing() -> Case:
    """Two wrappers inside of the names at once."""
    state = {
        "_fsdp_wrapped_module."
        + n.replace("backbone.0.", "backbone.0._fsdp_wrapped_module.").replace(
            "backbone.1.", "backbone.1._fsdp_wrapped_module._checkpoint_wrapped_module."
        ): t
        for n, t in small().state_dict().items()
    }
    return Case(state, fresh(), small(), PREFIX, PREFIX)


@situation
def into_wrapped_model() -> Case:
    """A plain file into a network whose blocks are wrapped."""
    model = fresh()
    model.backbone = nn.DataParallel(model.backbone)
    return Case(small().state_dict(), model, small(), PREFIX, PREFIX)


@situation
def lightning_with_criterion() -> Case:
    """A Lightning file with the weights of a loss."""
    state = with_prefix("model.", small().state_dict()) | {"criterion.weight": torch.ones(5)}
    saved = {"state_dict": state, "pytorch-lightning_version": "2.5", "epoch": 1}
    return Case(saved, fresh(), small(), ("prefix", "criterion-weights"), PREFIX)


@situation
def averaged_model() -> Case:
    """A file of torch.optim.swa_utils.AveragedModel, which has a counter."""
    state = torch.optim.swa_utils.AveragedModel(small()).state_dict()
    return Case(state, fresh(), small(), ("prefix", "num-batches-tracked"), PREFIX)


@situation
def average_beside() -> Case:
    """An average beside the weights, with the prefix of DataParallel."""
    saved = {
        "model": small(1).state_dict(),
        "ema_state_dict": with_prefix("module.", small().state_dict()),
    }
    return Case(saved, fresh(), small(1), ("averaged-weights",))


@situation
def average_flat() -> Case:
    """mmcv's EMAHook: ema_ and the name with underscores, of parameters alone."""
    net = small(1)
    average = {"ema_" + n.replace(".", "_"): p.detach() + 1 for n, p in net.named_parameters()}
    return Case(
        {"state_dict": {**net.state_dict(), **average}, "meta": {}},
        fresh(),
        net,
        ("averaged-weights",),
    )


@situation
def average_of_lightning() -> Case:
    """LitEma: names without their dots under model_ema."""
    net = small(1)
    average = {"model_ema." + n.replace(".", ""): p + 1 for n, p in net.named_parameters()}
    counters = {"model_ema.decay": torch.tensor(0.99), "model_ema.num_updates": torch.tensor(5)}
    state = with_prefix("model.", net.state_dict()) | average | counters
    codes = ("prefix", "averaged-weights", "num-batches-tracked")
    return Case({"state_dict": state}, fresh(), net, codes, PREFIX)


@situation
def shadow_list() -> Case:
    """torch-ema: a list of parameters in their order; buffers are not in it."""
    reference, model = small(), small(1)
    for name, buffer in model.named_buffers():
        buffer.copy_(reference.get_buffer(name))
    shadow = [p.detach().clone() for p in reference.parameters()]
    saved = {"decay": 0.99, "num_updates": 3, "shadow_params": shadow, "collected_params": None}
    return Case(saved, model, reference, ("unnamed-tensors",))


@situation
def shadow_list_beside() -> Case:
    """The same list beside the weights."""
    shadow = [p.detach() + 1 for p in small().parameters()]
    saved = {"model": small().state_dict(), "ema": {"shadow_params": shadow}}
    return Case(saved, fresh(), small(), ("averaged-weights",))


@situation
def list_of_parameters() -> Case:
    """torch.save of list(model.parameters()) of a network without buffers."""
    reference = trained(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1)))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1))
    saved = {"params": [p.detach() for p in reference.parameters()]}
    return Case(saved, model, reference, ("unnamed-tensors",))


@situation
def mean_teacher() -> Case:
    """Student and teacher in one state dict."""
    state = with_prefix("student.", small().state_dict()) | with_prefix(
        "teacher.", small(1).state_dict()
    )
    return Case(state, fresh(), small(), ("prefix", "averaged-weights"), PREFIX)


class Windowed(nn.Module):
    """A network with a mask and an index that are computed when it is built."""

    def __init__(self, has_index: bool = True, window: int = 7) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 4, 1)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, 4))
        if has_index:
            self.register_buffer("attn_mask", torch.zeros(4, 49, 49))
            self.register_buffer("relative_position_index", torch.arange(49 * 49).view(49, 49))

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        return self.head(x) + self.relative_position_bias_table.sum()


@situation
def derived_buffers_left_over() -> Case:
    """A file of an older version, whose mask and index were saved."""
    saved = trained(Windowed()).state_dict()
    return Case(saved, Windowed(False), trained(Windowed()), ("derived-buffers",))


@situation
def derived_buffers_missing() -> Case:
    """The reverse: the new version saves them."""
    saved = trained(Windowed(False)).state_dict()
    return Case(saved, Windowed(), trained(Windowed(False)), ("derived-buffers",))


@situation
def another_window() -> Case:
    """Tables of positions of another window."""
    saved = trained(Windowed(False, 12)).state_dict()
    return Case(
        saved, Windowed(False), trained(Windowed(False)), ("another-input-size",), curable=False
    )


class Renamed(nn.Module):
    """The small network with other names."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList([Block(3, 6), Block(6, 8)])
        self.classifier = nn.Conv2d(8, 5, 1)

    def forward(self, x: Any) -> Any:
        """Return the logits."""
        for block in self.encoder:
            x = block(x)
        return self.classifier(x)


@situation
def renamed_modules() -> Case:
    """Every module has another name: the order and the shapes are the same."""
    return Case(small().state_dict(), Renamed(), small(), PREFIX, PREFIX)


@situation
def renamed_parts() -> Case:
    """A file of parts under two other prefixes."""
    names = {"backbone.": "model.encoder.", "head.": "model.decode_head.conv_seg."}
    state = {
        new + n[len(old) :]: t
        for n, t in small().state_dict().items()
        for old, new in names.items()
        if n.startswith(old)
    }
    return Case(state, fresh(), small(), PREFIX, PREFIX)


class Normed(nn.Module):
    """A layer norm under the name that old files of transformers spell gamma and beta."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(11, 11)
        self.LayerNorm = nn.LayerNorm(11)

    def forward(self, x: Any) -> Any:
        """Return the features."""
        return self.LayerNorm(self.dense(x))


@situation
def gamma_and_beta() -> Case:
    """gamma and beta, as TensorFlow's BERT has them."""
    state = {
        n.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): t
        for n, t in trained(Normed()).state_dict().items()
    }
    return Case(state, Normed(), trained(Normed()), PREFIX, PREFIX)


@situation
def other_head() -> Case:
    """Another number of classes."""
    return Case(
        small(classes=7).state_dict(),
        fresh(),
        small(classes=7),
        ("head-classes",),
        ("head-classes",),
        {"build_model": lambda num_classes: Small(num_classes)},
    )


@situation
def data_parallel_and_other_head() -> Case:
    """A prefix, and another number of classes."""
    codes = ("prefix", "head-classes")
    return Case(
        with_prefix("module.", small(classes=7).state_dict()),
        fresh(),
        small(classes=7),
        codes,
        codes,
        {"build_model": lambda num_classes: Small(num_classes)},
        curable=False,
    )


@situation
def other_network() -> Case:
    """A file of another network."""
    codes = ("nothing-matches",)
    return Case(
        nn.Sequential(nn.Linear(7, 9), nn.Linear(9, 2)).state_dict(),
        fresh(),
        small(),
        codes,
        codes,
        curable=False,
    )


@situation
def lost_layer() -> Case:
    """A block is missing."""
    state = {n: t for n, t in small().state_dict().items() if not n.startswith("backbone.1.")}
    return Case(state, fresh(), small(), ("missing",), ("missing",), curable=False)


@situation
def saved_modules_of_an_adapter() -> Case:
    """PEFT's modules_to_save: the trained module beside the original one."""
    head = "base_model.model.head."
    saved = with_prefix("base_model.model.", small().state_dict())
    state = {n.replace(head, f"{head}modules_to_save.default."): t for n, t in saved.items()}
    state |= {f"{head}original_module.{n}": t for n, t in small(1).head.state_dict().items()}
    return Case(state, fresh(), small(), ("prefix", "adapter"), PREFIX)


@situation
def counters_of_operations() -> Case:
    """thop leaves its counters in every module."""
    counters = {f"{part}total_ops": torch.zeros(1) for part in ("", "backbone.", "head.")}
    return Case(small().state_dict() | counters, fresh(), small(), ("num-batches-tracked",))


@situation
def losses_and_metrics() -> Case:
    """A loss in a loss, and the state of a metric."""
    state = with_prefix("net.", small().state_dict())
    state |= {"criterion.dice.weight": torch.ones(5), "val_metrics.confmat": torch.ones(5, 5)}
    return Case(state, fresh(), small(), ("prefix", "criterion-weights"), PREFIX)


@situation
def online_and_average() -> Case:
    """ema-pytorch: two copies, a flag and a step."""
    state = with_prefix("online_model.", small().state_dict())
    state |= with_prefix("ema_model.", small(1).state_dict())
    state |= {"initted": torch.tensor(True), "step": torch.tensor(4)}
    codes = ("prefix", "averaged-weights", "num-batches-tracked")
    return Case(state, fresh(), small(), codes, PREFIX)


@situation
def channels_last_kernels_of_data_parallel() -> Case:
    """Kernels in TensorFlow's order of axes, under a prefix in a container."""
    state = {
        f"module.{n}": t.permute(2, 3, 1, 0).contiguous() if t.ndim == 4 else t
        for n, t in small().state_dict().items()
    }
    return Case({"state_dict": state}, fresh(), small(), ("prefix", "transposed"), PREFIX)
