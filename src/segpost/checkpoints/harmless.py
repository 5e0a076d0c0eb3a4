"""Tensors of one side that may be left out: counters, masks, losses, tensors of two names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from segpost.checkpoints.matching import format_names
from segpost.checkpoints.recipe import Context, Explanation
from segpost.checkpoints.tree import State

TRACKED = re.compile(r"(^|[./])(num_batches_tracked|n_averaged)$")
COUNTER = re.compile(
    r"(^|[./])(num_batches_tracked|n_averaged|num_updates|decay|initted|step|global_step|epoch"
    r"|total_ops|total_params|\w*_extra_state)$"
)
AUXILIARY = re.compile(
    r"(^|[./])(aux_classifier|auxiliary_head|aux_head|aux_logits|AuxLogits)[./]", re.I
)
CRITERION = re.compile(
    r"(^|\.)(criterion|criterions|criteria|loss|losses|loss_fn|loss_func|\w+_loss|loss_\w+"
    r"|metrics?|\w+_metrics?|pos_weight|class_weights?)(\.|$)"
)
DERIVED = re.compile(
    r"(^|[./])(attn_mask|attention_mask|causal_mask|relative_position_index|relative_coords_table"
    r"|relative_position_params|position_ids|token_type_ids|inv_freq|original_inv_freq|freqs_cis"
    r"|rope_freqs|cos_cached|sin_cached|anchors?|anchor_grid|strides?|grid|coords|pixel_mean"
    r"|pixel_std|proj_weights_dfl)$"
)
REPLACED = re.compile(r"(^|[./])original_module[./]")


def explain_harmless(context: Context) -> Iterator[Explanation]:
    """Yield the tensors of one side that do no harm, by their kind."""
    ignored = _ignored_patterns(context.target)
    for names, side in ((context.missing, "missing"), (context.unexpected, "unexpected")):
        rest = [*names]
        for kind in (_is_counter, _is_auxiliary, _is_criterion, _is_derived, _is_replaced):
            of_kind = [name for name in rest if kind(context, name, side)]
            rest = [name for name in rest if not kind(context, name, side)]
            if of_kind:
                yield _describe(kind.__name__, of_kind, side)
        named = [name for name in rest if any(p.search(name) for p in ignored[side])]
        if named:
            yield Explanation(
                frozenset(named),
                "derived-buffers",
                "hint",
                f"{len(named)} tensors are {side}, and the model's own class lists them among "
                "those that may be.",
                {"tensors": len(named)},
                format_names(named),
                is_harmless=True,
            )


def explain_ties(context: Context) -> Iterator[Explanation]:
    """Yield tensors of the model that have two names, and one name or two values in the file."""
    tied = context.target.tied
    one_name = {n: tied[n] for n in context.tied_missing if n in tied}
    if one_name:
        loaded = {tied.get(n, n): n for n in reversed(context.match.matched)}
        pairs = {name: loaded[first] for name, first in one_name.items() if first in loaded}
        table = ", ".join(f"{name!r}: state[{other!r}]" for name, other in pairs.items())
        yield Explanation(
            frozenset(one_name),
            "tied-weights",
            "hint",
            f"{len(one_name)} tensors of the model have two names, and the file has one of them: "
            "load_state_dict asks for both, and safetensors.torch.load_model for one.",
            {"tensors": len(one_name)},
            format_names([*one_name]),
            transform=f"state = {{**state, {table}}}",
        )
    two_values = _find_two_values(context)
    if two_values:
        first, last = next(iter(two_values.items()))
        names = [*two_values.values()]
        yield Explanation(
            frozenset({*two_values, *names}),
            "tied-values",
            "certain",
            f"{first} and {last} are one tensor in the model and have two values in the file: the "
            "last one overwrites the other. The network was saved with two tensors.",
            {"tensors": len(two_values)},
            format_names([*two_values, *names]),
            transform=_write_untying(names),
        )


def _find_two_values(context: Context) -> dict[str, str]:
    """Return names of the model's tensors that are loaded twice with other values."""
    firsts: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for name in context.match.matched:
        first = firsts.setdefault(context.target.tied.get(name, name), name)
        if first == name:
            continue
        a, b = (context.source_of(n).statistics for n in (first, name))
        if a is not None and b is not None and a.digest != b.digest:
            pairs[first] = name
    return pairs


def _write_untying(names: list[str]) -> str:
    """Return the line that gives names a tensor of their own."""
    return (
        "[setattr(model.get_submodule(n.rpartition('.')[0]), n.rpartition('.')[2], "
        f"torch.nn.Parameter(state[n].clone())) for n in {names!r}]"
    )


def _is_counter(context: Context, name: str, side: str) -> bool:
    match = context.match
    entry = (match.model if side == "missing" else match.checkpoint)[name]
    return bool(COUNTER.search(name)) and math.prod(entry.shape) == 1


def _is_auxiliary(context: Context, name: str, side: str) -> bool:
    return bool(AUXILIARY.search(name))


def _is_criterion(context: Context, name: str, side: str) -> bool:
    return bool(CRITERION.search(name))


def _is_derived(context: Context, name: str, side: str) -> bool:
    is_parameter = side == "missing" and context.target.module is not None
    return bool(DERIVED.search(name)) and not (is_parameter and name not in context.target.buffers)


def _is_replaced(context: Context, name: str, side: str) -> bool:
    return bool(REPLACED.search(name))


def _describe(kind: str, names: list[str], side: str) -> Explanation:
    """Return the explanation of harmless tensors of one kind and side."""
    tracked = [name for name in names if TRACKED.search(name)]
    code, message = {
        "_is_counter": (
            "num-batches-tracked",
            f"{len(names)} counters of batches or averages are {side}: no inference uses them"
            + (
                ", and torch before 0.4.1 did not save them."
                if side == "missing" and tracked
                else "."
            ),
        ),
        "_is_auxiliary": (
            "aux-head",
            f"The auxiliary head is {side}: it is for training, inference does without it.",
        ),
        "_is_criterion": (
            "criterion-weights",
            f"{len(names)} tensors of a loss or a metric are {side}: inference does without them.",
        ),
        "_is_derived": (
            "derived-buffers",
            f"{len(names)} buffers are {side} that the model computes when it is built, such as "
            "masks and indices of positions: they are the same without the file, if the model is "
            "built for the same input size.",
        ),
        "_is_replaced": (
            "adapter",
            f"{len(names)} tensors of modules that an adapter has replaced are {side}: the "
            "network uses the others.",
        ),
    }[kind]
    return Explanation(
        frozenset(names),
        code,
        "hint",
        message,
        {"tensors": len(names)} if code != "num-batches-tracked" else {"count": len(names)},
        format_names(names),
        is_harmless=True,
    )


def _ignored_patterns(target: State) -> dict[str, list[re.Pattern[str]]]:
    """Return the patterns of names that transformers' class of a model may miss or not expect."""
    patterns_of: dict[str, list[re.Pattern[str]]] = {}
    for side in ("missing", "unexpected"):
        patterns = getattr(target.module, f"_keys_to_ignore_on_load_{side}", None) or ()
        patterns_of[side] = []
        for pattern in patterns:
            try:
                patterns_of[side].append(re.compile(pattern))
            except (re.error, TypeError):
                continue
    return patterns_of
