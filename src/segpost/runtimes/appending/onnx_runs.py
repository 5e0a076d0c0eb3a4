"""ONNX Runtime runs a model with and without its tail."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost.runtimes.appending.inputs import InputSpec
from segpost.runtimes.appending.onnx_model import OnnxModel
from segpost.runtimes.appending.plan import Plan
from segpost.runtimes.appending.tail import Tail

# Where a session of a model in memory looks for external data.
FOLDER_KEY = "session.model_external_initializers_file_folder_path"
DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(bool)": "bool"}
QUIET = 4  # fatal errors alone: what a session cannot do is raised, too


class OnnxRuns:
    """Three sessions: the unchanged model, its logits, and the model that was made."""

    name = "ONNX Runtime"

    def __init__(
        self,
        before: OnnxModel,
        after: OnnxModel,
        tail: Tail,
        want: tuple[str, ...],
        plan: Plan,
        library: str | None,
    ) -> None:
        self.runtime = _import_runtime()
        self.tail, self.want, self.outputs = tail, want, plan.outputs
        self.unchanged = self._open(before, "the unchanged model", None)
        self.appended = self._open(after, "the new model", library)
        self.logits = self._open(_cut(before, tail), "the model up to its logits", None)

    def specs(self) -> list[InputSpec]:
        """Return the inputs of the unchanged model."""
        return [
            InputSpec(
                entry.name,
                DTYPES.get(entry.type, entry.type.removeprefix("tensor(").removesuffix(")")),
                tuple(side if isinstance(side, int) and side > 0 else None for side in entry.shape),
            )
            for entry in self.unchanged.get_inputs()
        ]

    def run_unchanged(self, feeds: dict[str, Array]) -> Array:
        """Return the output of the unchanged model."""
        return self._run(self.unchanged, [self.tail.output], feeds)[0]

    def run_logits(self, feeds: dict[str, Array]) -> Array:
        """Return the logits before the tail."""
        return np.asarray(self._run(self.logits, [self.tail.head], feeds)[0])

    def run_appended(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """Return the results of the new model, by the words of `want`."""
        results = self._run(self.appended, list(self.outputs), feeds)
        return dict(zip(self.want, results, strict=True))

    def _run(self, session: Any, names: list[str], feeds: dict[str, Array]) -> list[Array]:
        names_of = {entry.name for entry in session.get_inputs()}
        try:
            return list(session.run(names, {k: v for k, v in feeds.items() if k in names_of}))
        except Exception as error:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items())
            raise ValueError(
                f"ONNX Runtime cannot run the model on {shapes}: {_first_line(error)}; pass "
                "inputs= that it takes, or check=False"
            ) from error

    def _open(self, model: OnnxModel, words: str, library: str | None) -> Any:
        options = self.runtime.SessionOptions()
        options.log_severity_level = QUIET
        if model.folder is not None:
            options.add_session_config_entry(FOLDER_KEY, str(Path(model.folder)))
        try:
            if library is not None:
                options.register_custom_ops_library(library)
            return self.runtime.InferenceSession(
                model.proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ValueError(
                f"ONNX Runtime {self.runtime.__version__} refuses {words}: {_first_line(error)}; "
                "check=False returns a model that was not run"
            ) from error


def _cut(model: OnnxModel, tail: Tail) -> OnnxModel:
    """Return a model whose only output is the logits."""
    cut = model.copy()
    del cut.proto.graph.output[:]
    cut.proto.graph.output.append(model.onnx.helper.make_empty_tensor_value_info(tail.head))
    return cut


def _import_runtime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError:
        raise ImportError(
            "to compare labels with those of the unchanged model install onnxruntime (pip install "
            "onnxruntime), or pass check=False",
            name="onnxruntime",
        ) from None


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
