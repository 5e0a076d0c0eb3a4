"""The only place that chooses a backend, and the contract that every backend keeps.

A backend is a module with the functions of :class:`Backend`. They get checked arguments, write into
arrays that exist, and report bad values by count and first place; the API turns that into errors.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import numpy.typing as npt

from segpost._core.device import HOST, DeviceArray, Place, in_order_of, place_of
from segpost._core.sampling import Axes, Taps, VolumeAxes

Array = npt.NDArray[Any]


class Logits(NamedTuple):
    """What a network gave, as a view: class axis first, no copy."""

    values: Array  # [N, C, h, w], any strides; bfloat16 as uint16
    kind: str  # the element type, "bfloat16" included
    scale: float = 1.0  # a real logit is scale * (value - zero_point)
    zero_point: float = 0.0
    threshold: float | None = None  # one-channel head: class 1 where value > threshold
    origin: tuple[int, int] = (0, 0)  # y, x of the first value in what the caller gave


class Laid(NamedTuple):
    """An overlay to make: the colors of labels over an image."""

    image: Array  # [N, H, W, 3] uint8
    alpha: Array  # [C + 1] uint16, 0..256
    out: Array  # [N, H, W, 3] uint8


class Paint(NamedTuple):
    """Pictures to make of labels on the way."""

    lut: Array  # [C + 1] uint32, 0x00bbggrr; the last is void's, which no label is
    color: Array | None = None  # [N, H, W, 3] uint8
    laid: Laid | None = None


class Report(NamedTuple):
    """What a kernel met on its way; places are flat indices, -1 where there is none.

    softmax leaves the NaN fields alone: a NaN that matters makes an output undefined. Where argmax
    makes a confidence, a pixel without one is undefined, whether it has a label or not.
    """

    nan_count: int = 0  # NaN values in the logits
    nan_first: int = -1  # into (N, h, w)
    undefined_count: int = 0  # output pixels without an answer
    undefined_first: int = -1  # into (N, H, W)

    def undefined_as(self, other: Report) -> Report:
        """The same with the undefined pixels of another."""
        return self._replace(
            undefined_count=other.undefined_count, undefined_first=other.undefined_first
        )


class Bad(NamedTuple):
    """Values outside the allowed set, found while reading ``(N, H, W)``."""

    total: int = 0
    first: int = -1


MOST_FEATURES = 32  # of a pairwise term, three for places


class Unary(NamedTuple):
    """What is known of every pixel of one image on its own."""

    values: Array  # [L, D, H, W] of a float type, any strides; bfloat16 as uint16
    kind: str  # the element type, "bfloat16" included
    meaning: str  # "probabilities", "logits" or "energies" (-log of a probability)
    clamp: float = 0.0  # probabilities below it are taken for it


class Pairwise(NamedTuple):
    """A Gaussian of the difference of two pixels' features: their places, their guide, or both."""

    sigma: tuple[float, float, float] | None  # pixels along D, H, W; None: places play no part
    guide: Array | None  # [D, H, W, G] uint8 or float32, any strides; on devices any real type
    guide_sigma: Array | None  # [G] float64, in the guide's units
    attraction: Array  # float64, weight included: (), [L] or [L, L]; a label's row gathers messages
    normalization: str  # "symmetric", "row", "column" or "none"
    guide_range: Array | None = None  # [2 * G] float64: least, then largest values; None: 0 and 255


class LatticeRecipe(NamedTuple):
    """How finely a Gaussian of features is sampled."""

    rounds: int  # blurs along every axis, the second in the opposite order
    side: float  # weight of each neighbour in a blur, the middle's being 1
    stretch: float  # how much closer vertices are than the variances of the steps say
    bridged: int  # vertices that one without pixels has to join; 0: there are none
    dropped: float  # bound on the probability that labels without a chance lose together


# Found by search, against the exact mean field of photographs and noise.
LATTICES = {
    "fast": LatticeRecipe(1, 0.5, 1.0, 0, 1e-4),
    "default": LatticeRecipe(1, 0.42, 1.02, 2, 1e-5),
    "high": LatticeRecipe(2, 0.4, 1.02, 1, 1e-6),
}


class CrfStep(NamedTuple):
    """Where mean field stands: parts of its free energy, and the largest change of a value."""

    entropy: float  # sum of Q log Q
    unary: float  # sum of Q U, where U = -log of the unary, as it is given (clamped)
    pairwise: float  # minus the sum of Q times its messages
    change: float  # max |Q - Q before|; NaN for the first


class BadUnary(NamedTuple):
    """Unary values that are none, counted while they are read; places are flat (L, D, H, W)."""

    total: int = 0  # NaN or infinite (-inf is a fine logit, +inf a fine energy)
    first: int = -1
    outside: int = 0  # probabilities below -1e-3 or above 1 + 1e-3
    outside_first: int = -1
    hopeless: int = 0  # pixels at which no label is possible
    hopeless_first: int = -1  # into (D, H, W)


class CrfSolver(Protocol):
    """A dense CRF of one image, ready to be inferred; `bad` says whether it can be."""

    bad: BadUnary

    def infer(
        self,
        out: Array,  # [L, D, H, W] float32, any strides; the final Q
        iterations: int,
        start: Array | None,  # [L, D, H, W] float32, any strides: Q to start from, not softmax(-U)
        tolerance: float | None,  # stop after an iteration that changes no value by more
        trace: bool,  # whether steps have energies
    ) -> list[CrfStep]:
        """The steps from the start to what is in `out`: one more than there were iterations.

        Without `trace` energies are NaN, and changes too where there is no tolerance.
        """
        ...


class Backend(Protocol):
    """The operations every backend has, under the names they have everywhere."""

    def argmax(
        self,
        logits: Logits,
        axes: Axes | None,
        labels: Array,  # [N, H, W] uint8 or int32
        paint: Paint | None = None,
        confidence: Array | None = None,  # [N, H, W] float32, or uint8: rint(255 c), 0 for NaN
        fast: bool = False,  # confidence within 1e-5 of the definition, not 1e-6
        probabilities: Array | None = None,  # [N, C, H, W] float32
    ) -> Report: ...

    # Confidence is the largest probability. Where it or probabilities are made, the report counts
    # the pixels that have none, of which those without a label are some.

    def argmax_volume(
        self,
        logits: Logits,  # values [N, C, d, h, w]; no threshold
        axes: VolumeAxes,
        labels: Array,  # [N, D, H, W] uint8 or int32, pixels adjacent
    ) -> Report:  # places are into (N, d, h, w) and (N, D, H, W)
        ...

    def softmax(
        self,
        logits: Logits,
        axes: Axes | None,
        probabilities: Array,  # [N, C, H, W] float32
        confidence: Array | None,  # [N, H, W] float32
    ) -> Report: ...

    def colorize(
        self,
        labels: Array,  # [N, H, W] integers
        lut: Array,  # [K + 1] uint32; the last is void
        ignore_index: int | None,
        out: Array,  # [N, H, W, 3] uint8
    ) -> Bad: ...

    def overlay(
        self,
        image: Array,  # [N, H, W, 3] uint8
        labels: Array,  # [N, H, W] integers
        lut: Array,  # [K + 1] uint32; the last is void
        alpha: Array,  # [K + 1] uint16, 0..256
        ignore_index: int | None,
        contour: int,
        out: Array,  # [N, H, W, 3] uint8
    ) -> Bad: ...

    def labels_from_colors(
        self,
        image: Array,  # [N, H, W, 3] uint8
        keys: Array,  # [K] uint32 colors, sorted
        values: Array,  # [K] int32 labels
        out: Array,  # [N, H, W] uint8 or int32
    ) -> Bad: ...

    def letterbox(
        self,
        image: Array,  # [N, H, W, 3] uint8
        y: Taps,  # from the image's height to that of the resized one
        x: Taps,
        offset: tuple[int, int],  # top and left of the resized one in `out`
        colors: Array,  # [3, 3] float64: gain, shift and padding of the channels of `image`
        out: Array,  # [N, 3, H', W'] float32 or float16, any strides: gain * value + shift
    ) -> None: ...

    # Counts are added to. Their rows are the classes of the target, void, and targets that are
    # neither; their columns the predicted classes, and predictions that are none. `ignored` are
    # the targets that are void, whether they are classes or not: sorted, each once.

    def confusion_labels(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        counts: Array,  # [C + 2, C + 1] int64
    ) -> None: ...

    def confusion_logits(
        self,
        logits: Logits,
        axes: Axes | None,
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        counts: Array,  # [C + 2, C + 1] int64
    ) -> Report: ...

    def bands(
        self,
        labels: Array,  # [N, H, W] integers
        width: int,  # pixels
        frame: bool,  # whether the end of the image is a boundary
        classes: int,
        ignored: Array,  # [I] int64
        out: Array,  # [N, H, W] uint8 or int32, C order
    ) -> None: ...

    def boundary_matches(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        ignored: Array,  # [I] int64
        offsets: Array,  # [K, 2] int32 (dy, dx), nearest first
        counts: Array,  # [C, 4] int64: predicted, of them matched, target, of them matched
    ) -> None: ...

    def instance_counts(
        self,
        preds: Array,  # [N, H, W] integers
        target: Array,  # [N, H, W] integers
        instances: Array,  # [N, H, W] integers in [0, K)
        groups: Array,  # [C] int64, the group of every class
        ignored: Array,  # [I] int64
        counts: Array,  # [K, 4] int64, zeros: pixels, of them right, of them in the right group,
        # and the class plus one, or -1 where an instance has pixels of several
    ) -> None: ...

    def dense_crf(
        self,
        unary: Unary,
        terms: Sequence[Pairwise],
        own: bool,  # whether a pixel sends a message to itself; if not, one that the others
        # together reach with no more than 1e-6 gets none
        method: str,  # "lattice" or "exact"
        quality: str,  # "fast", "default" or "high": of the lattice
    ) -> CrfSolver: ...


class Unread(Protocol):
    """Counts that are on devices until somebody reads them."""

    def settle(self) -> None:
        """Wait for them, and raise what is wrong with them."""
        ...


@runtime_checkable
class Checking(Protocol):
    """A backend whose reports wait on a device."""

    def checking(self, check: str) -> Backend:
        """The same, reading reports at once ("sync"), later ("deferred") or never ("off")."""
        ...

    def reporting_to(self, found: Array) -> Backend:
        """The same, adding what it meets to `found`, on the device: [4] uint64, as Report."""
        ...

    def defer(self, read: Callable[[], None]) -> None:
        """Have `raise_deferred` call this."""
        ...

    def watch(self, counts: Unread) -> None:
        """Have `raise_deferred` settle these, while they exist."""
        ...

    def raise_deferred(self) -> None:
        """Wait for reports that have not been read, and raise what they say."""
        ...


BACKENDS = ("native", "numba", "reference", "cuda")
_MODULES = {
    "native": "segpost._backends.native",
    "numba": "segpost._backends.numba",
    "reference": "segpost._backends.reference",
}
_forced: ContextVar[str | None] = ContextVar("segpost_backend", default=None)
_loaded: dict[str, Backend] = {}


def native_problem() -> str | None:
    """Why the native backend cannot be used, or None if it can."""
    try:
        importlib.import_module("segpost._cpu")
    except ImportError as error:
        return str(error)
    return None


def cuda_runtime() -> Any:
    """The extension module that runs kernels; the driver is not touched before it is asked."""
    return importlib.import_module("segpost._cuda")


def cuda_problem() -> str | None:
    """Why the CUDA backend cannot be used, or None if it can."""
    try:
        count, problem = cuda_runtime().device_count()
    except ImportError as error:
        return f"it is not in this installation: {error}"
    return None if count else str(problem)


def _load(name: str) -> Backend:
    if name not in _loaded:
        if name == "cuda":
            problem = cuda_problem()
            if problem is not None:
                raise RuntimeError(f"the cuda backend cannot be used: {problem}")
            from segpost._backends.cuda.backend import Gpu

            _loaded[name] = Gpu(cuda_runtime())
            return _loaded[name]
        if name == "native":
            problem = native_problem()
            if problem is not None:
                raise RuntimeError(
                    "the native backend is not in this installation "
                    f"({problem}); reinstall segpost where a C++ compiler works, "
                    "with SEGPOST_REQUIRE_NATIVE=1 to see why it does not build"
                )
        _loaded[name] = cast(Backend, importlib.import_module(_MODULES[name]))
    return _loaded[name]


def _check_name(name: object, where: str) -> str:
    if name not in BACKENDS:
        raise ValueError(f"{where} must be one of {', '.join(BACKENDS)}, got {name!r}")
    return str(name)


_default: str | None = None


def backend_name() -> str:
    """The backend that the next call will use."""
    global _default
    forced = _forced.get()
    if forced is not None:
        return forced
    if _default is None:
        wanted = os.environ.get("SEGPOST_BACKEND")
        if wanted:
            _default = _check_name(wanted, "SEGPOST_BACKEND")
        else:
            _default = "native" if native_problem() is None else "numba"
    return _default


def backend(*arrays: Array | None, check: str = "sync") -> Backend:
    """The backend of the arrays' device; on the CPU the one asked for, or the fastest there is.

    Raises
    ------
    TypeError
        If the arrays are on different devices, or not where the backend that was asked for is.
    """
    place = place_of(*arrays)
    name = backend_name()
    if place.device < 0:
        if name == "cuda":
            raise TypeError("the cuda backend reads arrays on a CUDA device, got one on the CPU")
        return _load(name)  # where reports never wait
    forced = _forced.get()
    if forced not in (None, "cuda"):
        raise TypeError(f"the {forced} backend reads arrays on the CPU, got one on {place}")
    _same_place(place, arrays)
    return cast(Checking, _load("cuda")).checking(check)


def raise_deferred() -> None:
    """Read the reports that wait on devices."""
    for loaded in _loaded.values():
        if isinstance(loaded, Checking):
            loaded.raise_deferred()


def _same_place(place: Place, arrays: Sequence[Array | None]) -> None:
    """Refuse other devices, and have the place's stream wait for those of the arrays."""
    for array in arrays:
        if array is None:
            continue
        other = array.place if isinstance(array, DeviceArray) else HOST
        if other.device != place.device:
            raise TypeError(
                f"arrays are on different devices: one on {place}, another on {other}; "
                "move them together yourself"
            )
        in_order_of(place, array)


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Use one backend for every call inside the ``with`` block (this thread and context only).

    Parameters
    ----------
    name : {"native", "numba", "reference", "cuda"}
        Every backend gives the same integers; "reference" is the float64 NumPy definition.

    Raises
    ------
    ValueError
        If there is no backend of that name.
    RuntimeError
        If the native or the cuda backend cannot be used, saying why.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> with segpost.use_backend("reference"):
    ...     segpost.argmax(np.float32([[[1, 5]], [[2, 3]]]))
    array([[1, 0]], dtype=uint8)
    """
    _load(_check_name(name, "name"))
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)
