"""What the definition gives: computed once for all backends and SIMD levels."""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import segpost

P = ParamSpec("P")
Result = TypeVar("Result")
BYTES = 512 << 20  # of results that are kept; the ones unused for longest are dropped

_kept: OrderedDict[bytes, bytes] = OrderedDict()


def definition(call: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Result:
    """The result of `call` on the reference backend.

    The second call with the same values computes nothing. Every result is a copy of its own.
    """
    arguments = call.__module__, call.__qualname__, args, sorted(kwargs.items())
    key = hashlib.sha256(pickle.dumps(arguments)).digest()
    if key not in _kept:
        with segpost.use_backend("reference"):
            _kept[key] = pickle.dumps(call(*args, **kwargs), protocol=5)
        while sum(map(len, _kept.values())) > BYTES and len(_kept) > 1:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    result: Result = pickle.loads(_kept[key])
    return result
