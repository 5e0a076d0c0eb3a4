"""`compare_checkpoints`: the mistakes that loading a checkpoint into a model would make."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from segpost._core.equality import compare_by_value
from segpost._core.public import public
from segpost._core.unknown_names import explain_arguments
from segpost.checkpoints import keras
from segpost.checkpoints.files import read_state
from segpost.checkpoints.matching import match_names
from segpost.checkpoints.names import explain, find_name_mistakes
from segpost.checkpoints.recipe import Context, is_complete, write_recipe
from segpost.checkpoints.values import find_value_mistakes
from segpost.render.findings import (
    Finding,
    format_markdown,
    format_section,
    format_text,
    sort_findings,
)
from segpost.render.text import as_printable


@public
@compare_by_value
@dataclass(frozen=True)
class CheckpointDiff:
    """The result of `compare_checkpoints`.

    Attributes
    ----------
    checkpoint, model : str
        The two sides: a path, the type of a model, or "checkpoint (a mapping)".
    matched : tuple of str
        Tensors of the same name and shape, after the best renaming of the checkpoint.
    missing, unexpected, mismatched : tuple of str
        Tensors that only the model has; that only the checkpoint has; that have other shapes.
    matched_share : float
        Share of the model's tensors that the checkpoint loads as it is.
    matched_elements : float
        The same share, of the model's parameters.
    findings : tuple of Finding
        The mistakes, the most certain first.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> state = {"stem.weight": np.ones((4, 3)), "body.weight": np.ones((4, 4))}
    >>> state |= {f"body.{i}.bias": np.ones(4) for i in range(4)}
    >>> heads = [{"head.weight": np.ones((n, 4)), "head.bias": np.ones(n)} for n in (21, 5)]
    >>> diff = segpost.compare_checkpoints(state | heads[0], state | heads[1])
    >>> diff.codes, diff.mismatched
    (('head-classes',), ('head.weight', 'head.bias'))
    """

    checkpoint: str
    model: str
    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]
    matched_share: float
    matched_elements: float
    findings: tuple[Finding, ...]

    def __bool__(self) -> bool:
        """Refuse a truth value: whether it is that something was found would be a guess."""
        raise TypeError("a CheckpointDiff is no truth value: .ok says whether nothing was found")

    @property
    def ok(self) -> bool:
        """Return whether nothing would go wrong; hints are no mistakes."""
        return all(finding.rank == "hint" for finding in self.findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of the findings."""
        return tuple(finding.code for finding in self.findings)

    def summary(self) -> str:
        """Return the shares that would be loaded as a sentence."""
        return (
            f"{as_printable(self.checkpoint)} into {as_printable(self.model)}: "
            f"{self.matched_share:.1%} of the tensors, {self.matched_elements:.1%} of the "
            "parameters would be loaded."
        )

    def __repr__(self) -> str:
        """Return the summary and the codes on one line."""
        codes = f" {', '.join(self.codes)}" if self.findings else ""
        return f"<CheckpointDiff: {self.summary()}{codes}>"

    def _repr_html_(self) -> str:
        """Return summary and findings for a notebook."""
        return format_section(self.summary(), self.findings)

    def __str__(self) -> str:
        """Return summary and findings for a terminal."""
        return "\n\n".join(filter(None, (self.summary(), format_text(self.findings))))

    def to_markdown(self) -> str:
        """Return summary and findings as Markdown."""
        parts = filter(None, (self.summary(), format_markdown(self.findings)))
        return "\n\n".join(parts) + "\n"

    def to_json(self) -> str:
        """Return everything as JSON."""
        content = {
            "segpost": "CheckpointDiff",
            "ok": self.ok,
            "checkpoint": self.checkpoint,
            "model": self.model,
            "matched_share": self.matched_share,
            "matched_elements": self.matched_elements,
            "matched": len(self.matched),
            "missing": self.missing,
            "unexpected": self.unexpected,
            "mismatched": self.mismatched,
            "findings": [finding.as_dict() for finding in self.findings],
        }
        return json.dumps(content, indent=2) + "\n"


@explain_arguments
def compare_checkpoints(
    checkpoint: Any, model: Any, *, values: bool = True, resume: bool = False
) -> CheckpointDiff:
    """Return the mistakes that loading a checkpoint into a model would make.

    Names, shapes, dtypes and values are compared; nothing is loaded. Of a live model it is found
    out what its own loader would do: hooks of torch's ``load_state_dict``, the translation of
    names by transformers, the order of layers in Keras' older format. The first mistake that is
    looked for is ``strict=False`` that would load no tensor at all, without an error.

    Parameters
    ----------
    checkpoint : path, mapping of names to tensors, or model
        A ``.safetensors`` file, torch's ``.pt`` or ``.pth``, Keras' ``.weights.h5`` or whole
        ``.h5``, the prefix of a TensorFlow checkpoint, a state dict, or anything with
        ``state_dict()``.
    model : the same
        The target of the loading: a live model (of torch or Keras), or another checkpoint.
    values : bool
        Whether the values are read too: NaN, batch-norm statistics, and whether a live model has
        them already. Files are then read once, in pieces.
    resume : bool
        Whether training continues, which needs the state of an optimizer.

    Returns
    -------
    diff : CheckpointDiff
        Its `findings` each have a code and evidence; ``print`` it. A cure is a line of code that
        loads the checkpoint: `checkpoint` is what the file holds, `state` the same where the
        weights are in no container of it, and `model` the live model. It is empty where only
        another file or model would help.

    Raises
    ------
    ValueError
        If a file is damaged, malicious, or of no known format.
    TypeError
        If an argument is none of the above.
    ModuleNotFoundError
        If the library that reads the file is not installed.
    OSError
        If there is no such file.

    Notes
    -----
    No file is trusted. The header of a safetensors file is parsed here, with bounds. Files of
    torch, Keras and TensorFlow are read in a child process with limits of time and memory, by
    ``torch.load(weights_only=True)``, h5py and TensorFlow's own reader. Hooks are code of the live
    model; they are run on a copy that has its structure and no values.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> saved = {"module.conv.weight": np.ones((4, 3, 3, 3)), "module.conv.bias": np.ones(4)}
    >>> model = {name.removeprefix("module."): tensor for name, tensor in saved.items()}
    >>> diff = segpost.compare_checkpoints(saved, model)
    >>> diff.matched_share, diff.codes, diff.ok
    (0.0, ('prefix',), False)
    >>> print(diff.findings[0].cure)
    state = {k.removeprefix('module.'): v for k, v in state.items()}; model.load_state_dict(state)
    """
    source = read_state(checkpoint, "checkpoint", values)
    aligned = None
    if source.layout == keras.LEGACY and keras.is_model(model):
        aligned = keras.align_legacy(source, model, values)
    source, target = aligned or (source, read_state(model, "model", values))
    for state, name in ((source, "checkpoint"), (target, "model")):
        if state.tensors and not state.weights(()):
            raise ValueError(
                f"{name} ({as_printable(state.label)}) has an optimizer's tensors and no weights"
            )
        if not state.tensors:
            raise ValueError(f"{name} ({as_printable(state.label)}) has no tensors")
    unchanged, best = match_names(source, target)
    context = Context(source, target, unchanged, best)
    explanations = explain(context)
    recipe = write_recipe(context, explanations)
    complete = recipe if is_complete(context, explanations) else ""
    findings = [
        *find_name_mistakes(context, explanations, recipe),
        *find_value_mistakes(context, resume, complete),
    ]
    return CheckpointDiff(
        checkpoint=source.label,
        model=target.label,
        matched=best.matched,
        missing=best.missing,
        unexpected=best.unexpected,
        mismatched=best.mismatched,
        matched_share=unchanged.share(elements=False),
        matched_elements=unchanged.share(elements=True),
        findings=sort_findings(findings),
    )
