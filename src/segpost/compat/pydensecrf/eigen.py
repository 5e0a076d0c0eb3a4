"""`pydensecrf.eigen`: the constructors of its matrices, which are NumPy arrays here."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.compat.pydensecrf._inputs import copy_floats


def matrixXf(arr: Any) -> Array:
    """Return a copy of a float32 matrix.

    Parameters
    ----------
    arr : float32 array of two dimensions

    Returns
    -------
    matrix : float32 array of the same shape, contiguous and writable

    Raises
    ------
    ValueError
        If the array has another dtype or number of dimensions.
    TypeError
        If `arr` is not an array.

    Examples
    --------
    >>> import numpy as np
    >>> matrixXf(np.float32([[1, 2]]))
    array([[1., 2.]], dtype=float32)
    """
    return copy_floats(arr, "arr", 2)


def vectorXf(arr: Any) -> Array:
    """Return a copy of a float32 vector; errors are those of `matrixXf`.

    Examples
    --------
    >>> import numpy as np
    >>> vectorXf(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """
    return copy_floats(arr, "arr", 1)


def MatrixXf() -> Array:
    """Return an empty float32 matrix, as `stepInference` takes for its temporaries."""
    return np.empty((0, 0), np.float32)


def VectorXf() -> Array:
    """Return an empty float32 vector."""
    return np.empty(0, np.float32)
