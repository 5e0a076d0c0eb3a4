"""postprocess in a loop over frames of one size, into memory that is there."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from typing import Any

from segpost._core import logits as core_logits
from segpost._core.arrays import Array, OutputArray, as_input_array, is_overlapping
from segpost._core.contract import Logits
from segpost._core.device import context_of
from segpost.pipeline.options import pictured
from segpost.pipeline.plan import Plan, planned, run, segmentation
from segpost.pipeline.segmentation import Segmentation
from segpost.runtimes.convention import Convention, select_output


class Stream:
    """`postprocess` for the frames of a video: checked once, allocated once.

    The first frame makes everything as `postprocess` does. Frames that are like it, of its shape,
    element type, kind of array and device, are written into the same memory: **a `Segmentation` of
    a stream is overwritten by the next frame.** Copy what has to last longer, or take
    `postprocess`. A frame of another shape starts anew, with memory of its own.

    Settings and memory belong together, so they are one object: `postprocess` with an ``out=``
    would be told, and have to check, everything again for every frame.

    Parameters
    ----------
    **settings
        The keyword arguments of `postprocess`, but for `image`. They are held to the first frame.

    Raises
    ------
    TypeError
        For an argument that `postprocess` does not have.

    Notes
    -----
    What is never allocated again is what comes out, except `probabilities` with ``crf=``: mean
    field makes memory of its own for every frame. An error leaves the last results half written.
    Two threads need two streams.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> stream = segpost.Stream(size=(4, 4), palette="voc", want=("labels", "color"))
    >>> for label in (3, 15):
    ...     logits = np.zeros((21, 2, 2), np.float32)
    ...     logits[label] = 9.0
    ...     seg = stream(logits)
    ...     print(seg.labels[0, 0], seg.color[0, 0])
    3 [128 128   0]
    15 [192 128 128]
    """

    def __init__(self, **settings: Any) -> None:
        signature(planned).bind(None, None, **settings)
        self._settings = settings
        self._convention = settings.pop("convention", None)
        self._like: object = None
        self._plan: Plan
        self._made: Segmentation
        self._memory: list[OutputArray]

    def __call__(self, logits: Any, image: Any = None) -> Segmentation:
        """The next frame.

        Parameters
        ----------
        logits, image : arrays
            As in `postprocess`. Logits are NumPy arrays, torch tensors, or of another kind that
            can be written again.

        Returns
        -------
        segmentation : Segmentation
            Valid until the next frame.

        Raises
        ------
        ValueError, TypeError
            As `postprocess`; for arrays that never change, such as JAX's; and for a result of this
            stream as its own input.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> stream = segpost.Stream()
        >>> first = stream(np.float32([[[1, 0]], [[0, 1]]]))
        >>> second = stream(np.float32([[[0, 1]], [[1, 0]]]))
        >>> first.labels is second.labels, second.labels
        (True, array([[1, 0]], dtype=uint8))
        """
        logits, told = select_output(logits, self._convention)
        if self._like is None:
            return self._start(logits, told, image)
        plan = self._plan
        view, _, _ = core_logits.as_logits(logits, plan.counted)
        if _like(logits, view) != self._like:
            return self._start(logits, told, image)
        if any(is_overlapping(view.values, made.array) for made in self._memory):
            raise ValueError("logits are in the memory of this stream's results; copy them first")
        picture = pictured(image, plan.shape, plan.wanted)
        view = plan.view._replace(values=_within(plan.view, view.values))
        probabilities = run(plan, view, picture)
        if plan.refiner is not None:
            return segmentation(plan, picture, probabilities)
        if picture is None:
            return self._made
        return replace(self._made, image=picture.reshape(picture.shape[plan.batch]))

    def _start(self, logits: Any, told: Convention | None, image: Any) -> Segmentation:
        """Everything for the first frame of its kind."""
        self._like = None
        if told is not None and told.kind == "labels":
            raise TypeError(
                "the network gives labels, of which a stream has nothing to make again; call "
                "segpost.postprocess"
            )
        plan, view, picture = planned(logits, image, **self._settings, convention=told)
        made = segmentation(plan, picture, run(plan, view, picture))
        memory = []
        for name in plan.wanted:
            part: OutputArray | None = getattr(plan, name)
            if part is not None:
                memory.append(part)
                _in_place(getattr(made, name), part, logits)
        self._plan, self._memory = plan, memory
        whole, _, _ = core_logits.as_logits(logits, plan.counted)
        self._made, self._like = replace(made, image=None), _like(logits, whole)
        return made


def _like(logits: Any, view: Logits) -> tuple[object, ...]:
    """What frames have in common that share memory."""
    place = context_of(view.values)
    return type(logits), view.values.shape, view.kind, place.device, place.stream


def _within(like: Logits, values: Array) -> Array:
    """What a letterbox leaves of the logits."""
    (top, left), (height, width) = like.origin, like.values.shape[2:]
    return values[:, :, top : top + height, left : left + width]


def _in_place(result: Any, part: OutputArray, logits: Any) -> None:
    """Refuse kinds of arrays that are copies, or that nobody may write to."""
    array = as_input_array(result, "result").array
    if array.size and not (array.flags.writeable and is_overlapping(array, part.array)):
        raise TypeError(
            f"logits are a {type(logits).__name__}, and results of this kind cannot be written "
            "again; give the stream NumPy arrays or torch tensors, or call segpost.postprocess"
        )
