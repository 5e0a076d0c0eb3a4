"""Arrays that say they are on a device, over the CPU's memory, and a runtime that is watched."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core import dlpack
from segpost._core.device import to_host

WAITING = ("copy_in", "copy_out", "allocate", "release")  # what a captured graph cannot do


class Runtime:
    """The emulated runtime; it has any number of devices, and remembers what it was asked."""

    def __init__(self, module: Any) -> None:
        self.module, self.captured, self.busy = module, False, False
        self.calls: list[tuple[Any, ...]] = []
        self.bytes_read = 0  # on the CPU

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.module, name)

        def call(*arguments: Any) -> Any:
            numbers = (n for n in arguments if isinstance(n, int))  # an array would stay
            self.calls.append((name, *numbers))
            if name == "copy_out":
                self.bytes_read += arguments[0].nbytes
            return function(*arguments)

        return call

    def use_device(self, device: int) -> int:
        return 0

    def is_captured(self, stream: int) -> bool:
        return self.captured

    def event_done(self, event: int) -> bool:
        return not self.busy

    def waits(self) -> int:
        """How often somebody waited, or took memory that torch does not know."""
        return sum(call[0] in WAITING for call in self.calls)


class Cuda:
    """An array with nothing but an interface; its memory is NumPy's."""

    def __init__(self, array: np.ndarray, **more: Any) -> None:
        self.array, self.more = array, more

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self.array.__array_interface__, "version": 3, "stream": None, **self.more}


class Lending:
    """An array with nothing but DLPack; its memory is that of a producer on the CPU."""

    versioned = True

    def __init__(self, producer: Any, device: tuple[int, int] = (2, 0), **changes: Any) -> None:
        self.producer, self.device, self.changes = producer, device, changes
        self.asked: list[dict[str, Any]] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, **options: Any) -> Any:
        if not self.versioned and "max_version" in options:
            raise TypeError("unexpected keyword argument 'max_version'")
        self.asked.append(options)
        capsule = self.producer.__dlpack__(max_version=options.get("max_version"))
        tensor = dlpack._tensor(capsule)
        tensor.device.type, tensor.device.id = self.device
        for name, value in self.changes.items():
            setattr(tensor, name, value)
        return capsule


class Old(Lending):
    """From before DLPack 1.0: it knows no versions."""

    versioned = False


class Namespaced(Lending):
    """As JAX's arrays: results become such arrays by `from_dlpack` of their library."""

    stream = 7  # its own
    x64 = True

    def __array_namespace__(self) -> Any:
        return type(self)

    @classmethod
    def from_dlpack(cls, result: Any) -> Any:
        lent = dlpack.request_tensor(result, stream=cls.stream)
        view = cls(None, result.__dlpack_device__())
        view.lent = lent
        view.dtype = lent.dtype if cls.x64 else np.dtype(np.int32)
        return view

    lent: dlpack.BorrowedTensor
    dtype: np.dtype[Any]

    def read(self) -> np.ndarray:
        """Its elements."""
        lent = self.lent
        interface = {"version": 3, "data": (lent.address, True), "typestr": lent.dtype.str}
        interface |= {"shape": lent.shape, "strides": lent.strides}
        return np.asarray(dlpack._Memory(lent.capsule, interface)).copy()


def host(result: Any) -> np.ndarray:
    """What a result on the device holds."""
    return to_host(result.array)
