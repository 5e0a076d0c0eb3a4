"""Hooks for names that a call or an object does not have: the errors say which one is meant.

Nothing here costs more than 0.1 microseconds where there is no error. `name_cures` makes the texts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
ClassT = TypeVar("ClassT", bound=type)
ARRAY_INTERFACE = "__array_interface__"  # which Pillow reads
EXPLAINED_METHODS = ("__call__", "__init__")  # beside those whose names begin with no underscore


def explain_arguments(function: FunctionT, name: str = "") -> FunctionT:
    """Return a function whose errors of arguments that it does not have name the right ones.

    Signature and types are those of the function. `name` is what errors call it, by default its
    own.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            traceback = error.__traceback__
            if traceback is not None and traceback.tb_next is None:  # not in the function
                from segpost._core.name_cures import describe_call

                text = describe_call(function, error, args, kwargs)
                raise TypeError(f"{name}{text[text.index('(') :]}" if name else text) from None
            raise

    return call  # type: ignore[return-value]


def explain_methods(cls: type) -> None:
    """Let the public methods of a class, and of its bases in segpost, explain their arguments."""
    for base in cls.__mro__:
        if not base.__module__.startswith("segpost") or "_explains_methods" in vars(base):
            continue
        for name, method in list(vars(base).items()):
            if name.startswith("_") and name not in EXPLAINED_METHODS:
                continue
            if isinstance(method, (classmethod, staticmethod)):
                setattr(base, name, type(method)(explain_arguments(method.__func__)))
            elif isinstance(method, FunctionType):
                setattr(base, name, explain_arguments(method))
        base._explains_methods = True  # type: ignore[attr-defined]


def suggest_attributes(cls: ClassT) -> ClassT:
    """Let a class name the attribute that is meant where it lacks one, or where a key is one.

    Keys of a class that has items of its own, and is no tuple, are its own affair. Type checkers
    know nothing of it.
    """
    get_item: Any = getattr(cls, "__getitem__", None)

    def get_missing(self: Any, name: str) -> Any:
        kind = type(self)
        if hasattr(kind, name):  # a property has raised the error
            return object.__getattribute__(self, name)
        cure = ""
        if not name.startswith("_") or name == ARRAY_INTERFACE:
            from segpost._core.name_cures import cure_of_attribute

            cure = cure_of_attribute(self, name)
        raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}{cure}")

    def get_key(self: Any, key: Any) -> Any:
        if get_item is not None and not isinstance(key, str):
            return get_item(self, key)
        from segpost._core.name_cures import describe_key

        raise TypeError(describe_key(self, key))

    changed: Any = cls
    if "__getattr__" not in vars(cls):
        changed.__getattr__ = get_missing
    if get_item is None or issubclass(cls, tuple):
        changed.__getitem__ = get_key
    return cls


class SuggestingType(type):
    """The type of classes whose errors of attributes that the class does not have name others."""

    def __getattr__(cls, name: str) -> Any:
        cure = ""
        if not name.startswith("_") and "_explains_methods" in vars(cls):
            from segpost._core.name_cures import cure_of_class_attribute

            cure = cure_of_class_attribute(cls, name)
        raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}{cure}")
