"""torch tensors without memory that can be read: which kind they are, and the cure."""

from __future__ import annotations

from typing import Any

UNINITIALIZED = "is an uninitialized parameter of a lazy module; run the module on a batch first"
FUNC = "torch.func (vmap, grad, jvp, functionalize)"


def describe_missing_memory(torch: Any, tensor: Any) -> str | None:
    """Return why the elements of a tensor cannot be read, with the cure; None if they can.

    Parameters
    ----------
    torch : module
    tensor : torch.Tensor
        Of any layout and any device.
    """
    has_address = not hasattr(tensor, "fake_mode")  # torch warns of a look at one that has none
    if has_address and not tensor.is_nested and _lies_in_storage(tensor):
        return None
    if tensor.device.type == "meta":
        return (
            "is on device meta: it has a shape and no values; load the weights first, and compute "
            "on a device that has memory"
        )
    if tensor.is_nested:
        return "is a nested tensor, whose parts differ in shape; pass them one by one: .unbind()"
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return None  # the layout is another error
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor) or torch._is_functional_tensor(
        tensor
    ):
        return (
            f"is a tensor inside {FUNC}, which has no memory of its own; call segpost outside, on "
            "the tensor itself: images are batched there as (N, ...)"
        )
    if torch._is_zerotensor(tensor):
        return "is a ZeroTensor, a gradient of zeros without memory; pass torch.zeros(x.shape)"
    kind = type(tensor)
    if hasattr(tensor, "full_tensor"):
        return "is a DTensor, of which other processes hold parts; pass .full_tensor()"
    if not has_address:
        return (
            "is a FakeTensor: it has a shape and no values; call segpost outside FakeTensorMode, "
            "or inside torch.compile and torch.export the operators of segpost.torch"
        )
    if kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        return f"is a {kind.__name__}, which has no memory of its own; pass the tensor inside it"
    return (
        f"has {tensor.numel()} elements and a storage of {tensor.untyped_storage().nbytes()} bytes "
        "for them: FSDP, ZeRO and offloading release storages; gather it first "
        "(FSDP.summon_full_params, deepspeed.zero.GatheredParameters) or load it again"
    )


def _lies_in_storage(tensor: Any) -> bool:
    """Return whether a tensor has a storage, which holds all of its elements."""
    try:
        size = tensor.untyped_storage().nbytes()
        start = tensor.data_ptr()
    except (RuntimeError, NotImplementedError):  # wrappers, and layouts without a storage
        return False
    if not start:
        return not tensor.numel()
    if tensor.is_contiguous():
        offset = tensor.storage_offset()
        used = tensor.nbytes if not offset else tensor.nbytes + offset * tensor.element_size()
        return bool(used <= size)
    if not tensor.numel():
        return True
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    last = tensor.storage_offset() + sum((n - 1) * step for n, step in steps)
    return bool((last + 1) * tensor.element_size() <= size)
