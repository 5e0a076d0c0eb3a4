"""What tests compare with: computed once for all backends and SIMD levels."""

from __future__ import annotations

import functools
import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import segpost

P = ParamSpec("P")
Result = TypeVar("Result")
BYTES = 512 << 20  # of results that are kept; the ones unused for longest are dropped

_results: OrderedDict[bytes, bytes] = OrderedDict()


def definition(call: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Result:
    """The result of `call` on the reference backend.

    The second call with the same values computes nothing. Every result is a copy of its own.
    """

    def compute() -> Result:
        with segpost.use_backend("reference"):
            return call(*args, **kwargs)

    return _once(compute, ("reference", call.__module__, call.__qualname__, args, kwargs))


def once(function: Callable[P, Result]) -> Callable[P, Result]:
    """A function of arrays that is computed once for the same values."""

    @functools.wraps(function)
    def call_once(*args: P.args, **kwargs: P.kwargs) -> Result:
        arguments = function.__module__, function.__qualname__, args, kwargs
        return _once(lambda: function(*args, **kwargs), arguments)

    return call_once


def _once(compute: Callable[[], Result], arguments: tuple[object, ...]) -> Result:
    key = hashlib.sha256(pickle.dumps(arguments)).digest()
    if key not in _results:
        _results[key] = pickle.dumps(compute(), protocol=5)
        while sum(map(len, _results.values())) > BYTES and len(_results) > 1:
            _results.popitem(last=False)
    _results.move_to_end(key)
    result: Result = pickle.loads(_results[key])
    return result
