"""`install`: segpost's functions in an installed nnunetv2."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NamedTuple

from segpost.compat.nnunet._export import (
    convert_predicted_logits_to_segmentation_with_correct_shape,
    convert_probabilities_to_segmentation,
    export_prediction_from_logits,
)

Function = Callable[..., Any]
PACKAGE = "nnunetv2"
EXPORT = "nnunetv2.inference.export_prediction"
LABELS = "nnunetv2.utilities.label_handling.label_handling"
FUNCTIONS: tuple[Function, ...] = (
    convert_predicted_logits_to_segmentation_with_correct_shape,
    export_prediction_from_logits,
)


class Replacement(NamedTuple):
    """One attribute of a module or of a class that has another value."""

    owner: Any
    name: str
    original: Function
    function: Function

    @property
    def path(self) -> str:
        """The dotted name."""
        module = getattr(self.owner, "__module__", None)
        owner = f"{module}.{self.owner.__qualname__}" if module else self.owner.__name__
        return f"{owner}.{self.name}"


class Installation:
    """Functions of segpost in nnunetv2, until `uninstall` or the end of the ``with`` block.

    `replaced` has the dotted names.
    """

    def __init__(self, replacements: list[Replacement]) -> None:
        self._replacements = replacements
        self.replaced = tuple(one.path for one in replacements)

    def uninstall(self) -> None:
        """Put nnU-Net's own functions back, also where they were imported by name meanwhile."""
        for one in self._replacements:
            setattr(one.owner, one.name, one.original)
            for module in _modules_with(one.name, one.function):
                setattr(module, one.name, one.original)
        self._replacements = []

    def __enter__(self) -> Installation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.uninstall()

    def __repr__(self) -> str:
        what = ", ".join(self.replaced) or "nothing: segpost was installed before"
        return f"segpost.compat.nnunet replaces {what}"


def install() -> Installation:
    """Replace nnU-Net's export functions by those of segpost, in this process.

    They are replaced in the module that defines them, and in every module of nnunetv2 that has
    imported them by name; modules that are imported later get them, too. The worker processes to
    which nnU-Net's predictor sends its exports run segpost's functions. Those of
    ``nnUNetv2_ensemble`` import nnunetv2 anew, and run its own.

    Returns
    -------
    installation : Installation
        It says what was replaced. Its `uninstall` puts nnU-Net's functions back, and so does the
        end of a ``with`` block.

    Raises
    ------
    ModuleNotFoundError
        If nnunetv2 is not installed.
    RuntimeError
        If nnunetv2 has functions with other parameters than those that segpost replaces.

    Examples
    --------
    >>> import segpost.compat.nnunet
    >>> with segpost.compat.nnunet.install():  # doctest: +SKIP
    ...     predictor.predict_from_files(images, folder)
    """
    try:
        export = importlib.import_module(EXPORT)
        manager = importlib.import_module(LABELS).LabelManager
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != PACKAGE:
            raise
        raise ModuleNotFoundError(
            "segpost.compat.nnunet.install needs nnunetv2: pip install nnunetv2", name=PACKAGE
        ) from None
    places = [(export, function) for function in FUNCTIONS]
    places.append((manager, convert_probabilities_to_segmentation))
    originals = [_checked_original(owner, function) for owner, function in places]
    replacements = []
    for (owner, function), original in zip(places, originals, strict=True):
        if original is function:
            continue
        name = function.__name__
        owners = [owner] if owner is manager else [*_modules_with(name, original)]
        replacements += [Replacement(place, name, original, function) for place in owners]
    for one in replacements:
        setattr(one.owner, one.name, one.function)
    return Installation(replacements)


def _checked_original(owner: Any, function: Function) -> Function:
    """Return nnU-Net's function; its parameters are those of segpost's."""
    name = function.__name__
    original: Function | None = getattr(owner, name, None)
    first = 1 if inspect.isclass(owner) else 0  # self of a method
    wanted = [*inspect.signature(function).parameters][first:]
    got = None if original is None else [*inspect.signature(original).parameters][first:]
    if original is None or got != wanted:
        has = "does not exist" if got is None else f"has the parameters {', '.join(got)}"
        version = importlib.import_module("importlib.metadata").version(PACKAGE)
        raise RuntimeError(
            f"{name} of nnunetv2 {version} {has}; segpost replaces one with "
            f"{', '.join(wanted)}: nothing was replaced"
        )
    return original


def _modules_with(name: str, function: Function) -> Iterator[Any]:
    """Yield the imported modules of nnunetv2 in which a name is a function."""
    for path, module in [*sys.modules.items()]:
        if path.partition(".")[0] == PACKAGE and vars(module).get(name) is function:
            yield module
