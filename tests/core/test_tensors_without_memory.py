"""torch tensors whose elements cannot be read: each is refused by name, as input and as out=."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost
from segpost._core import arrays

torch = pytest.importorskip("torch")
SHAPE = (3, 4, 5)


def released(bytes_left: int = 0, step: int = 1) -> Any:
    """A tensor, or every n-th row of it, of which a sharding library released the storage."""
    tensor = torch.ones(SHAPE)
    part = tensor[:, step - 1 :: step]
    tensor.untyped_storage().resize_(bytes_left)
    return part


def part_of_released() -> Any:
    """A parameter that lies within a flat one, as FSDP makes them."""
    flat = torch.ones(200)
    part = flat[60:120].view(SHAPE)
    flat.untyped_storage().resize_(0)
    return part


def fake() -> Any:
    """A tensor of a tracer, with a shape and no values."""
    with torch._subclasses.fake_tensor.FakeTensorMode():
        return torch.ones(SHAPE)


class Wrapper(torch.Tensor):  # type: ignore[misc, name-defined]
    """A tensor of another library, whose values are elsewhere."""

    @staticmethod
    def __new__(cls) -> Any:
        return torch.Tensor._make_wrapper_subclass(cls, SHAPE, dtype=torch.float32)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError(str(func))


class Distributed(Wrapper):
    """The same with the method of torch.distributed."""

    def full_tensor(self) -> Any:
        return torch.ones(SHAPE)


TENSORS: dict[str, tuple[Callable[[], Any], str]] = {
    "released": (released, r"60 elements and .* of 0 bytes.*summon_full_params"),
    "cut": (lambda: released(100), "60 elements and a storage of 100 bytes"),
    "strided": (lambda: released(236, step=2), "storage of 236 bytes"),
    "within a flat one": (part_of_released, "a storage of 0 bytes"),
    "parameter": (lambda: torch.nn.Parameter(released()), "a storage of 0 bytes"),
    "meta": (lambda: torch.ones(SHAPE, device="meta"), "on device meta.*no values"),
    "fake": (fake, "is a FakeTensor.*segpost.torch"),
    "conjugate": (lambda: torch.ones(SHAPE, dtype=torch.complex64).conj(), r"complex64.*\.real"),
    "zero": (lambda: torch._efficientzerotensor(SHAPE), r"ZeroTensor.*torch\.zeros"),
    "nested": (lambda: torch.nested.nested_tensor(list(torch.ones(SHAPE))), r"nested.*unbind"),
    "uninitialized": (torch.nn.UninitializedParameter, "uninitialized parameter.*run the module"),
    "wrapper": (Wrapper, "is a Wrapper.*the tensor inside"),
    "distributed": (Distributed, r"DTensor.*full_tensor\(\)"),
}


@pytest.mark.parametrize("native", [True, False], ids=["native", "python"])
@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.filterwarnings("ignore")  # of torch, on nested tensors
def test_the_argument_is_named_and_the_cure(
    name: str, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read, and nothing is written to memory that nobody sees."""
    if not native:
        monkeypatch.setattr(arrays, "read_array", lambda value: None)
    make, text = TENSORS[name]
    with pytest.raises(TypeError, match=f"^logits .*{text}"):
        segpost.softmax(make())
    with pytest.raises(TypeError, match=f"^out .*{text}"):
        segpost.softmax(torch.ones(SHAPE), out=make())
    with pytest.raises(TypeError, match=f"^image .*{text}"):
        segpost.overlay(make(), np.zeros((4, 4), np.uint8), "voc")


def test_the_address_of_a_fake_tensor_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch warns of it, and the warning may be an error."""

    def never(*args: Any) -> Any:
        raise AssertionError("asked")

    tensor = fake()
    monkeypatch.setattr(type(tensor), "data_ptr", never)
    with pytest.raises(TypeError, match=r"^logits is a FakeTensor"):
        segpost.argmax(tensor)


@pytest.mark.parametrize("transform", ["vmap", "grad", "functionalize", "jvp"])
@pytest.mark.filterwarnings("ignore")  # of torch, on its own imports
def test_transforms_of_functions_are_refused(transform: str) -> None:
    """Inside torch.func a tensor stands for others; the numbers would be wrong."""
    tensor = torch.from_numpy(scene(3, 4, 5))
    transforms: dict[str, Callable[[Any], Any]] = {
        "vmap": lambda f: torch.func.vmap(f)(tensor[None]),
        "grad": lambda f: torch.func.grad(lambda x: f(x).sum())(tensor),
        "functionalize": lambda f: torch.func.functionalize(f)(tensor),
        "jvp": lambda f: torch.func.jvp(f, (tensor,), (tensor,)),
    }
    called = transforms[transform]
    with pytest.raises(TypeError, match=r"^logits is a tensor inside torch\.func .*call segpost"):
        called(segpost.softmax)
    with pytest.raises(TypeError, match=r"^out is a tensor inside torch\.func"):
        called(lambda x: segpost.softmax(scene(3, 4, 5), out=x))


def test_tensors_with_memory_pass(backend: str) -> None:
    """Views of every kind, also those that end where their storage does."""
    tensor = torch.from_numpy(np.ascontiguousarray(scene(3, 6, 8)))
    for view in (
        tensor[:, 2:, 3:],
        tensor[:, ::2, ::3],
        tensor.permute(0, 2, 1),
        tensor[:1].expand(3, 6, 8),
        torch.nn.Parameter(tensor),
        torch._neg_view(tensor),
        tensor.flip(0).clone()[1:],
        tensor.to(torch.bfloat16)[..., 1:],
    ):
        assert torch.equal(segpost.argmax(view).long(), view.float().argmax(0))
    assert segpost.softmax(torch.ones(3, 0, 5)).shape == (3, 0, 5)


@pytest.mark.parametrize("side", ["checkpoint", "model"])
def test_released_weights_are_compared_with_nothing(side: str) -> None:
    """A state dict of a sharded module names the tensor, on both sides of a comparison."""
    checkpoint, model = torch.nn.Conv2d(3, 3, 1), torch.nn.Conv2d(3, 3, 1)
    for parameter in {"checkpoint": checkpoint, "model": model}[side].parameters():
        parameter.untyped_storage().resize_(0)
    with pytest.raises(TypeError, match=rf"^{side}\['weight'\] has 9 elements and a storage of 0"):
        segpost.compare_checkpoints(checkpoint.state_dict(), model)
