"""Texts of errors of names that a call or an object does not have; imported for errors alone."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from types import FrameType
from typing import Any

from segpost._core.foreign_names import ARGUMENTS, ATTRIBUTES, CALLS, PUBLIC_NAMES, WORDS
from segpost._core.text import suggest_name

CUTOFF = 0.75  # from which a name is like another; below it they only share letters
MAX_LISTED = 40  # names of an object that an error lists


def describe_call(
    function: Callable[..., Any], error: TypeError, args: Sequence[Any], named: dict[str, Any]
) -> str:
    """Return the text of an error of the arguments of a call, and what the function takes."""
    parameters = inspect.signature(function).parameters
    text = _named_by_object(str(error).partition(". Did you mean")[0], parameters, args)
    for name in named:
        if name in parameters:
            continue
        for argument, value in ARGUMENTS.get(name, ()):
            if argument in parameters:
                return f"{text}; here it is {argument}=, {value}"
        suggestion = suggest_name(name, parameters, CUTOFF)
        return f"{text}{suggestion or f'; {_takes(parameters)}'}"
    if " missing " in text:
        return text
    by_name = [name for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY]
    surplus = len(args) > len(parameters) - len(by_name)
    last = args[-1] if args else None
    if surplus and isinstance(last, (str, PathLike)) and _returns_text(function):
        path = str(last)
        return f"{text}; it returns text: pathlib.Path({path!r}).write_text(text) writes it"
    if by_name and surplus:
        return f"{text}; pass the others by their names: {_list(by_name)}"
    return f"{text}; {_takes(parameters)}" if surplus else text


def _named_by_object(text: str, parameters: Any, args: Sequence[Any]) -> str:
    """Return the text of an error of a method under the name of the object's class."""
    name, parenthesis, rest = text.partition("(")
    if "." in name and "self" in parameters and args:
        name = f"{type(args[0]).__name__}.{name.rpartition('.')[2]}"
    if "." in name and "cls" in parameters and args and isinstance(args[0], type):
        name = f"{args[0].__name__}.{name.rpartition('.')[2]}"
    return f"{name.removesuffix('.__init__').removesuffix('.__call__')}{parenthesis}{rest}"


def _returns_text(function: Callable[..., Any]) -> bool:
    return getattr(function, "__annotations__", {}).get("return") in ("str", str)


def _takes(parameters: Any) -> str:
    names = [name for name in parameters if name not in ("self", "cls")]
    return f"it takes {_list(names)}" if names else "it takes no arguments"


def _list(names: Iterable[str]) -> str:
    """Return names of arguments as text."""
    return ", ".join(f"{name}=" for name in names if name not in ("self", "cls"))


def cure_of_attribute(thing: Any, name: str) -> str:
    """Return which attribute of an object a name means, or which ones it has."""
    attributes = [other for other in dir(thing) if not other.startswith("_")]
    call = CALLS.get((type(thing).__name__, name.lower()))
    if call:
        return f"; it is {call}"
    for other in ATTRIBUTES.get(name.lower(), ()):
        if _has(thing, attributes, other):
            return f"; did you mean {other!r}?"
    results = _names_of_result(type(thing))
    for other in (name, *ATTRIBUTES.get(name.lower(), ())):
        if other in results:
            return f"; it is in the scores: compute().{other}"
    suggestion = suggest_name(name, attributes, CUTOFF)
    if not suggestion and results:
        suggestion = suggest_name(name, results, CUTOFF).replace("mean '", "mean 'compute().")
    return suggestion or _has_only(attributes) or ("; it is called" if callable(thing) else "")


def cure_of_class_attribute(cls: type, name: str) -> str:
    """Return which attribute of a class a name means; that of a class of named objects is one."""
    if "named" in dir(cls) and _is_named(cls, name):
        return f"; it is {cls.__name__}.named({name!r})"
    methods = [
        other
        for other in dir(cls)
        if not other.startswith("_") and inspect.ismethod(getattr(cls, other))
    ]
    for other in ATTRIBUTES.get(name.lower(), ()):
        if other in methods:
            return f"; did you mean {other!r}?"
    return suggest_name(name, methods, CUTOFF) or _has_only(methods)


def _is_named(cls: Any, name: str) -> bool:
    try:
        cls.named(name)
    except (ValueError, TypeError):
        return False
    return True


def describe_key(thing: Any, key: Any) -> str:
    """Return the error of an item of an object that has none."""
    kind = type(thing).__name__
    if not isinstance(key, str):
        return f"{kind!r} object has no items, got {key!r}: neither keys nor an order{_uses(thing)}"
    is_attribute = not key.startswith("_") and hasattr(type(thing), key)
    cure = f": .{key}" if is_attribute or key in dir(thing) else cure_of_attribute(thing, key)
    names = getattr(thing, "class_names", None)
    if not is_attribute and names is not None and key in names and "iou" in dir(thing):
        cure = f"; .iou[{key!r}] is the IoU of that class"
    return f"{kind!r} object has attributes, not keys, got {key!r}{cure}"


def _uses(thing: Any) -> str:
    return _has_only([other for other in dir(thing) if not other.startswith("_")])


def _has(thing: Any, names: Sequence[str], path: str) -> bool:
    """Return whether an object has an attribute, or the attribute of one of its attributes."""
    first, _, rest = path.partition(".")
    if first.removesuffix("()") not in names:
        return False
    if not rest or first.endswith("()"):
        return True
    inner = getattr(thing, first)
    return inner is not None and hasattr(inner, rest)


def _names_of_result(cls: type) -> list[str]:
    """Return the attributes of what `compute` returns."""
    compute = getattr(cls, "compute", None)
    if compute is None:
        return []
    function = inspect.unwrap(compute)
    result = function.__globals__.get(function.__annotations__.get("return"))
    return [name for name in dir(result) if not name.startswith("_")]


def _has_only(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"; it has {', '.join(names[:MAX_LISTED])}{more}" if names else ""


def suggest_public_name(name: str, names: Iterable[str]) -> str:
    """Return a question about the public name that is meant, empty without one."""
    if name.startswith("_"):
        return ""
    plain = name.lower()
    other = PUBLIC_NAMES.get(plain) or suggest_name(name, names, 0.9)
    if other and not other.startswith(";"):
        return f"; did you mean {other!r}?"
    by_word = next((WORDS[word] for word in WORDS if word in plain), "")
    if not other and by_word:
        return f"; did you mean {by_word!r}?"
    return other or suggest_name(name, names, CUTOFF)


def missing_name_error(
    module: str, name: str, names: Sequence[str], frame: FrameType
) -> AttributeError | ImportError:
    """Return the error of a name that a module does not have.

    Parameters
    ----------
    frame : frame
        That of the caller: an import statement drops the text of any AttributeError.
    """
    everything = sys.modules["segpost"].__all__
    cure = suggest_public_name(name, names) or suggest_public_name(name, everything)
    meant = cure.partition("'")[2].partition("'")[0]
    if meant and meant.partition(".")[0] not in names and module != "segpost":
        cure = f"; did you mean 'segpost.{meant}'?"
    for submodule in names if module.startswith("segpost.compat") else ():
        if hasattr(sys.modules.get(f"{module}.{submodule}"), name):
            cure = f"; it is {module}.{submodule}.{name}"
    cure = cure or _list_names(module, names)
    if _is_import(frame):
        return ImportError(f"cannot import name {name!r} from {module!r}{cure}", name=name)
    return AttributeError(f"module {module!r} has no attribute {name!r}{cure}")


def _list_names(module: str, names: Sequence[str]) -> str:
    if len(names) > MAX_LISTED:
        return f"; dir({module}) lists what there is"
    return f"; it has {', '.join(names)}"


def _is_import(frame: FrameType) -> bool:
    """Return whether a frame is at ``from module import name``."""
    import dis

    return frame.f_code.co_code[frame.f_lasti] == dis.opmap["IMPORT_FROM"]


def describe_module_call(module: str, names: Sequence[str]) -> str:
    """Return the error of a module that is called, with the function that is meant."""
    short = module.rpartition(".")[2]
    return f"{module} is a module: {_call_cure(short, names)}"


def _call_cure(name: str, names: Sequence[str]) -> str:
    cure = suggest_public_name(name, names)
    meant = cure.partition("'")[2].partition("'")[0]
    return f"call segpost.{meant}" if meant else f"it has {', '.join(names)}"
