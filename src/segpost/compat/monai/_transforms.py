"""`PostProcess` and `PostProcessd`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform, Transform
from monai.utils.enums import MetaKeys, TraceKeys
from monai.utils.misc import ensure_tuple_rep

from segpost.compat.monai._labels import label_values, threshold_values
from segpost.compat.monai._steps import (
    Record,
    Resampling,
    State,
    Step,
    Turn,
    Window,
    as_affine,
    inverse_steps,
    name_of,
)


class Decoding(NamedTuple):
    """From the channels of a prediction to labels: activation, then argmax or threshold."""

    sigmoid: bool
    softmax: bool
    argmax: bool
    threshold: float | None

    def activate(self, values: torch.Tensor) -> torch.Tensor:
        """Return values after the activation, in float32; as they are without one."""
        if self.sigmoid:
            return torch.sigmoid(values.float())
        return torch.softmax(values.float(), 0) if self.softmax else values

    def decode(self, values: torch.Tensor, resampling: Resampling | None) -> torch.Tensor:
        """Return labels (1, ...) or masks (C, ...) of values, which are resampled."""
        axes = None if resampling is None else resampling.axes
        labels: torch.Tensor = (
            label_values(values, axes)
            if self.threshold is None
            else threshold_values(values, axes, self.threshold)
        )
        return labels

    @property
    def of_zeros(self) -> int:
        """The label of values that are 0."""
        return int(self.threshold is not None and self.threshold <= 0)


class PostProcess(Transform):
    """Activation, inverse of the preprocessing and labels of one prediction, in one pass.

    The result is that of MONAI's ``Activations``, ``Invert(nearest_interp=False)`` and
    ``AsDiscrete``, in this order. Values are interpolated and decoded together, so no channels of
    the size of the original image are in memory.

    Parameters
    ----------
    transform : InvertibleTransform, optional
        The preprocessing. Its records in ``applied_operations`` of the prediction are inverted,
        last first; they stay where it has no part in them. One of them may resample: Spacing,
        SpatialResample or Resize with a linear mode. Orientation, Flip, crops and pads are undone
        as in MONAI. None: nothing is inverted.
    sigmoid, softmax : bool
        The activation, before the interpolation, as in ``Activations``.
    argmax : bool
        Whether the result is the label of the largest channel, of shape (1, ...).
    threshold : float, optional
        The result is 1 where a channel is at least that, of shape (C, ...).

    Raises
    ------
    ValueError
        If not exactly one of `argmax` and `threshold` is asked for, or both activations are.

    Examples
    --------
    >>> import torch
    >>> from segpost.compat.monai import PostProcess
    >>> PostProcess(argmax=True)(torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]]]))
    metatensor([[[0, 1]]], dtype=torch.uint8)
    """

    def __init__(
        self,
        transform: Any = None,
        sigmoid: bool = False,
        softmax: bool = False,
        argmax: bool = False,
        threshold: float | None = None,
    ) -> None:
        self.transform = transform
        self.decoding = _decoding(sigmoid, softmax, argmax, threshold)

    def __call__(self, prediction: Any) -> MetaTensor:
        """Return the labels, uint8 (int32 beyond 256 channels), with the original image's affine.

        Parameters
        ----------
        prediction : MetaTensor of shape (C, D, H, W) or (C, H, W)
            One item, without a batch axis.
        """
        if self.transform is not None and not isinstance(prediction, MetaTensor):
            raise TypeError(
                "prediction must be a MetaTensor, which records the preprocessing, got "
                f"{type(prediction).__name__}: use PostProcessd with orig_keys"
            )
        return _postprocess(prediction, prediction, self.transform, self.decoding, "prediction")


class PostProcessd(MapTransform):
    """Dictionary form of `PostProcess`: ``Activationsd``, ``Invertd`` and ``AsDiscreted``.

    Parameters
    ----------
    keys : str or sequence of str
        The predictions.
    transform : InvertibleTransform, optional
        The preprocessing, as in `PostProcess`.
    orig_keys : str or sequence of str, optional
        The preprocessed images, whose ``applied_operations`` are inverted; `keys` by default.
    sigmoid, softmax, argmax, threshold : optional
        As in `PostProcess`; a sequence has one for each key.
    allow_missing_keys : bool
        Whether a missing key is no error.

    Raises
    ------
    ValueError
        As `PostProcess`. When called: for a transform that segpost cannot invert, which is named.

    Examples
    --------
    >>> from segpost.compat.monai import PostProcessd
    >>> post = PostProcessd("pred", preprocessing, "image", argmax=True)  # doctest: +SKIP
    >>> [post(item) for item in decollate_batch(batch)]  # doctest: +SKIP
    """

    def __init__(
        self,
        keys: KeysCollection,
        transform: Any = None,
        orig_keys: KeysCollection | None = None,
        sigmoid: Sequence[bool] | bool = False,
        softmax: Sequence[bool] | bool = False,
        argmax: Sequence[bool] | bool = False,
        threshold: Sequence[float | None] | float | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.transform = transform
        count = len(self.keys)
        self.orig_keys = self.keys if orig_keys is None else ensure_tuple_rep(orig_keys, count)
        choices = (ensure_tuple_rep(one, count) for one in (sigmoid, softmax, argmax, threshold))
        self.decodings = [_decoding(*one) for one in zip(*choices, strict=True)]

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the data with labels in the place of predictions."""
        result = dict(data)
        for key, orig_key, decoding in self.key_iterator(result, self.orig_keys, self.decodings):
            image = result.get(orig_key)
            if self.transform is not None and not isinstance(image, MetaTensor):
                raise TypeError(
                    f"{orig_key!r} must be a MetaTensor, which records the preprocessing, got "
                    f"{type(image).__name__}: pass orig_keys="
                )
            result[key] = _postprocess(result[key], image, self.transform, decoding, str(orig_key))
        return result


def _decoding(sigmoid: bool, softmax: bool, argmax: bool, threshold: float | None) -> Decoding:
    """Return checked choices."""
    if sigmoid and softmax:
        raise ValueError("sigmoid and softmax exclude each other")
    if argmax == (threshold is not None):
        raise ValueError(
            f"pass argmax=True or threshold=, one of them, got argmax={argmax!r} and "
            f"threshold={threshold!r}"
        )
    return Decoding(sigmoid, softmax, argmax, threshold)


def _postprocess(
    prediction: Any, image: Any, transform: Any, decoding: Decoding, name: str
) -> MetaTensor:
    """Return the labels of a prediction on the grid of the original image."""
    values = prediction.as_tensor() if isinstance(prediction, MetaTensor) else prediction
    values = torch.as_tensor(values).detach()
    if values.ndim not in (3, 4):
        raise ValueError(
            f"a prediction has the shape (channels, ...) with two or three spatial axes, got "
            f"{tuple(values.shape)}: decollate batches"
        )
    if decoding.argmax and values.shape[0] == 1:
        raise ValueError("argmax of one channel is 0 everywhere: pass sigmoid=True, threshold=0.5")
    meta: dict[str, Any] = {}
    operations: list[Any] = []
    affine = None
    steps: list[Step] = []
    if isinstance(image, MetaTensor):
        meta, operations, affine = (
            deepcopy(image.meta),
            list(image.applied_operations),
            image.affine,
        )
    if transform is not None:
        if image.shape[1:] != values.shape[1:]:
            raise ValueError(
                f"a prediction has the size {tuple(values.shape[1:])}, and {name!r} has "
                f"{tuple(image.shape[1:])}"
            )
        records, operations = _split_records(operations, transform)
        if not records:
            raise ValueError(
                f"applied_operations of {name!r} have no records of transform: it was not applied, "
                "or nothing tracked it"
            )
        state = State(tuple(values.shape[1:]), as_affine(affine, values.ndim - 1))
        for record in reversed(records):
            done = inverse_steps(record, state)
            steps += [step for step, _ in done]
            state = done[-1][1] if done else state
        affine = _whole_affine(image, state)
    labels = _run(values, steps, decoding)
    if affine is not None:
        meta[MetaKeys.AFFINE] = affine
    return MetaTensor(labels, meta=meta, applied_operations=operations)


def _whole_affine(image: Any, state: State) -> torch.Tensor:
    """Return the affine of a state, of as many axes as that of the image: 3, also of 2-D images."""
    whole: torch.Tensor = image.affine.detach().cpu().to(torch.float64).clone()
    axes = min(len(state.shape), len(whole) - 1)
    affine = torch.from_numpy(state.affine)
    whole[:axes, :axes] = affine[:axes, :axes]
    whole[:axes, -1] = affine[:axes, -1]
    return whole


def _run(values: torch.Tensor, steps: list[Step], decoding: Decoding) -> torch.Tensor:
    """Apply steps; values are decoded together with the resampling, or where there is none."""
    names = [step.transform for step in steps if isinstance(step, Resampling)]
    if len(names) > 1:
        raise ValueError(
            f"transform resamples {len(names)} times ({', '.join(reversed(names))}); segpost "
            "inverts one resampling: use monai's Invertd and AsDiscreted"
        )
    values = decoding.activate(values)
    decoded = not names
    if decoded:
        values = decoding.decode(values, None)
    for step in steps:
        if isinstance(step, Resampling):
            values, decoded = decoding.decode(values, step), True
        elif isinstance(step, Turn):
            values = values.permute(0, *(1 + i for i in step.order))
            values = values.flip([1 + i for i in step.flipped])
        else:
            values = _pad(values, step, decoding.of_zeros if decoded else 0)
    return values


def _pad(values: torch.Tensor, window: Window, value: int) -> torch.Tensor:
    """Return a crop, or a padding with a value."""
    widths: list[int] = []
    for before, after in zip(window.before[::-1], window.after[::-1], strict=True):
        widths += [before, after]
    return torch.nn.functional.pad(values, widths, value=value)


def _split_records(records: list[Any], transform: Any) -> tuple[list[Any], list[Any]]:
    """Return the records of a transform and its parts, and the others."""
    parts = [*_parts_of(transform)]
    ids = {id(part) for part in parts}
    names = {type(part).__name__ for part in parts}
    by_name = torch.multiprocessing.get_start_method(allow_none=True) == "spawn"

    def is_own(record: Record) -> bool:
        identity = record.get(TraceKeys.ID)
        return (
            identity in ids or identity == TraceKeys.NONE or (by_name and name_of(record) in names)
        )

    own = [record for record in records if is_own(record)]
    return own, [record for record in records if not is_own(record)]


def _parts_of(transform: Any) -> Iterator[Any]:
    """Yield a transform and the transforms in its attributes."""
    yield transform
    for value in vars(transform).values():
        for part in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(part, Transform):
                yield from _parts_of(part)
