"""segpost.compat.nnunet.install, with modules that stand in for nnunetv2."""

from __future__ import annotations

import inspect
import pickle
import sys
from types import ModuleType
from typing import Any

import pytest

from segpost.compat import nnunet
from segpost.compat.nnunet._installation import EXPORT, LABELS, PACKAGE

PREDICTOR = "nnunetv2.inference.predict_from_raw_data"
CONVERT = "convert_predicted_logits_to_segmentation_with_correct_shape"
WRITE = "export_prediction_from_logits"
METHOD = "convert_probabilities_to_segmentation"


def nothing_of(name: str, first: str | None = None) -> Any:
    """A function that does nothing, with the parameters of segpost's."""
    signature = inspect.signature(getattr(nnunet, name))
    parameters = [*signature.parameters.values()]
    if first is not None:
        parameters[0] = parameters[0].replace(name=first)

    def function(*_: Any, **__: Any) -> None:
        pass

    function.__name__ = name
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return function


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Modules of nnunetv2 with functions that do nothing."""
    found: dict[str, Any] = {}
    for path in (PACKAGE, "nnunetv2.inference", EXPORT, PREDICTOR, LABELS):
        found[path] = ModuleType(path)
        found[path].__path__ = []
        monkeypatch.setitem(sys.modules, path, found[path])
    monkeypatch.setattr("importlib.metadata.version", lambda name: "9.9")
    for name in (CONVERT, WRITE):
        setattr(found[EXPORT], name, nothing_of(name))
        setattr(found[PREDICTOR], name, getattr(found[EXPORT], name))
    found[LABELS].LabelManager = type(
        "LabelManager", (), {METHOD: nothing_of(METHOD, "self"), "__module__": LABELS}
    )
    return found


def test_functions_are_replaced_and_put_back(modules: dict[str, Any]) -> None:
    """Where they are defined, where they were imported, and where they are imported meanwhile."""
    export, manager = modules[EXPORT], modules[LABELS].LabelManager
    own = {name: getattr(export, name) for name in (CONVERT, WRITE)}
    method = getattr(manager, METHOD)
    late = ModuleType("nnunetv2.late")
    with nnunet.install() as installation:
        for name in (CONVERT, WRITE):
            for module in (export, modules[PREDICTOR]):
                assert getattr(module, name) is getattr(nnunet, name)
        assert getattr(manager, METHOD) is getattr(nnunet, METHOD)
        assert set(installation.replaced) == {
            f"{EXPORT}.{CONVERT}",
            f"{PREDICTOR}.{CONVERT}",
            f"{EXPORT}.{WRITE}",
            f"{PREDICTOR}.{WRITE}",
            f"{LABELS}.LabelManager.{METHOD}",
        }
        assert f"{PREDICTOR}.{WRITE}" in repr(installation)
        setattr(late, CONVERT, getattr(export, CONVERT))
        sys.modules["nnunetv2.late"] = late
        with nnunet.install() as second:
            assert second.replaced == ()
            assert "installed before" in repr(second)
        assert getattr(export, WRITE) is getattr(nnunet, WRITE)
    try:
        for name in (CONVERT, WRITE):
            for module in (export, modules[PREDICTOR]):
                assert getattr(module, name) is own[name]
        assert getattr(late, CONVERT) is own[CONVERT]
        assert getattr(manager, METHOD) is method
    finally:
        del sys.modules["nnunetv2.late"]


def test_workers_get_the_functions_of_segpost() -> None:
    """What a process pool pickles is a name of segpost, which a new process can import."""
    for name in (CONVERT, WRITE):
        function = getattr(nnunet, name)
        assert function.__module__.startswith("segpost.compat.nnunet")
        assert pickle.loads(pickle.dumps(function)) is function


@pytest.mark.parametrize("change", ["more", "gone", "method"])
def test_other_parameters_are_refused(modules: dict[str, Any], change: str) -> None:
    """Nothing is replaced in an nnunetv2 whose functions are called in another way."""
    export = modules[EXPORT]
    if change == "method":
        setattr(modules[LABELS].LabelManager, METHOD, lambda self, logits: None)
        message = f"{METHOD} of nnunetv2 9.9 has the parameters logits; segpost replaces one with"
    elif change == "gone":
        delattr(export, WRITE)
        message = f"{WRITE} of nnunetv2 9.9 does not exist"
    else:
        setattr(export, CONVERT, lambda predicted_logits, plans: None)
        message = f"{CONVERT} of nnunetv2 9.9 has the parameters predicted_logits, plans; segpost"
    before = getattr(export, CONVERT)
    with pytest.raises(RuntimeError, match=message):
        nnunet.install()
    assert getattr(export, CONVERT) is before


def test_nnunetv2_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(ModuleNotFoundError, match="pip install nnunetv2"):
        nnunet.install()
