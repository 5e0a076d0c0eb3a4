"""Renamings of a checkpoint's tensors: names of the checkpoint, and those of the model for them.

A renaming is proposed only where the shapes agree. Every one is a mapping of names; `spelling`
writes it as a line of code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from segpost.checkpoints.alignment import pair_by_order, pair_by_values
from segpost.checkpoints.loader import transformers_names
from segpost.checkpoints.spelling import spell_mapping
from segpost.checkpoints.tree import State, TensorEntry, Tensors
from segpost.render.findings import Rank

MIN_PREFIX_SHARE = 0.5  # of the tensors of the smaller side that a prefix must match
MIN_COVERED = 0.5  # of the model's tensors behind a prefix that it must give
MIN_PAIRS = 2  # tensors that a further prefix must match
MAX_PREFIXES = 4
MAX_ROUNDS = 8  # prefixes of one checkpoint

# What wrappers put into names, and other spellings of the same tensor: canonical names have none.
SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (
            r"(^|(?<=\.))(_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module"
            r"|_forward_module|base_layer|modules_to_save\.default)\.",
            "",
        ),
        (r"(^|(?<=\.))(lora_[AB]|lora_embedding_[AB])\.default(?=\.|$)", r"\2"),
        (r"(?<=\.)gamma$", "weight"),
        (r"(?<=\.)beta$", "bias"),
        (r"(^|(?<=\.))parametrizations\.(\w+)\.original0$", r"\2_g"),
        (r"(^|(?<=\.))parametrizations\.(\w+)\.original1$", r"\2_v"),
        (r"(^|(?<=\.))parametrizations\.(\w+)\.original$", r"\2_orig"),
        (r"(^|(?<=\.))parametrizations\.(\w+)\.0\._(u|v)$", r"\2_\3"),
    )
)


@dataclass(frozen=True)
class RenameRule:
    """A change of the checkpoint's names."""

    reason: str  # in words; empty where nothing changes
    cure: str  # a line of code
    rename: Callable[[str], str]
    code: str = "prefix"
    rank: Rank = "certain"
    load: str = ""  # the framework's own call, which does it all


UNCHANGED = RenameRule("", "", lambda name: name)


def fits(source: TensorEntry, target: TensorEntry) -> bool:
    """Return whether a tensor loads into another; torch takes the element of (1,) for a scalar.

    A parameter of a lazy module takes any shape.
    """
    return (
        target.is_lazy
        or source.shape == target.shape
        or (source.shape == (1,) and target.shape == ())
    )


def iter_rules(
    checkpoint: Tensors, model: Tensors, source: State, target: State
) -> Iterator[RenameRule]:
    """Yield no change, then renamings: those of the framework, prefixes, spellings, other names."""
    yield UNCHANGED
    if all(name in checkpoint for name in model):
        return
    if source.separator == "/":
        for old, new in _find_prefixes(checkpoint, model):
            mapping = {n: new + n[len(old) :] for n in checkpoint if n.startswith(old)}
            yield _rule(mapping, checkpoint, model)
        return
    own = target.module is not None and transformers_names(target.module)
    if own:
        yield _own_rule(checkpoint, model, own)
    unpacked = {unpacked_name(name): entry for name, entry in checkpoint.items()}
    for old, new in _find_prefixes(unpacked, model):
        mapping = {n: new + n[len(old) :] for n in checkpoint if n.startswith(old)}
        yield _rule(mapping, checkpoint, model)
    mapping = _pair_canonical(checkpoint, model)
    if mapping:
        yield _rule(mapping, checkpoint, model)
    rest = {n: e for n, e in checkpoint.items() if n not in mapping and n not in model}
    targets = {*mapping.values()}
    wanted = {n: e for n, e in model.items() if n not in targets and n not in checkpoint}
    if len(rest) < 2 or not wanted:
        return
    by_values = pair_by_values(rest, wanted)
    if by_values:
        yield _rule(mapping | by_values, checkpoint, model, "another-naming", "values")
    is_ordered = source.layout in ("torch", "mapping", "model") and source.separator == "."
    by_order = pair_by_order(rest, wanted) if is_ordered else {}
    if by_order:
        yield _rule(mapping | by_order, checkpoint, model, "another-naming", "order")


def unpacked_name(name: str) -> str:
    """Return the name that a packed tensor of torch's quantized layers has in a float network."""
    for end, part in enumerate(("weight", "bias")):
        name = re.sub(rf"\._packed_params\._packed_params\.{end}$", f".{part}", name)
    return name


def _own_rule(checkpoint: Tensors, model: Tensors, rename: Callable[[str], str]) -> RenameRule:
    """Return the renaming that the model's own framework does."""
    mapping = {name: rename(name) for name in checkpoint}
    reason, cure = spell_mapping(mapping, checkpoint, model)
    return RenameRule(
        f"transformers saves the model under other names, and from_pretrained translates them "
        f"({reason})",
        cure,
        lambda name: mapping.get(name, name),
        "another-naming",
        "likely",
        "model = type(model).from_pretrained(folder)",
    )


def _rule(
    mapping: Mapping[str, str],
    checkpoint: Tensors,
    model: Tensors,
    code: str = "prefix",
    proof: str = "",
) -> RenameRule:
    """Return the rule of a mapping; `proof` is what pairs names that are not alike."""
    reason, cure = spell_mapping(mapping, checkpoint, model)
    if proof == "values":
        reason = f"the model holds the same values under other names ({reason})"
    elif proof == "order":
        reason = f"the same shapes come in the same order under other names ({reason})"
    return RenameRule(
        reason,
        cure,
        lambda name: mapping.get(name, name),
        code,
        "likely" if code == "another-naming" else "certain",
    )


def _pair_canonical(checkpoint: Tensors, model: Tensors) -> dict[str, str]:
    """Return names of the checkpoint with those of the model that spell the same tensor."""
    old = _canonical(checkpoint)
    new = _canonical(model)
    pairs = {old[name]: new[name] for name in old if name in new}
    for _ in range(MAX_ROUNDS):
        rest = {n: checkpoint[old[n]] for n in old if old[n] not in pairs}
        taken = {*pairs.values()}
        wanted = {n: model[new[n]] for n in new if new[n] not in taken}
        prefixes = _find_prefixes(rest, wanted, MIN_PAIRS if pairs else 1)
        new_pairs: dict[str, str] = {}
        for before, after in prefixes[:1]:
            for name in rest:
                renamed = after + name.removeprefix(before)
                if name.startswith(before) and renamed in wanted:
                    new_pairs[old[name]] = new[renamed]
        if not new_pairs:
            break
        pairs |= new_pairs
    conflicts = sum(not fits(checkpoint[a], model[b]) for a, b in pairs.items())
    if 2 * conflicts > len(pairs):
        return {}
    return {a: b for a, b in pairs.items() if a != b}


def _canonical(tensors: Tensors) -> dict[str, str]:
    """Return the canonical names with the names of which they are; those of two are left out."""
    names: dict[str, str] = {}
    twice: set[str] = set()
    for name in tensors:
        canonical = name
        for pattern, new in SPELLINGS:
            canonical = pattern.sub(new, canonical)
        if canonical in names:
            twice.add(canonical)
        names[canonical] = name
    return {c: n for c, n in names.items() if c not in twice}


def _find_prefixes(
    checkpoint: Tensors, model: Tensors, min_pairs: int = 1
) -> list[tuple[str, str]]:
    """Return pairs of prefixes, of checkpoint and model, before the same name and shape.

    Scalars, such as counters, prove nothing.
    """
    prefixes: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name, entry in model.items():
        for start in _part_starts(name):
            prefixes.setdefault((name[start:], entry.shape), []).append(name[:start])
    counts: Counter[tuple[str, str]] = Counter()
    for name, entry in checkpoint.items():
        if not entry.shape:
            continue
        seen: set[str] = set()
        for start in _part_starts(name):  # a shorter rest of the name would prove less
            for new in prefixes.get((name[start:], entry.shape), [])[:MAX_PREFIXES]:
                if new not in seen:
                    seen.add(new)
                    counts[name[:start], new] += 1
            if seen:
                break
    least = max(min_pairs, MIN_PREFIX_SHARE * min(map(_count_arrays, (checkpoint, model))))
    frequent = [(pair, n) for pair, n in counts.most_common(MAX_PREFIXES) if pair[0] != pair[1]]
    return [
        (old, new)
        for (old, new), n in frequent
        if n >= least
        and all(
            n
            >= MIN_COVERED * sum(e.shape != () for k, e in tensors.items() if k.startswith(prefix))
            for prefix, tensors in ((old, checkpoint), (new, model))
            if prefix
        )
    ]


def _count_arrays(tensors: Tensors) -> int:
    return sum(entry.shape != () for entry in tensors.values())


def _part_starts(name: str) -> list[int]:
    return [0, *(separator.end() for separator in re.finditer(r"[./]", name))]
