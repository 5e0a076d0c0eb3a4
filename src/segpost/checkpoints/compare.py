"""`compare_checkpoints`: what would go wrong when a checkpoint is loaded into a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from segpost.checkpoints.files import state_of
from segpost.checkpoints.matching import matches
from segpost.checkpoints.names import of_names
from segpost.checkpoints.values import of_values
from segpost.render import findings as render_findings
from segpost.render.findings import Finding, ordered
from segpost.render.tables import shown


@dataclass(frozen=True)
class CheckpointDiff:
    """What `compare_checkpoints` found.

    Attributes
    ----------
    checkpoint, model : str
        What was compared.
    matched : tuple of str
        Tensors of the same name and shape, the checkpoint's names being put right.
    missing, unexpected, mismatched : tuple of str
        Only in the model; only in the checkpoint; in both with other shapes.
    matched_share : float
        Of the model's tensors, as the checkpoint is.
    matched_elements : float
        Of the model's parameters.
    findings : tuple of Finding
        The most certain first.

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

    @property
    def ok(self) -> bool:
        """Whether nothing would go wrong; hints are no mistakes."""
        return all(found.rank == "hint" for found in self.findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings."""
        return tuple(found.code for found in self.findings)

    def summary(self) -> str:
        """What would be loaded, in a sentence."""
        return (
            f"{shown(self.checkpoint)} into {shown(self.model)}: {self.matched_share:.1%} of the "
            f"tensors, {self.matched_elements:.1%} of the parameters would be loaded."
        )

    def __str__(self) -> str:
        """For a terminal."""
        return "\n\n".join(filter(None, (self.summary(), render_findings.text(self.findings))))

    def to_markdown(self) -> str:
        """The same in Markdown."""
        parts = filter(None, (self.summary(), render_findings.markdown(self.findings)))
        return "\n\n".join(parts) + "\n"

    def to_json(self) -> str:
        """Everything as JSON."""
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
            "findings": [found.as_dict() for found in self.findings],
        }
        return json.dumps(content, indent=2) + "\n"


def compare_checkpoints(
    checkpoint: Any, model: Any, *, values: bool = True, resume: bool = False
) -> CheckpointDiff:
    """Say what would go wrong when a checkpoint is loaded into a model.

    Names, shapes, element types and values are compared; nothing is loaded into anything. That
    ``strict=False`` can load nothing at all without an error is the first thing that is looked for.

    Parameters
    ----------
    checkpoint : path, mapping of names to tensors, or model
        A ``.safetensors`` file, torch's ``.pt`` or ``.pth``, Keras' ``.weights.h5``, the prefix of
        a TensorFlow checkpoint, a state dict, or anything with ``state_dict()``.
    model : the same
        What it is to be loaded into: a live model (of torch or Keras), or another checkpoint.
    values : bool
        Whether the values are looked at too: NaN, batch-norm statistics, and whether a live model
        has them already. Files are then read once, in pieces.
    resume : bool
        Whether training is to go on, for which an optimizer's state is wanted.

    Returns
    -------
    diff : CheckpointDiff
        Its `findings`, each with a code, evidence and a cure; ``print`` it.

    Raises
    ------
    ValueError
        If a file is damaged, made to do harm, or of no known kind.
    TypeError
        If an argument is none of the above.
    ModuleNotFoundError
        If the library that reads the file is not installed.
    OSError
        If there is no such file.

    Notes
    -----
    No file is trusted. The header of a safetensors file is parsed here and bounded; files of torch,
    Keras and TensorFlow are read in a child process with limits of time and memory, by
    ``torch.load(weights_only=True)``, h5py and TensorFlow's own reader.

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
    a = state_of(checkpoint, "checkpoint", values)
    b = state_of(model, "model", values)
    for state, name in ((a, "checkpoint"), (b, "model")):
        if state.leaves and not state.tensors(()):
            raise ValueError(
                f"{name} ({shown(state.label)}) has an optimizer's tensors and no weights"
            )
        if not state.leaves:
            raise ValueError(f"{name} ({shown(state.label)}) has no tensors")
    plain, best = matches(a, b)
    found = [*of_names(a, b, plain, best), *of_values(a, best, b, resume)]
    return CheckpointDiff(
        checkpoint=a.label,
        model=b.label,
        matched=best.matched,
        missing=best.missing,
        unexpected=best.unexpected,
        mismatched=best.mismatched,
        matched_share=plain.share(elements=False),
        matched_elements=plain.share(elements=True),
        findings=ordered(found),
    )
