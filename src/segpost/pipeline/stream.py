"""`postprocess` in a loop over frames or volumes of one size, without new memory for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from segpost._core.array_types import ArrayT, Generic, HostArray, NumpyArray
from segpost._core.arrays import Array, as_input_array, is_overlapping, may_overlap
from segpost._core.contract import Logits
from segpost._core.device import context_of
from segpost._core.locks import Locked
from segpost._core.logits import InputLogits, as_logits
from segpost._core.public import public
from segpost._core.text import suggest_name
from segpost.pipeline.execute import as_guide, execute
from segpost.pipeline.options import Options, PostprocessSettings, check_options
from segpost.pipeline.plan import Plan, build_plan, with_image_size, wrap_outputs
from segpost.pipeline.results import RANKED, Want
from segpost.pipeline.segmentation import Segmentation, WantT

if TYPE_CHECKING:
    from typing_extensions import Unpack


@public
class Stream(Locked, Generic[WantT]):
    """`postprocess` for the frames of a video, with options and memory that are reused.

    A frame may be a volume, too: those of a time series, or cases of one size.

    The first frame is processed as by `postprocess`. Later frames with the same shape, element
    type, array type and device are written to the same memory: **the next frame overwrites a
    `Segmentation` of a stream.** Copy results that are needed longer, or use `postprocess`. A frame
    of another shape gets new memory.

    A stream has the place of an ``out=`` of `postprocess`, which would have to check all settings
    again for every frame.

    Parameters
    ----------
    **settings
        The keyword arguments of `postprocess` other than `image`.

    Raises
    ------
    ValueError, TypeError
        For settings that `postprocess` does not accept. Settings that depend on the logits are
        checked at the first frame.

    Notes
    -----
    Later frames allocate no results, except `probabilities` with ``crf=``. After an error the
    last results are undefined. Two threads need two streams.

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

    @overload
    def __init__(
        self, *, want: tuple[WantT, ...] = ..., **settings: Unpack[PostprocessSettings]
    ) -> None: ...
    @overload
    def __init__(
        self: Stream[Want], *, want: Iterable[Want], **settings: Unpack[PostprocessSettings]
    ) -> None: ...
    def __init__(self, **settings: Any) -> None:
        _check_names(settings)
        self._options = check_options(**settings)
        ranked = sorted(self._options.outputs & RANKED)
        if ranked or self._options.probabilities_dtype != "float32":
            setting = f'want has "{ranked[0]}"' if ranked else "probabilities_dtype is not float32"
            raise ValueError(f"{setting}, which a stream does not have: call segpost.postprocess")
        self._format: object = None  # of the frames that the plan is for
        self._plan: Plan
        self._volumes: Any  # the VolumePlan of volumes
        self._segmentation: Segmentation[Any, Any]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickle; version 0.1 stored the settings."""
        if "_settings" in state:
            self.__init__(convention=state["_convention"], **state["_settings"])  # type: ignore[misc]
        else:
            self.__dict__.update(state)

    @overload
    def __call__(
        self,
        logits: HostArray | Mapping[str, HostArray] | Sequence[HostArray],
        image: Any = ...,
    ) -> Segmentation[NumpyArray, WantT]: ...
    @overload
    def __call__(
        self, logits: ArrayT | Mapping[str, ArrayT] | Sequence[ArrayT], image: Any = ...
    ) -> Segmentation[ArrayT, WantT]: ...
    @overload
    def __call__(self, logits: Any, image: Any = ...) -> Segmentation[Any, WantT]: ...
    def __call__(self, logits: Any, image: Any = None) -> Any:
        """Process the next frame.

        Parameters
        ----------
        logits, image : arrays
            As in `postprocess`. Logits are NumPy arrays, torch tensors, or of another array type
            that is mutable.

        Returns
        -------
        segmentation : Segmentation
            Valid until the next frame.

        Raises
        ------
        ValueError, TypeError
            As in `postprocess`; for immutable arrays, such as JAX's; and for logits in the memory
            of this stream's results.
        RuntimeError
            If another thread is processing a frame: both would write to the same memory.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> stream = segpost.Stream()
        >>> first = stream(np.float32([[[1, 0]], [[0, 1]]]))
        >>> second = stream(np.float32([[[0, 1]], [[1, 0]]]))
        >>> first.labels is second.labels, second.labels
        (True, array([[1, 0]], dtype=uint8))
        """
        if not self._lock.acquire(blocking=False):
            raise RuntimeError(
                "another thread is processing a frame of this stream; two threads need two streams"
            )
        try:
            if self._options.volume:
                return self._process_volume(logits, image)
            return self._process_image(logits, image)
        finally:
            self._lock.release()

    def _process_image(self, logits: Any, image: Any) -> Segmentation[Any, Any]:
        """Process the next image, in new memory if it is the first of its format."""
        kind = "logits"
        if self._options.convention is not None:
            logits, kind = self._options.convention.pick(logits)
        if kind == "labels":
            raise TypeError(
                "the network gives labels, and a stream needs logits or probabilities; call "
                "segpost.postprocess"
            )
        source, guide, options = as_logits(logits, self._options.axis), None, self._options
        if image is not None:
            guide = as_guide(image, is_frame=True)
            options = with_image_size(options, source.logits, guide)
        size = None if options is self._options else options.size  # which follows from the image
        frame_format = _frame_format(logits, kind, source.logits, size)
        if self._format is None or frame_format != self._format:
            self._format = None
            segmentation = self._start(logits, kind, source, guide, options)
            self._format = frame_format
            return segmentation
        plan = self._plan
        _refuse_own_memory(source.logits.values, plan.outputs)
        guide, probabilities = execute(plan, source.logits, guide)
        if plan.options.crf is not None or "regions" in plan.options.outputs:
            return wrap_outputs(plan, guide, probabilities)
        if guide is None:
            return self._segmentation
        return replace(self._segmentation, image=guide if plan.is_batch else guide[0])

    def _start(
        self, logits: Any, kind: str, source: InputLogits, image: Array | None, options: Options
    ) -> Segmentation[Any, Any]:
        """Process the first frame of a format, in new memory."""
        plan = build_plan(source, type(logits), kind, options, image)
        segmentation = wrap_outputs(plan, *execute(plan, source.logits, image))
        _check_outputs(segmentation, plan.outputs, type(logits).__name__)
        self._plan = plan
        self._segmentation = replace(segmentation, image=None)
        return segmentation

    def _process_volume(self, logits: Any, image: Any) -> Segmentation[Any, Any]:
        """Process the next volume, in new memory if it is the first of its format."""
        from segpost.pipeline import volumes

        options = self._options
        volumes.refuse_options(image, options)
        if options.crf is not None:
            raise ValueError("crf of volumes is not for a stream: call segpost.postprocess")
        if options.convention is not None and options.outputs != {"labels"}:
            raise ValueError(
                "convention is of probabilities, of which a stream has the labels alone: pass "
                "np.log(probabilities) without it, or call segpost.postprocess"
            )
        source = as_logits(logits, options.axis, 3)
        frame_format = _frame_format(logits, "volume", source.logits, None)
        if self._format is not None and frame_format == self._format:
            _refuse_own_memory(source.logits.values, self._volumes.outputs)
            volumes.write_volumes(self._volumes, source.logits)
            return self._segmentation
        self._format = None
        plan = volumes.plan_volumes(source, type(logits), options)
        volumes.write_volumes(plan, source.logits)
        segmentation = volumes.wrap_volumes(plan)
        _check_outputs(segmentation, plan.outputs, type(logits).__name__)
        self._volumes, self._segmentation, self._format = plan, segmentation, frame_format
        return segmentation


def _check_names(settings: dict[str, Any]) -> None:
    """Raise an error for settings of other names than those of `postprocess`."""
    names = (*PostprocessSettings.__annotations__, "want")
    for name in settings:
        if name == "image":
            raise TypeError("Stream() takes the image with each frame: stream(logits, image)")
        if name not in names:
            raise TypeError(
                f"Stream() got an unexpected keyword argument {name!r}{suggest_name(name, names)}"
            )


def _frame_format(
    argument: Any, kind: str, logits: Logits, size: tuple[int, int] | None
) -> tuple[object, ...]:
    """Return what frames must have in common to use the same memory."""
    context = context_of(logits.values)
    return (
        type(argument),
        kind,
        logits.values.shape,
        logits.kind,
        context.device,
        context.stream,
        size,
    )


def _refuse_own_memory(values: Array, outputs: Sequence[Array | None]) -> None:
    """Refuse logits in the memory of the results."""
    if not may_overlap(values, outputs):
        return
    for array in outputs:
        if array is not None and is_overlapping(values, array):
            raise ValueError("logits are in the memory of this stream's results; copy them first")


def _check_outputs(segmentation: Any, outputs: Any, library: str) -> None:
    """Refuse results that are not the memory of the plan."""
    for name, array in outputs._asdict().items():
        result = getattr(segmentation, name, None)
        if array is not None and result is not None:
            _check_shared(result, array, library)


def _check_shared(result: Any, array: Array, library: str) -> None:
    """Refuse results that are copies of the memory of the plan, or that are read-only."""
    shown = as_input_array(result, "result").array
    if shown.size and not (shown.flags.writeable and is_overlapping(shown, array)):
        raise TypeError(
            f"logits are a {library}, and results of this kind cannot be written again; give the "
            "stream NumPy arrays or torch tensors, or call segpost.postprocess"
        )
