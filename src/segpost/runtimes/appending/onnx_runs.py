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
from segpost.runtimes.appending.result import UNCHANGED
from segpost.runtimes.appending.tail import Tail

# Where a session of a model in memory looks for external data.
FOLDER_KEY = "session.model_external_initializers_file_folder_path"
DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(bool)": "bool"}
QUIET = 4  # fatal errors alone: what a session cannot do is raised, too


LOGITS, APPENDED = "the model up to its logits", "the new model"


class OnnxRuns:
    """Sessions of the unchanged model, of its logits, and of the model that was made.

    One is open at a time: each has weights of its own in memory.
    """

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
        self.library = library
        self.models = {
            UNCHANGED: before,
            LOGITS: _cut(before, tail),
            APPENDED: after,
        }
        self.open, self.session = "", None

    def specs(self) -> list[InputSpec]:
        """Return the inputs of the unchanged model."""
        return [
            InputSpec(
                entry.name,
                DTYPES.get(entry.type, entry.type.removeprefix("tensor(").removesuffix(")")),
                tuple(side if isinstance(side, int) and side > 0 else None for side in entry.shape),
            )
            for entry in self._session(UNCHANGED).get_inputs()
        ]

    def run_unchanged(self, feeds: dict[str, Array]) -> Array:
        """Return the output of the unchanged model."""
        return self._run(UNCHANGED, [self.tail.output], feeds)[0]

    def run_logits(self, feeds: dict[str, Array]) -> Array:
        """Return the logits before the tail."""
        return np.asarray(self._run(LOGITS, [self.tail.head], feeds)[0])

    def run_appended(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """Return the results of the new model, by the words of `want`."""
        results = self._run(APPENDED, list(self.outputs), feeds)
        return dict(zip(self.want, results, strict=True))

    def _run(self, words: str, names: list[str], feeds: dict[str, Array]) -> list[Array]:
        session = self._session(words)
        names_of = {entry.name for entry in session.get_inputs()}
        try:
            return list(session.run(names, {k: v for k, v in feeds.items() if k in names_of}))
        except Exception as error:
            shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items())
            raise ValueError(
                f"ONNX Runtime cannot run the model on {shapes}: {_first_line(error)}; pass "
                "inputs= that it takes, or check=False"
            ) from error

    def _session(self, words: str) -> Any:
        """Return the session of a model; that of another is closed before."""
        if words != self.open:
            self.session = None
            self.session, self.open = self._open(words), words
        return self.session

    def _open(self, words: str) -> Any:
        model = self.models[words]
        options = self.runtime.SessionOptions()
        options.log_severity_level = QUIET
        if model.folder is not None:
            options.add_session_config_entry(FOLDER_KEY, str(Path(model.folder)))
        try:
            if words == APPENDED and self.library is not None:
                options.register_custom_ops_library(self.library)
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
