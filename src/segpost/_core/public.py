"""Public classes and modules: under which path they are, and errors of what they do not have."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, NoReturn, TypeVar

from segpost._core.unknown_names import explain_methods, suggest_attributes

ClassT = TypeVar("ClassT", bound=type)


def public(cls: ClassT) -> ClassT:
    """Name a class `segpost.NAME` in pickles and reprs, which must not depend on a module.

    Errors of its methods' arguments, and of attributes and items that it does not have, name what
    is meant.
    """
    cls.__module__ = "segpost"
    explain_methods(cls)
    return suggest_attributes(cls)


class PublicModule(ModuleType):
    """A module whose errors of names that it does not have name what is meant."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from segpost._core.name_cures import missing_name_error  # for errors alone

        raise missing_name_error(self.__name__, name, self.__all__, sys._getframe(1))

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse a call of a module, which a function of another name is meant by."""
        from segpost._core.name_cures import describe_module_call

        raise TypeError(describe_module_call(self.__name__, self.__all__))


def public_module(name: str) -> None:
    """Make a module, which is being imported, one whose errors name what is meant."""
    sys.modules[name].__class__ = PublicModule
