"""Errors of names that a call or an object does not have: they say which one is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from segpost._core.text import suggest_name

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
ClassT = TypeVar("ClassT", bound=type)

# What other libraries call an argument: the name here, and its value.
ARGUMENTS: dict[str, tuple[str, str]] = {
    "align_corners": ("grid", '"align_corners" for True, "half_pixel" for False'),
    "bg_color": ("palette", "its void color"),
    "channel_axis": ("axis", "-3, or -1 of channels last"),
    "classes": ("num_classes", "a number"),
    "cmap": ("palette", "segpost.Palette.from_colormap(name, n) of a colormap"),
    "coordinate_transformation_mode": ("grid", '"half_pixel", "align_corners" or "asymmetric"'),
    "data_format": ("axis", "-3, or -1 of channels last"),
    "dim": ("axis", "-3, or -1 of channels last"),
    "dsize": ("size", "(height, width)"),
    "ignore_label": ("ignore_index", "a label"),
    "ignore_value": ("ignore_index", "a label"),
    "interpolation": ("mode", '"majority" or "nearest"'),
    "label_names": ("class_names", "in the order of the labels"),
    "n_classes": ("num_classes", "a number"),
    "opacity": ("alpha", "from 0 to 1"),
    "output_size": ("size", "(height, width)"),
    "outputs": ("want", 'such as ("labels", "confidence")'),
    "overlap": ("stride", "the window minus the overlap, in pixels"),
    "prob_threshold": ("threshold", "from 0 to 1"),
    "reduce_zero_label": (
        "ignore_index",
        "255, with targets numpy.where(target == 0, 255, target - 1)",
    ),
    "return_confidence": ("want", '("labels", "confidence")'),
    "scale_factor": ("scale", "a number, or one for each axis"),
    "target_size": ("size", "(height, width)"),
    "target_sizes": ("size", "(height, width), one for all images"),
}
# What other libraries call an attribute, as names that an object may have.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "accuracy": ("pixel_accuracy",),
    "class_iou": ("iou",),
    "f1": ("dice", "fbeta"),
    "f1_score": ("dice",),
    "ious": ("iou",),
    "jaccard": ("iou",),
    "label_map": ("labels",),
    "mask": ("labels",),
    "masks": ("labels", "segments"),
    "mean_iou": ("miou", "mean_boundary_iou", "mean_iiou"),
    "miou": ("mean_boundary_iou", "mean_iiou"),
    "overall_accuracy": ("pixel_accuracy",),
    "per_class": ("iou",),
    "per_class_iou": ("iou",),
    "plot": ("figure",),
    "pred": ("labels",),
    "probs": ("probabilities",),
    "scores": ("confidence",),
    "show": ("figure",),
}

# What other libraries call a function or a class.
PUBLIC_NAMES: dict[str, str] = {
    "accuracy": "ConfusionMatrix",
    "crf": "dense_crf",
    "decode": "postprocess",
    "dice": "ConfusionMatrix",
    "draw": "overlay",
    "evaluate": "Evaluation",
    "iou": "ConfusionMatrix",
    "jaccard": "ConfusionMatrix",
    "mean_iou": "ConfusionMatrix",
    "miou": "ConfusionMatrix",
    "predict": "postprocess",
    "resize": "argmax",
    "sliding_window": "Merger",
    "upsample": "argmax",
    "visualize": "overlay",
}


def explain_arguments(function: FunctionT, name: str = "") -> FunctionT:
    """Return a function whose errors of arguments that it does not have name the right ones.

    Signature and types are those of the function. A call costs 0.1 microseconds more. `name` is
    what errors call it, by default its own.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            traceback = error.__traceback__
            if traceback is not None and traceback.tb_next is None:  # not in the function
                text = _describe_call(function, error, len(args), kwargs)
                raise TypeError(f"{name}{text[text.index('(') :]}" if name else text) from None
            raise

    return call  # type: ignore[return-value]


def _describe_call(
    function: Callable[..., Any], error: TypeError, count: int, named: dict[str, Any]
) -> str:
    """Return the text of an error of the arguments of a call, and what the function takes."""
    import inspect  # for errors alone

    parameters = inspect.signature(function).parameters
    text = str(error).partition(". Did you mean")[0].replace(".__init__()", "()")
    for name in named:
        if name in parameters:
            continue
        argument, value = ARGUMENTS.get(name, ("", ""))
        if argument in parameters:
            return f"{text}; here it is {argument}=, {value}"
        suggestion = suggest_name(name, parameters)
        return f"{text}{suggestion or f'; it takes {_list(parameters)}'}"
    by_name = [name for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY]
    if by_name and count > len(parameters) - len(by_name):
        return f"{text}; pass the others by their names: {_list(by_name)}"
    return text


def _list(names: Any) -> str:
    """Return names of arguments as text."""
    return ", ".join(f"{name}=" for name in names if name != "self")


def suggest_attributes(cls: ClassT) -> ClassT:
    """Let a class name the attribute that is meant where it lacks one, or where a key is one.

    Keys of a class that has items of its own, and is no tuple, are its own affair. Type checkers
    know nothing of it.
    """
    get_item: Any = getattr(cls, "__getitem__", None)

    def get_missing(self: Any, name: str) -> Any:
        if hasattr(cls, name):  # a property has raised the error
            return object.__getattribute__(self, name)
        cure = suggest_attribute(cls, name)
        raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}{cure}")

    def get_key(self: Any, key: Any) -> Any:
        if get_item is not None and not isinstance(key, str):
            return get_item(self, key)
        cure = f": .{key}" if hasattr(cls, str(key)) else suggest_attribute(cls, str(key))
        raise TypeError(f"{cls.__name__!r} object has attributes, not keys, got {key!r}{cure}")

    changed: Any = cls
    changed.__getattr__ = get_missing
    if get_item is None or issubclass(cls, tuple):
        changed.__getitem__ = get_key
    return cls


def suggest_attribute(cls: type, name: str) -> str:
    """Return a question about the attribute of a class that a name means, empty without one."""
    if name.startswith("_"):
        return ""
    known = [other for other in dir(cls) if not other.startswith("_")]
    for other in ATTRIBUTES.get(name, ()):
        if other in known:
            return f"; did you mean {other!r}?"
    return suggest_name(name, known)


def suggest_public_name(name: str, known: Iterable[str]) -> str:
    """Return a question about the public name that is meant, empty without one."""
    if name.startswith("_"):
        return ""
    other = PUBLIC_NAMES.get(name.lower())
    return f"; did you mean {other!r}?" if other else suggest_name(name, known)
