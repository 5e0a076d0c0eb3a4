"""`pydensecrf.eigen`: its matrices are NumPy arrays here."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.compat.pydensecrf._inputs import floats


def matrixXf(arr: Any) -> Array:
    """A copy of a float32 matrix.

    Parameters
    ----------
    arr : float32 array of two dimensions

    Returns
    -------
    matrix : float32 array of the same shape, contiguous and writable

    Raises
    ------
    ValueError
        For another dtype or number of dimensions.
    TypeError
        For what is no array.

    Examples
    --------
    >>> import numpy as np
    >>> matrixXf(np.float32([[1, 2]]))
    array([[1., 2.]], dtype=float32)
    """
    return floats(arr, "arr", 2)


def vectorXf(arr: Any) -> Array:
    """A copy of a float32 vector; errors as in `matrixXf`.

    Examples
    --------
    >>> import numpy as np
    >>> vectorXf(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """
    return floats(arr, "arr", 1)


def MatrixXf() -> Array:
    """An empty float32 matrix, such as `stepInference` may be given for its temporaries."""
    return np.empty((0, 0), np.float32)


def VectorXf() -> Array:
    """An empty float32 vector."""
    return np.empty(0, np.float32)
