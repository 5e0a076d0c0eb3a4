"""OpenVINO runs a model with and without its tail."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.runtimes.appending.inputs import InputSpec
from segpost.runtimes.appending.openvino_model import INTEGERS, OpenvinoModel
from segpost.runtimes.appending.openvino_steps import TYPES
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.tail import Tail

PRECISE = {"INFERENCE_PRECISION_HINT": "f32"}  # some processors compute in bfloat16 otherwise
DTYPES = {**TYPES, **INTEGERS, "i64": "int64", "u64": "uint64", "boolean": "bool"}


class OpenvinoRuns:
    """Three compiled models: the unchanged one, its logits, and the one that was made."""

    name = "OpenVINO"

    def __init__(
        self, model: OpenvinoModel, appended: Any, tail: Tail, want: tuple[str, ...], plan: Plan
    ) -> None:
        self.openvino, self.tail, self.want, self.outputs = model.openvino, tail, want, plan.outputs
        head = model.openvino.Model([tail.head], model.copy.get_parameters(), "logits")
        self.unchanged = self._compile(model.unchanged, "the unchanged model")
        self.logits = self._compile(head, "the model up to its logits")
        self.appended = self._compile(appended, "the new model")

    def specs(self) -> list[InputSpec]:
        """Return the inputs of the unchanged model."""
        specs = []
        for entry in self.unchanged.inputs:
            word = entry.get_element_type().get_type_name()
            shape = entry.get_partial_shape()
            sides = tuple(side.get_length() if side.is_static else None for side in shape)
            name = entry.get_node().get_friendly_name()
            specs.append(InputSpec(name, DTYPES.get(word, word), sides))
        return specs

    def run_unchanged(self, feeds: dict[str, Array]) -> Array:
        """Return the output of the unchanged model."""
        return self._run(self.unchanged, feeds)[self.tail.index]

    def run_logits(self, feeds: dict[str, Array]) -> Array:
        """Return the logits before the tail."""
        return self._run(self.logits, feeds)[0]

    def run_appended(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """Return the results of the new model, by the words of `want`."""
        results = self._run(self.appended, feeds)
        names = [next(iter(value.get_names()), "") for value in self.appended.outputs]
        return {
            word: results[names.index(name)]
            for word, name in zip(self.want, self.outputs, strict=True)
        }

    def _run(self, compiled: Any, feeds: dict[str, Array]) -> list[Array]:
        names = [entry.get_node().get_friendly_name() for entry in compiled.inputs]
        try:
            results = compiled([feeds[name] for name in names])
        except RuntimeError as error:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items())
            raise ValueError(
                f"OpenVINO cannot run the model on {shapes}: {_first_line(error)}; pass inputs= "
                "that it takes, or check=False"
            ) from error
        return [np.array(results[value]) for value in compiled.outputs]

    def _compile(self, model: Any, words: str) -> Any:
        try:
            return self.openvino.Core().compile_model(model, "CPU", PRECISE)
        except RuntimeError as error:
            raise ValueError(
                f"OpenVINO {self.openvino.__version__} refuses {words}: {_first_line(error)}; "
                "check=False returns a model that was not run"
            ) from error


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
