"""Output formats of runtimes: where the result is, what it holds, how its grid was sampled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from os import PathLike
from typing import Any, Literal, get_args

import numpy as np

from segpost._core import arguments
from segpost._core.logits import resolve_quantization
from segpost._core.public import public
from segpost._core.sampling import GRIDS, Grid
from segpost._core.unknown_names import SuggestingType
from segpost.runtimes.names import known_name, refuse_name_alone
from segpost.runtimes.table import ALIASES, TABLE, ConventionName

OutputKind = Literal["logits", "probabilities", "labels", "queries"]
KINDS: tuple[str, ...] = get_args(OutputKind)
ARRAY_PROTOCOLS = (
    "__array__",
    "__dlpack__",
    "__cuda_array_interface__",
    "__array_interface__",
)


@public
@dataclass(frozen=True)
class Convention(metaclass=SuggestingType):
    """The output format of a model, as a runtime or a repository gives it.

    It is one argument of `postprocess` instead of five, because the five belong together: a
    channels-last output that is read as channels-first, or a TF1 grid that is read as PyTorch's,
    gives labels that are wrong and look plausible.

    Attributes
    ----------
    name : str
        The name that error messages use.
    kind : {"logits", "probabilities", "labels", "queries"}
        The content of a bare array. "queries" are two arrays, class logits and mask logits, as
        `segment_queries` takes them.
    outputs : sequence of (str, kind)
        Names of entries (of a dict) or attributes that may hold the result, each with its content.
        The first one that exists and is not None is used; for "queries" the first two are.
    axis : int
        The class axis: -3 (channels first) or -1 (channels last).
    grid : {"half_pixel", "align_corners", "asymmetric"} or None
        The sampling grid of the model's own upsampling. None means unknown: `postprocess` then
        requires ``grid=`` where the grid matters.
    upsampled : bool
        True if the model already upsampled its output. Further resizing then uses "half_pixel".
    quantization : (scale, zero_point), optional
        The quantization of integer outputs; (0.0, 0), which runtimes say of others, is none.
    foreground : int, optional
        For label masks with other ids: this id becomes 1, and `background` becomes 0.
    background : int, optional
        See `foreground`.
    normalization : mapping
        The normalization of the model's input, as arguments of `Letterbox.apply`.
    head : str
        The name of the low-resolution tensor before the model's own upsampling, where a model file
        names it.
    note : str
        Other known problems with this runtime.
    dialect : str
        For "queries": the `dialect` of `segment_queries`; by default its default.

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
    kind: OutputKind = "logits"
    outputs: Sequence[tuple[str, str]] = ()
    axis: int = -3
    grid: Grid | None = "half_pixel"
    upsampled: bool = False
    quantization: tuple[float, float] | None = None
    foreground: int | None = None
    background: int | None = None
    normalization: Mapping[str, Any] = field(default_factory=dict)
    head: str = ""
    note: str = ""
    dialect: str = field(default="", repr=False)

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
        object.__setattr__(self, "quantization", resolve_quantization(self.quantization))
        refuse_name_alone(self)

    @staticmethod
    def named(name: ConventionName) -> Convention:
        """Return the convention of a runtime or of a well-known repository.

        Parameters
        ----------
        name : str
            One of `Convention.names`, or another name of one: "hf" and "huggingface" are
            "transformers", "pytorch" and "torch" are "torchvision", "keras" is "keras-hub", "onnx"
            is "onnxruntime" and "tflite" is "litert". Case does not matter, and "_" and " " are
            "-".

        Raises
        ------
        ValueError
            For an unknown name; the message lists the known ones.
        """
        return _find_convention(name)

    @staticmethod
    def names() -> tuple[str, ...]:
        """Return the names of the known conventions."""
        return tuple(TABLE)

    @staticmethod
    def from_onnx(model: str | PathLike[str] | Any, output: str | int = 0) -> Convention:
        """Read the convention of an output from an ONNX model.

        It follows the last Resize, Transpose, Softmax and ArgMax (or TopK of one, or comparison)
        before the output, through casts, reshapes, slices and quantization.

        Parameters
        ----------
        model : path or onnx.ModelProto
            External weight files are not read.
        output : str or int
            The name or the index of the output.

        Returns
        -------
        convention : Convention
            Its `head` is the name of the tensor before the last Resize. Make that tensor an output
            too (``onnx.utils.extract_model``), and segpost does the upsampling; see
            `Convention.before_upsampling`.

        Raises
        ------
        ImportError
            If the package onnx is not installed.
        ValueError
            If the model has no such output, or if it holds class ids that a linear Resize
            interpolated or another operator changed.
        """
        from segpost.runtimes.onnx import read_convention

        return Convention(name="onnxruntime", **read_convention(model, output))

    @staticmethod
    def from_openvino(model: Any, output: int = 0) -> Convention:
        """Read the convention of an output from an uncompiled `openvino.Model`, as `from_onnx`."""
        from segpost.runtimes.openvino import read_convention

        return Convention(name="openvino", **read_convention(model, output))

    @staticmethod
    def from_litert(model: str | PathLike[str] | bytes, output: int = 0) -> Convention:
        """Read the convention of an output from a `.tflite` file.

        It reads the quantization, the resize, the softmax and the argmax.

        Parameters
        ----------
        model : path or bytes
        output : int
            The index of the output.

        Raises
        ------
        ImportError
            If neither ai-edge-litert nor tensorflow is installed; they define the format.
        ValueError
            If the output has one scale per class: its raw values cannot be compared. For class
            ids, as in `from_onnx`.
        """
        from segpost.runtimes.litert import read_convention

        return Convention(name="litert", **read_convention(model, output))

    def before_upsampling(self) -> Convention:
        """Return the convention of the low-resolution tensor before the model's own upsampling.

        Use that tensor where the runtime gives access to it: segpost then reads 1/16 or 1/64 of the
        values, and upsamples exactly.
        """
        return replace(self, name=f"{self.name}, before its upsampling", upsampled=False)

    def further_grid(self) -> str | None:
        """Return the sampling grid of the resizing that remains to be done."""
        return "half_pixel" if self.upsampled else self.grid

    def pick(self, output: Any) -> tuple[Any, str]:
        """Find the array in a model's output, and say what it holds.

        Parameters
        ----------
        output : array, dict, dataclass, list or tuple
            The output as the runtime returns it.

        Returns
        -------
        array : array
            The array without a copy. Only lists with one map per class are stacked.
        kind : {"logits", "probabilities", "labels"}

        Raises
        ------
        ValueError, TypeError
            If the output has no such array; the message lists what it has.

        Examples
        --------
        >>> import segpost
        >>> segpost.Convention.named("deeplab2").pick({"semantic_pred": memoryview(b"1")})[1]
        'labels'
        """
        if self.kind == "queries":
            raise ValueError(
                f"by convention {self.name!r} the output is class logits and mask logits of "
                "queries, from which segpost.postprocess and segpost.segment_queries make labels: "
                "pass those"
            )
        if not _is_array(output):
            is_mapping = isinstance(output, Mapping)
            for name, kind in self.outputs:
                entry = output.get(name) if is_mapping else getattr(output, name, None)
                if entry is not None:
                    return self._find_array(entry, f"output {name!r}"), kind
        return self._find_array(output, "the output"), self.kind

    def pick_queries(self, output: Any) -> tuple[Any, Any]:
        """Find the class logits and the mask logits of queries in a model's output.

        Parameters
        ----------
        output : dict, dataclass, or a list or tuple of two arrays
            The output as the model returns it.

        Raises
        ------
        ValueError
            If the output does not have both.

        Examples
        --------
        >>> import segpost
        >>> convention = segpost.Convention.named("mask2former")
        >>> convention.pick_queries({"class_queries_logits": [1], "masks_queries_logits": [2]})
        ([1], [2])
        """
        if isinstance(output, (list, tuple)) and len(output) == 2:
            return output[0], output[1]
        names = [name for name, _ in self.outputs[:2]]
        is_mapping = isinstance(output, Mapping)
        entries = [output.get(n) if is_mapping else getattr(output, n, None) for n in names]
        if len(entries) == 2 and all(entry is not None for entry in entries):
            return entries[0], entries[1]
        there = sorted(map(str, output)) if is_mapping else []
        contents = f" with {', '.join(map(repr, there))}" if there else ""
        raise ValueError(
            f"the output is a {type(output).__name__}{contents}, and convention {self.name!r} "
            f"looks for {' and '.join(map(repr, names)) or 'two arrays'}: pass it, or the two "
            "arrays (class_logits, mask_logits)"
        )

    def _find_array(self, output: Any, name: str) -> Any:
        """Return `output`, or the only array inside it."""
        if _is_array(output):
            return output
        numpy_view = getattr(output, "numpy_view", None)  # an image of MediaPipe
        if numpy_view is not None:
            return numpy_view()
        if isinstance(output, Mapping):
            entries = list(output.values())
            if len(entries) == 1:
                return self._find_array(entries[0], name)
            names = [_format_key(key) for key in output]
            raise ValueError(
                f"{name} is a {type(output).__name__} with "
                f"{', '.join(map(repr, names)) or 'nothing in it'}, and convention {self.name!r} "
                f"{self._expectation()}{_format_matches(names)}; pass the entry itself"
            )
        if isinstance(output, (list, tuple)):
            if len(output) == 1:
                return self._find_array(output[0], name)
            arrays = [self._find_array(entry, name) for entry in output]
            shapes = [tuple(getattr(array, "shape", ())) for array in arrays]
            if shapes and len(shapes[0]) == 2 and all(shape == shapes[0] for shape in shapes):
                return np.stack([np.asarray(array) for array in arrays])  # one map per class
            raise ValueError(
                f"{name} is a {type(output).__name__} of {len(output)} arrays of shapes {shapes}; "
                "pass the one with the logits"
            )
        data = getattr(output, "data", None)
        if data is not None and _is_array(data):
            return data
        raise TypeError(
            f"{name} is of type {type(output).__name__}, in which convention {self.name!r} finds "
            f"no array; it {self._expectation()}{_format_matches(dir(output))}; pass the array "
            "itself"
        )

    def _expectation(self) -> str:
        """Say in words which names this convention looks for."""
        names = " or ".join(repr(name) for name, _ in self.outputs)
        return f"looks for {names}" if names else "expects a bare array"


def as_convention(convention: Convention | str) -> Convention:
    """Return a convention, given itself or its name."""
    if isinstance(convention, Convention):
        return convention
    if isinstance(convention, str):
        return _find_convention(convention)
    raise TypeError(f"convention must be a Convention or a name, got {convention!r}")


def merge_arguments(
    convention: Convention, axis: Any, grid: Grid | None, quantization: Any
) -> tuple[Any, Grid | None, Any]:
    """Return the class axis, the grid and the quantization of arguments and convention together.

    Raises
    ------
    ValueError
        If an argument contradicts the convention.
    """
    merged: list[Any] = []
    for name, argument, value in (
        ("axis", axis, convention.axis),
        ("grid", grid, convention.further_grid()),
        ("quantization", quantization, convention.quantization),
    ):
        if argument is not None and value is not None and argument != value:
            hint = f"; leave {name} out, or dataclasses.replace the convention"
            if name == "grid" and convention.upsampled and argument == convention.grid:
                hint = (
                    ": the model already upsampled its output, so the remaining resize is that of "
                    "an image; for the tensor before its upsampling use "
                    "convention.before_upsampling()"
                )
            raise ValueError(
                f"{name}={argument!r} does not agree with convention {convention.name!r}, which "
                f"says {value!r}{hint}"
            )
        merged.append(value if argument is None else argument)
    return merged[0], merged[1], merged[2]


@lru_cache(maxsize=64)
def _find_convention(name: str) -> Convention:
    table_name = known_name(name)
    if table_name not in TABLE:
        arguments.check_choice(name, "convention", (*TABLE, *ALIASES))
    entry = TABLE[table_name]
    dialect = table_name if entry.get("kind") == "queries" else ""
    return Convention(name=table_name, dialect=dialect, **entry)


def _is_array(output: Any) -> bool:
    return isinstance(output, memoryview) or any(hasattr(output, p) for p in ARRAY_PROTOCOLS)


def _format_key(key: Any) -> Any:
    """Return a key of an output as text; OpenVINO's keys are outputs, with or without a name."""
    names = getattr(key, "names", None)
    return next(iter(sorted(names)), str(key)) if names is not None else key


def _format_matches(names: Iterable[str]) -> str:
    """Name the conventions that look for one of the names of an output's entries."""
    names = set(names)
    matches = [
        convention
        for convention in TABLE
        if any(name in names for name, _ in _find_convention(convention).outputs)
    ]
    return f" (convention={' or '.join(map(repr, matches))} would fit)" if matches else ""
