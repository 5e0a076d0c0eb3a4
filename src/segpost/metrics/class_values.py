"""`ClassValues`: scores with a value for every class, which may be looked up by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn, overload

import numpy as np

from segpost._core.text import format_names, suggest_name
from segpost.metrics.ratios import Float64

if TYPE_CHECKING:
    FloatArray = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]
else:
    FloatArray = np.ndarray


class ClassValues(FloatArray):
    """(C,) float64, one value a class. An index may also be the name of a class.

    Whatever is computed from it is a plain array, and so are pickles.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost.metrics.class_values import ClassValues
    >>> iou = ClassValues.of(np.array([0.5, 0.75]), ["road", "car"])
    >>> iou, float(iou["car"])
    (array([0.5 , 0.75]), 0.75)
    """

    _names: Sequence[str] | None = None

    @classmethod
    def of(cls, values: Float64, names: Sequence[str] | None) -> ClassValues:
        """Return a view of values, with the names of their classes."""
        named = values.view(cls)
        named._names = names
        return named

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: str) -> np.float64: ...
        @overload
        def __getitem__(self, index: Any) -> Any: ...

    def __getitem__(self, index: Any) -> Any:
        if type(index) is str:
            index = self._find(index)
        return self.view(np.ndarray)[index]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            cure = f"; it is [{name!r}]" if name in (self._names or ()) else ""
            raise AttributeError(f"'ClassValues' object has no attribute {name!r}{cure}")

    def _find(self, name: str) -> int:
        """Return the label of the class of a name."""
        names = self._names
        if names is None or name not in names:
            self._raise_unknown(name)
        return tuple(names).index(name)

    def _raise_unknown(self, name: str) -> NoReturn:
        if not self._names:
            raise KeyError(
                f"classes have no names here, got {name!r}: pass class_names= to the measure"
            )
        hint = suggest_name(name, self._names) or f"; they are {format_names(self._names)}"
        raise KeyError(f"there is no class {name!r}{hint}")

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array).view(np.ndarray)
        return plain[()] if return_scalar or not plain.ndim else plain

    def __reduce__(self) -> Any:
        return self.view(np.ndarray).__reduce__()

    def __deepcopy__(self, memo: Any) -> ClassValues:
        return ClassValues.of(self.view(np.ndarray).copy(), self._names)

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))
