"""A mapping of names, written as a reason in words and as a line of code that works."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping

# Parts that wrappers put into names, by themselves or at once.
PARTS = (
    "_orig_mod.",
    "module.",
    "_fsdp_wrapped_module.",
    "_checkpoint_wrapped_module.",
    "_forward_module.",
    "base_layer.",
    "modules_to_save.default.",
)


def spell_mapping(
    mapping: Mapping[str, str], checkpoint: Collection[str], model: Collection[str]
) -> tuple[str, str]:
    """Return the reason in words, and the line that renames `state`.

    Parameters
    ----------
    mapping : mapping of str to str
        Names of the checkpoint that change, to those of the model.
    checkpoint, model : collection of str
        All names.
    """
    changed = {a: b for a, b in mapping.items() if a != b}
    if not changed:
        return "", ""
    first, new = next(iter(changed.items()))
    for old_prefix, new_prefix in _prefixes(first, new):
        spelling = _spell_prefix(old_prefix, new_prefix)
        if _gives(spelling[2], mapping, checkpoint, model):
            return spelling[:2]
    parts = [part for part in PARTS if any("." + part in "." + name for name in changed)]
    spelling = _spell_parts(parts)
    if parts and _gives(spelling[2], mapping, checkpoint, model):
        return spelling[:2]
    return _spell_table(changed, checkpoint, model)


def _gives(
    rename: Callable[[str], str],
    mapping: Mapping[str, str],
    checkpoint: Collection[str],
    model: Collection[str],
) -> bool:
    """Return whether a function renames as the mapping does, and no other tensor to one of its."""
    if any(rename(old) != new for old, new in mapping.items()):
        return False
    taken = {*mapping.values()}
    others = [rename(name) for name in checkpoint if name not in mapping]
    return not any(name in taken for name in others) and len({*others}) == len(others)


def _prefixes(old: str, new: str) -> list[tuple[str, str]]:
    """Return the pairs of prefixes before the longest and shorter common ends of two names."""
    pairs = []
    ends = [i for i in range(len(old)) if i == 0 or old[i - 1] in "./"]
    for start in ends:
        if new.endswith(old[start:]):
            at = len(new) - len(old[start:])
            if at == 0 or new[at - 1] in "./":
                pairs.append((old[:start], new[:at]))
    return pairs


def _spell_prefix(old: str, new: str) -> tuple[str, str, Callable[[str], str]]:
    reason = f"its names begin with {old!r}" if old else f"its names do not begin with {new!r}"
    if old and new:
        reason += f", those of the model with {new!r}"
        key = f"{new!r} + k.removeprefix({old!r}) if k.startswith({old!r}) else k"
        return (
            reason,
            f"state = {{{key}: v for k, v in state.items()}}",
            lambda name: new + name[len(old) :] if name.startswith(old) else name,
        )
    key = f"k.removeprefix({old!r})" if old else f"{new!r} + k"
    return (
        reason,
        f"state = {{{key}: v for k, v in state.items()}}",
        lambda name: new + name.removeprefix(old),
    )


def _spell_parts(parts: list[str]) -> tuple[str, str, Callable[[str], str]]:
    key = "('.' + k)" + "".join(f".replace({'.' + part!r}, '.')" for part in parts) + "[1:]"

    def rename(name: str) -> str:
        name = "." + name
        for part in parts:
            name = name.replace("." + part, ".")  # but not of "submodule."
        return name[1:]

    verb = "is" if len(parts) == 1 else "are"
    reason = f"{' and '.join(map(repr, parts))} {verb} in its names"
    return reason, f"state = {{{key}: v for k, v in state.items()}}", rename


def _spell_table(
    changed: Mapping[str, str], checkpoint: Collection[str], model: Collection[str]
) -> tuple[str, str]:
    """Return a table of the shortest beginnings of names that give the whole mapping."""
    table: dict[str, str] = {}
    names = sorted(checkpoint)
    refused: set[tuple[str, str]] = set()
    for old, new in changed.items():
        for before, after in [*_prefixes(old, new), (old, new)]:
            if table.get(before) == after:
                break
            if not before or (before, after) in refused:
                continue
            if _is_consistent(before, after, changed, _behind(before, names)):
                table[before] = after
                break
            refused.add((before, after))
    if any(rename_by(table, old) != new for old, new in changed.items()):
        return _spell_names(changed)
    for before in sorted(table, key=lambda name: (-len(name), name)):
        after = table.pop(before)  # a shorter beginning may do the same
        if any(rename_by(table, n) != changed[n] for n in _behind(before, names)):
            table[before] = after
    ordered = dict(sorted(table.items(), key=lambda pair: (-len(pair[0]), pair[0])))
    shown = ", ".join(f"{a} is {b}" for a, b in list(ordered.items())[:2])
    more = f" and {len(ordered) - 2} more" if len(ordered) > 2 else ""
    return (
        f"{shown}{more} in the model",
        f"state = {{next((b + k[len(a):] for a, b in {ordered!r}.items() if k.startswith(a)), k): "
        "v for k, v in state.items()}",
    )


def _spell_names(changed: Mapping[str, str]) -> tuple[str, str]:
    """Return a table of whole names."""
    old, new = next(iter(changed.items()))
    return (
        f"{old} is {new} and {len(changed) - 1} more in the model",
        f"state = {{{dict(changed)!r}.get(k, k): v for k, v in state.items()}}",
    )


def rename_by(table: Mapping[str, str], name: str) -> str:
    """Return a name with its longest beginning that is in the table replaced."""
    ends = [len(name), *(i for i in range(len(name) - 1, 0, -1) if name[i - 1] in "./")]
    for end in ends:
        if (after := table.get(name[:end])) is not None:
            return after + name[end:]
    return name


def _behind(before: str, names: list[str]) -> list[str]:
    """Return the names of a sorted list that begin so."""
    start = bisect_left(names, before)
    end = start
    while end < len(names) and names[end].startswith(before):
        end += 1
    return names[start:end]


def _is_consistent(before: str, after: str, changed: Mapping[str, str], names: list[str]) -> bool:
    """Return whether a beginning is replaced alike in all names that have it."""
    return all(changed.get(name) == after + name[len(before) :] for name in names)
