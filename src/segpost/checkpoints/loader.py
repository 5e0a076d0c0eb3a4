"""What a framework's own loader would do with a checkpoint, without loading it.

torch's ``load_state_dict`` runs hooks that rename, create and drop tensors. It is run here on a
copy of the model that has the structure and no values (tensors of the device "meta").
"""

from __future__ import annotations

import re
import sys
import types
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from segpost.checkpoints.tree import Tensors, is_lazy

HOOKS = ("_load_state_dict_pre_hooks", "_load_state_dict_post_hooks")
MISMATCH = re.compile(r"size mismatch for (\S+): ")
SHARDED = "torch.distributed.fsdp"  # its hooks gather tensors of other processes


class Loading(NamedTuple):
    """What a loader would do."""

    sources: dict[str, str]  # names of the model, and the checkpoint's tensor that is copied there
    computed: frozenset[str]  # names of the model that a hook fills with other values
    unexpected: frozenset[str]  # names of the checkpoint that the loader does not know
    mismatched: frozenset[str]  # names of the model that the loader refuses for their shape


def emulate_loading(
    module: Any, tensors: Tensors, versions: Mapping[str, int] | None = None
) -> Loading | None:
    """Return what ``load_state_dict`` would do; None where that cannot be found out.

    Parameters
    ----------
    module : torch.nn.Module
    tensors : dict of str to TensorEntry
        The checkpoint, by the names that would be passed.
    versions : mapping of str to int, optional
        Versions of modules, as torch keeps them in a state dict's ``_metadata``.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        return None
    if any(_is_opaque(part, torch) for part in module.modules()):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "copying ... is a no-op"
            return _emulate(module, tensors, versions, torch)
    except Exception:  # hooks are code of the model, and may need values
        return None


def _is_opaque(part: Any, torch: Any) -> bool:
    """Return whether a module keeps its tensors elsewhere: compiled, sharded, quantized."""
    return isinstance(part, torch.jit.ScriptModule) or type(part).__module__.startswith(SHARDED)


def _emulate(
    module: Any, tensors: Tensors, versions: Mapping[str, int] | None, torch: Any
) -> Loading:
    structure, names = _copy_structure(module, torch)
    state: Any = OrderedDict()
    storages: dict[int, str] = {}
    for name, entry in tensors.items():
        dtype = getattr(torch, entry.kind, None)
        is_known = isinstance(dtype, torch.dtype) and not entry.kind.startswith(("q", "bits"))
        state[name] = torch.empty(
            entry.shape, dtype=dtype if is_known else torch.float32, device="meta"
        )
        storages[state[name].untyped_storage()._cdata] = name
    if versions is not None:
        state._metadata = OrderedDict((k, {"version": v}) for k, v in versions.items())
    copies: dict[int, str] = {}
    lists: list[Any] = []
    refused: list[str] = []

    class Recorder(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        """Record which tensor is copied to which."""

        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            """Run a function, and record the arguments of a copy."""
            if function is torch.Tensor.copy_ and len(args) > 1:
                source = storages.get(args[1].untyped_storage()._cdata, "")
                copies[id(args[0])] = source
            return function(*args, **(kwargs or {}))

    def record(_: Any, keys: Any) -> None:
        lists.append(([*keys.missing_keys], [*keys.unexpected_keys]))

    hooks = structure.__dict__["_load_state_dict_post_hooks"]
    hooks[min(hooks, default=0) - 1] = record
    with Recorder():
        try:
            structure.load_state_dict(state, strict=False)
        except RuntimeError as error:
            if not lists:
                raise
            refused = MISMATCH.findall(str(error))
    missing, unexpected = lists[-1]
    sources = {n: copies[key] for n, key in names.items() if copies.get(key) and n not in missing}
    restored = {
        name
        for name, key in names.items()
        if name not in {*missing, *refused, *sources} and (key in copies or name not in tensors)
    }
    return Loading(sources, frozenset(restored), frozenset(unexpected), frozenset(refused))


def _copy_structure(module: Any, torch: Any) -> tuple[Any, dict[str, int]]:
    """Return a copy of a module without values, and the ids of its tensors by name."""
    blanks: dict[int, Any] = {}
    copies: dict[int, Any] = {id(m): object.__new__(type(m)) for m in module.modules()}

    def blank(tensor: Any) -> Any:
        if tensor is None:
            return None
        if id(tensor) not in blanks:
            if is_lazy(tensor):
                return type(tensor)(dtype=tensor.dtype, device="meta", requires_grad=False)
            empty = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
            is_parameter = isinstance(tensor, torch.nn.Parameter)
            blanks[id(tensor)] = (
                torch.nn.Parameter(empty, requires_grad=False) if is_parameter else empty
            )
        return blanks[id(tensor)]

    for part in module.modules():
        fields = dict(part.__dict__)
        for field in ("_parameters", "_buffers"):
            fields[field] = {name: blank(tensor) for name, tensor in fields[field].items()}
        fields["_modules"] = {
            name: None if child is None else copies[id(child)]
            for name, child in fields["_modules"].items()
        }
        for field in HOOKS:
            fields[field] = OrderedDict(
                (key, _bind(hook, copies)) for key, hook in fields.get(field, {}).items()
            )
        copies[id(part)].__dict__.update(fields)
    structure = copies[id(module)]
    tensors = {**dict(structure.named_parameters(remove_duplicate=False))}
    tensors |= dict(structure.named_buffers(remove_duplicate=False))
    return structure, {name: id(tensor) for name, tensor in tensors.items()}


def _bind(hook: Any, copies: Mapping[int, Any]) -> Any:
    """Return a hook that changes the copy of its module."""
    if isinstance(hook, types.MethodType) and id(hook.__self__) in copies:
        return types.MethodType(hook.__func__, copies[id(hook.__self__)])
    if hasattr(hook, "hook") and hasattr(hook, "with_module"):  # torch's wrapper of a hook
        owner = copies.get(id(hook.module())) if hook.with_module else None
        return type(hook)(_bind(hook.hook, copies), owner)
    return hook


def transformers_names(module: Any) -> Callable[[str], str] | None:
    """Return the renaming that transformers' ``from_pretrained`` does for a model.

    None where the model is not one of transformers, or its version does not say.
    """
    transformers = sys.modules.get("transformers")
    base = getattr(transformers, "PreTrainedModel", None)
    if not isinstance(base, type) or not isinstance(module, base):
        return None
    model: Any = module
    expected = dict.fromkeys(model.state_dict(), True)
    prefix = str(getattr(module, "base_model_prefix", ""))
    try:
        from transformers.conversion_mapping import (  # type: ignore[import-not-found, unused-ignore]
            get_model_conversion_mapping,
        )
        from transformers.core_model_loading import (  # type: ignore[import-not-found, unused-ignore]
            WeightRenaming,
            rename_source_key,
        )

        rules = [r for r in get_model_conversion_mapping(model) if isinstance(r, WeightRenaming)]
    except Exception:  # an older or newer version

        def rename_base(name: str) -> str:
            name = name.replace("LayerNorm.gamma", "LayerNorm.weight")
            name = name.replace("LayerNorm.beta", "LayerNorm.bias")
            return name if name in expected or not prefix else f"{prefix}.{name}"

        return rename_base

    def rename(name: str) -> str:
        return str(rename_source_key(name, rules, [], prefix, expected)[0])

    return rename
