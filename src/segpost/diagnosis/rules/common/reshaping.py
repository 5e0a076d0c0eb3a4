"""Logits whose layout was changed with reshape where transpose was meant."""

from __future__ import annotations

import numpy as np

from segpost._core.contract import Logits
from segpost.diagnosis.context import DiagnosticContext


def undo_reshape(context: DiagnosticContext) -> Logits:
    """Return the logits as they would be if a reshape had been a transpose."""
    logits = context.logits
    n, c, h, w = logits.values.shape
    if context.inputs.class_axis == -3:  # (h, w, c) that was reshaped to (c, h, w)
        array = np.ascontiguousarray(logits.values).reshape(n, h, w, c)
        return logits._replace(values=np.moveaxis(array, -1, 1))
    array = np.ascontiguousarray(np.moveaxis(logits.values, 1, -1))
    return logits._replace(values=array.reshape(n, c, h, w))  # (c, h, w) reshaped to (h, w, c)
