"""How a runtime hands over what its network says: where it is, what it is, how its grid lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from os import PathLike
from typing import Any

from segpost._core import arguments
from segpost._core.sampling import GRIDS
from segpost.runtimes import graphs, table

KINDS = ("logits", "probabilities", "labels")
ARRAYS = ("__array__", "__dlpack__", "__cuda_array_interface__", "__array_interface__")


@dataclass(frozen=True)
class Convention:
    """What has to be known of a network's output before anything can be made of it.

    One argument of `postprocess` instead of five, because the five belong together: a channels-last
    output read as channels-first, or a TF1 grid read as torch's, gives a picture that is wrong and
    looks plausible.

    Attributes
    ----------
    name : str
        What errors call it.
    kind : {"logits", "probabilities", "labels"}
        What a bare array is.
    outputs : sequence of (str, kind)
        Names that hold the result, in a dict or as attributes, the first that is there and not
        None counts; each with what it holds.
    axis : int
        The class axis: -3 (channels first) or -1.
    grid : {"half_pixel", "align_corners", "asymmetric"} or None
        How the network's own upsampling lays its small map on its input. None: nobody said, and
        `postprocess` asks for ``grid=`` where it matters.
    upsampled : bool
        That upsampling is behind us. Any further one is of a picture, so "half_pixel".
    quantization : (scale, zero_point), optional
        Of integer outputs.
    foreground : int, optional
        Of label masks whose ids mean something else: this id becomes 1, `background` becomes 0.
    background : int, optional
        See `foreground`.
    normalization : mapping
        What the network's input wants, in the words of `Letterbox.apply`.
    head : str
        The name of the small map before the network's own upsampling, where a file told it.
    note : str
        What else goes wrong with this runtime.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> output = {"out": np.eye(3, dtype=np.float32).reshape(3, 1, 3), "aux": None}
    >>> segpost.postprocess(output, convention="torchvision").labels
    array([[0, 1, 2]], dtype=uint8)
    >>> segpost.Convention.named("keras-hub").axis
    -1
    """

    name: str = "custom"
    kind: str = "logits"
    outputs: Sequence[tuple[str, str]] = ()
    axis: int = -3
    grid: str | None = "half_pixel"
    upsampled: bool = False
    quantization: tuple[float, float] | None = None
    foreground: int | None = None
    background: int | None = None
    normalization: Mapping[str, Any] = field(default_factory=dict)
    head: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        arguments.check_choice(self.kind, "kind", KINDS)
        for _, kind in self.outputs:
            arguments.check_choice(kind, "the kind of an output", KINDS)
        if self.axis not in (-3, -1):
            raise ValueError(f"axis must be -3 (channels first) or -1, got {self.axis!r}")
        if self.grid is not None:
            arguments.check_choice(self.grid, "grid", GRIDS)
        if (self.foreground is None) != (self.background is None):
            raise ValueError("foreground and background belong together: give both or none")

    @staticmethod
    def named(name: str) -> Convention:
        """The convention of a runtime or of a well-known repository.

        Parameters
        ----------
        name : str
            One of `Convention.names`.

        Raises
        ------
        ValueError
            For another name; the message lists those that there are.
        """
        return _named(name)

    @staticmethod
    def names() -> tuple[str, ...]:
        """The conventions that have a name."""
        return tuple(table.TABLE)

    @staticmethod
    def from_onnx(model: str | PathLike[str] | Any, output: str | int = 0) -> Convention:
        """What an ONNX file says of an output: its last Resize, Transpose, Softmax and ArgMax.

        Parameters
        ----------
        model : path or onnx.ModelProto
            Weights in files beside it are not read.
        output : str or int
            The output's name or number.

        Returns
        -------
        convention : Convention
            Its `head` is the name of the tensor before the last Resize: make that an output too
            (``onnx.utils.extract_model``), and segpost does the upsampling; see
            `Convention.before_upsampling`.

        Raises
        ------
        ImportError
            Without the package onnx.
        ValueError
            Where there is no such output.
        """
        return Convention(name="onnxruntime", **graphs.of_onnx(model, output))

    @staticmethod
    def from_openvino(model: Any, output: int = 0) -> Convention:
        """What an `openvino.Model`, before it is compiled, says of an output: as `from_onnx`."""
        return Convention(name="openvino", **graphs.of_openvino(model, output))

    @staticmethod
    def from_litert(model: str | PathLike[str] | bytes, output: int = 0) -> Convention:
        """What a `.tflite` file says of an output: scale, zero point, resizing, softmax, argmax.

        Parameters
        ----------
        model : path or bytes
        output : int
            The output's number.

        Raises
        ------
        ImportError
            Without ai-edge-litert or tensorflow, which know the format.
        ValueError
            Where the output has a scale for each class: raw values cannot be compared then.
        """
        return Convention(name="litert", **graphs.of_litert(model, output))

    def before_upsampling(self) -> Convention:
        """The same for the small map before the network's own upsampling.

        That is what to take where the runtime lets you: segpost then reads 1/16 or 1/64 of the
        numbers, and upsamples exactly.
        """
        return replace(self, name=f"{self.name}, before its upsampling", upsampled=False)

    def further_grid(self) -> str | None:
        """The grid of what is still to be done."""
        return "half_pixel" if self.upsampled else self.grid

    def pick(self, output: Any) -> tuple[Any, str]:
        """The array in what the runtime gave, and what it holds.

        Parameters
        ----------
        output : array, dict, dataclass, list or tuple
            As it came.

        Returns
        -------
        array : array
            As it came: nothing is copied, but for lists of one map a class, which are stacked.
        kind : {"logits", "probabilities", "labels"}

        Raises
        ------
        ValueError, TypeError
            Where nothing in it fits; the message says what there is.

        Examples
        --------
        >>> import segpost
        >>> segpost.Convention.named("deeplab2").pick({"semantic_pred": memoryview(b"1")})[1]
        'labels'
        """
        if not _is_array(output):
            for name, kind in self.outputs:
                found = _member(output, name)
                if found is not None:
                    return self._array(found, f"output {name!r}"), kind
        return self._array(output, "the output"), self.kind

    def _array(self, value: Any, what: str) -> Any:
        """`value`, or the one array inside it."""
        if _is_array(value):
            return value
        view = getattr(value, "numpy_view", None)
        if view is not None:
            return view()
        if isinstance(value, Mapping):
            whole = list(value.values())
            if len(whole) == 1:
                return self._array(whole[0], what)
            names = ", ".join(repr(_key(key)) for key in value)
            raise ValueError(
                f"{what} is a {type(value).__name__} with {names or 'nothing in it'}, and "
                f"convention {self.name!r} {self._wants()}{_others(value)}; pass the entry itself"
            )
        if isinstance(value, (list, tuple)):
            if len(value) == 1:
                return self._array(value[0], what)
            parts = [self._array(part, what) for part in value]
            shapes = [tuple(getattr(part, "shape", ())) for part in parts]
            if shapes and len(shapes[0]) == 2 and all(shape == shapes[0] for shape in shapes):
                return _stacked(parts)
            raise ValueError(
                f"{what} is a {type(value).__name__} of {len(value)} arrays of shapes {shapes}; "
                "pass the one with the logits"
            )
        inner = getattr(value, "data", None)
        if inner is not None and _is_array(inner):
            return inner
        raise TypeError(
            f"{what} is a {type(value).__name__}, in which convention {self.name!r} finds no "
            f"array; it {self._wants()}{_others(value)}; pass the array itself"
        )

    def _wants(self) -> str:
        names = " or ".join(repr(name) for name, _ in self.outputs)
        return f"looks for {names}" if names else "wants a bare array"


def as_convention(convention: Convention | str) -> Convention:
    """A convention, or the one of that name."""
    if isinstance(convention, Convention):
        return convention
    if isinstance(convention, str):
        return _named(convention)
    raise TypeError(f"convention must be a Convention or a name, got {convention!r}")


def picked(convention: Convention | str | None, output: Any) -> tuple[Any, Convention | None]:
    """What the convention picks of a runtime's output, and what that is."""
    if convention is None:
        return output, None
    told = as_convention(convention)
    array, kind = told.pick(output)
    return array, replace(told, kind=kind)


def agreed(
    convention: Convention | None, axis: Any, grid: str | None, quantization: Any
) -> tuple[Any, str | None, Any]:
    """The axis, the grid and the quantization of the arguments and the convention together."""
    if convention is None:
        return -3 if axis is None else axis, "half_pixel" if grid is None else grid, quantization
    told: dict[str, tuple[Any, Any]] = {
        "axis": (axis, convention.axis),
        "grid": (grid, convention.further_grid()),
        "quantization": (quantization, convention.quantization),
    }
    for name, (given, own) in told.items():
        if given is None or own is None or given == own:
            continue
        hint = ""
        if name == "grid" and convention.upsampled and given == convention.grid:
            hint = (
                ": its output has been upsampled, and what remains is the resizing of a picture; "
                "for the small map before it, convention.before_upsampling()"
            )
        raise ValueError(
            f"{name}={given!r} does not agree with convention {convention.name!r}, which says "
            f"{own!r}{hint or f'; leave {name} out, or dataclasses.replace the convention'}"
        )
    axis, grid, quantization = (own if given is None else given for given, own in told.values())
    return axis, grid, quantization


@lru_cache(maxsize=64)
def _named(name: str) -> Convention:
    arguments.check_choice(name, "convention", tuple(table.TABLE))
    return Convention(name=name, **table.TABLE[name])


def _is_array(value: Any) -> bool:
    return isinstance(value, memoryview) or any(hasattr(value, name) for name in ARRAYS)


def _member(output: Any, name: str) -> Any:
    if isinstance(output, Mapping):
        return output.get(name)
    return getattr(output, name, None)


def _key(key: Any) -> Any:
    """What to call a key: OpenVINO's are outputs, with a name of their own or without."""
    names = getattr(key, "names", None)
    return next(iter(sorted(names)), str(key)) if names is not None else key


def _others(output: Any) -> str:
    """Conventions whose names are in an output."""
    fitting = [
        name
        for name in table.TABLE
        if any(_member(output, key) is not None for key, _ in _named(name).outputs)
    ]
    return f" (convention={' or '.join(map(repr, fitting))} would fit)" if fitting else ""


def _stacked(parts: list[Any]) -> Any:
    """One map a class as one array."""
    import numpy as np

    return np.stack([np.asarray(part) for part in parts])
