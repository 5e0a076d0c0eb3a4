"""OpenVINO runs a model with and without its tail."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.runtimes.appending.inputs import InputSpec
from segpost.runtimes.appending.openvino_model import INTEGERS, OpenvinoModel
from segpost.runtimes.appending.openvino_steps import TYPES
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.result import UNCHANGED
from segpost.runtimes.appending.tail import Tail

PRECISE = {"INFERENCE_PRECISION_HINT": "f32"}  # some processors compute in bfloat16 otherwise
DTYPES = {**TYPES, **INTEGERS, "i64": "int64", "u64": "uint64", "boolean": "bool"}


LOGITS, APPENDED = "the model up to its logits", "the new model"


class OpenvinoRuns:
    """Compiled models: the unchanged one, its logits, and the one that was made.

    One is compiled at a time: each has weights of its own in memory.
    """

    name = "OpenVINO"

    def __init__(
        self, model: OpenvinoModel, appended: Any, tail: Tail, want: tuple[str, ...], plan: Plan
    ) -> None:
        self.openvino, self.tail, self.want, self.outputs = model.openvino, tail, want, plan.outputs
        head = model.openvino.Model([tail.head], model.copy.get_parameters(), "logits")
        self.models = {UNCHANGED: model.unchanged, LOGITS: head, APPENDED: appended}
        self.open, self.compiled = "", None

    def specs(self) -> list[InputSpec]:
        """Return the inputs of the unchanged model."""
        specs = []
        for entry in self.models[UNCHANGED].inputs:
            word = entry.get_element_type().get_type_name()
            shape = entry.get_partial_shape()
            sides = tuple(side.get_length() if side.is_static else None for side in shape)
            name = entry.get_node().get_friendly_name()
            specs.append(InputSpec(name, DTYPES.get(word, word), sides))
        return specs

    def run_unchanged(self, feeds: dict[str, Array]) -> Array:
        """Return the output of the unchanged model."""
        return self._run(UNCHANGED, feeds)[self.tail.index]

    def run_logits(self, feeds: dict[str, Array]) -> Array:
        """Return the logits before the tail."""
        return self._run(LOGITS, feeds)[0]

    def run_appended(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """Return the results of the new model, by the words of `want`."""
        results = self._run(APPENDED, feeds)
        names = [next(iter(value.get_names()), "") for value in self.models[APPENDED].outputs]
        return {
            word: results[names.index(name)]
            for word, name in zip(self.want, self.outputs, strict=True)
        }

    def _run(self, words: str, feeds: dict[str, Array]) -> list[Array]:
        if words != self.open:
            self.compiled = None
            self.compiled, self.open = self._compile(words), words
        compiled: Any = self.compiled
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

    def _compile(self, words: str) -> Any:
        try:
            return self.openvino.Core().compile_model(self.models[words], "CPU", PRECISE)
        except RuntimeError as error:
            raise ValueError(
                f"OpenVINO {self.openvino.__version__} refuses {words}: {_first_line(error)}; "
                "check=False returns a model that was not run"
            ) from error


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
