"""The array types of public signatures, for type checkers.

Results have the array type of an argument. A function has three overloads: NumPy arrays, and other
host memory that results are NumPy arrays for; arrays of other libraries, whose results are of the
same library; and objects of which `__array__` makes a NumPy array.
"""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

LabelArray = npt.NDArray[np.uint8 | np.int32]
UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]


class SupportsDLPack(Protocol):
    """An array of any library: of NumPy, torch, JAX, CuPy."""

    def __dlpack__(self, *, stream: Any = ...) -> Any: ...


class SupportsCudaArrayInterface(Protocol):
    """An array on a CUDA device, of Numba or of a library without DLPack."""

    @property
    def __cuda_array_interface__(self) -> Any: ...


class SupportsArrayInterface(Protocol):
    """A NumPy array, or an object that lends its memory to NumPy, such as Pillow's images."""

    @property
    def __array_interface__(self) -> Any: ...


class SupportsArray(Protocol):
    """An object of which NumPy makes an array."""

    def __array__(self) -> Any: ...


if TYPE_CHECKING:
    from typing import Generic as Generic

    from typing_extensions import Buffer, TypeVar

    HostArray = SupportsArrayInterface | Buffer
    # Of a Segmentation, a Stream: no dtype, and no Any, which would be ambiguous in overloads.
    NumpyArray = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
    ArrayT = TypeVar("ArrayT", bound=SupportsDLPack | SupportsCudaArrayInterface)
    ArrayT_co = TypeVar("ArrayT_co", covariant=True, default=Any)
else:
    HostArray = NumpyArray = ArrayT = ArrayT_co = Any

    class Generic:
        """A base that takes type arguments, as many as are left without a default."""

        def __class_getitem__(cls, arguments: object) -> object:
            return GenericAlias(cls, arguments)
