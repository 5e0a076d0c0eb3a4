"""The resampling that nnU-Net's plans ask for: the output size, and the axis of nearest slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

ANISOTROPY = 3  # nnU-Net's ANISO_THRESHOLD: the ratio of spacings above which z is separate
SKIMAGE, TORCH, NONE = (
    "resample_data_or_seg_to_shape",
    "resample_torch_fornnunet",
    "no_resampling_hack",
)
Value = Any

# The functions of nnU-Net, and the arguments that change their result, with their defaults.
DEFAULTS: dict[str, dict[str, Value]] = {
    SKIMAGE: {
        "is_seg": False,
        "order": 3,
        "order_z": 0,
        "force_separate_z": False,
        "separate_z_anisotropy_threshold": ANISOTROPY,
    },
    TORCH: {
        "is_seg": False,
        "mode": "linear",
        "aniso_axis_mode": "nearest-exact",
        "force_separate_z": None,
        "separate_z_anisotropy_threshold": ANISOTROPY,
    },
    NONE: {},
}
IRRELEVANT = {"num_threads", "device", "memefficient_seg_resampling"}  # of TORCH
SUPPORTED: dict[str, tuple[Value, ...]] = {"is_seg": (False,), "order": (1,), "mode": ("linear",)}
# Along a separate z: linear is trilinear together with the other axes.
SUPPORTED_ALONG_Z: dict[str, dict[Value, bool]] = {  # and whether it is the nearest slice
    "order_z": {0: True, 1: False},
    "aniso_axis_mode": {"nearest-exact": True, "linear": False},
}


class Resampling(NamedTuple):
    """From the voxels of the logits to those of the crop."""

    size: tuple[int, ...]  # (D, H, W)
    nearest_axis: int | None = None  # None: trilinear
    # Where a coordinate lies midway between two slices, and rounding makes nnU-Net take the lower:
    # output slices of the nearest axis, and the input slices that they take.
    rounded_down: tuple[tuple[int, int], ...] = ()


class Spacings(NamedTuple):
    """Millimeters between voxels, along the transposed axes."""

    logits: tuple[float, ...]
    image: tuple[float, ...]


def plan_resampling(
    configuration: Mapping[str, Value],
    shape: Sequence[int],
    size: Sequence[int],
    spacings: Spacings,
) -> Resampling:
    """Return the resampling of logits of a shape (d, h, w) to `size`, as the configuration says.

    Raises
    ------
    ValueError
        If the configuration names a function or an option that segpost does not have.
    """
    name, options = _function_of(configuration)
    size = tuple(size)
    if tuple(shape) == size:
        return Resampling(size)
    if name == NONE:
        raise ValueError(
            f"predicted_logits have the size {tuple(shape)}, the crop has {size}, and the plans "
            f"say resampling_fn_probabilities={NONE!r}"
        )
    for option, allowed in SUPPORTED.items():
        if option in options and options[option] not in allowed:
            _refuse(name, option, options[option], allowed)
    axis = _separate_axis(options, spacings)
    if axis is None:
        return Resampling(size)
    along = "order_z" if name == SKIMAGE else "aniso_axis_mode"
    if options[along] not in SUPPORTED_ALONG_Z[along]:
        _refuse(name, along, options[along], tuple(SUPPORTED_ALONG_Z[along]))
    if not SUPPORTED_ALONG_Z[along][options[along]]:
        return Resampling(size)
    return Resampling(size, axis, _rounded_down(shape[axis], size[axis], name))


def _function_of(configuration: Mapping[str, Value]) -> tuple[str, dict[str, Value]]:
    """Return the name of the function that resamples probabilities, and its arguments."""
    name = configuration.get("resampling_fn_probabilities")
    if name not in DEFAULTS:
        raise ValueError(
            f"resampling_fn_probabilities of the plans must be one of {', '.join(DEFAULTS)}, got "
            f"{name!r}: export this configuration by nnU-Net itself"
        )
    chosen = dict(configuration.get("resampling_fn_probabilities_kwargs") or {})
    unknown = sorted(chosen.keys() - DEFAULTS[name].keys() - IRRELEVANT)
    if unknown:
        raise ValueError(
            f"resampling_fn_probabilities_kwargs of the plans have {', '.join(unknown)}, which "
            f"{name} of segpost does not have: export this configuration by nnU-Net itself"
        )
    return name, DEFAULTS[name] | chosen


def _refuse(name: str, option: str, value: Value, allowed: tuple[Value, ...]) -> None:
    """Raise an error for an option of the plans that segpost does not have."""
    raise ValueError(
        f"resampling_fn_probabilities_kwargs of the plans say {option}={value!r} for {name}; "
        f"segpost has {' and '.join(f'{option}={one!r}' for one in allowed)}: export this "
        "configuration by nnU-Net itself"
    )


def _separate_axis(options: Mapping[str, Value], spacings: Spacings) -> int | None:
    """Return the axis that is resampled separately from the others: the one of coarse slices.

    Two equally coarse axes are resampled together with the third.
    """
    forced = options["force_separate_z"]
    if forced is not None:
        return _coarsest(spacings.logits) if forced else None
    for spacing in spacings:
        if max(spacing) / min(spacing) > options["separate_z_anisotropy_threshold"]:
            return _coarsest(spacing)
    return None


def _coarsest(spacing: tuple[float, ...]) -> int | None:
    """Return the axis with the largest spacing, if there is one."""
    coarse = [i for i, value in enumerate(spacing) if max(spacing) / value == 1]
    return coarse[0] if len(coarse) == 1 else None


def _rounded_down(n_in: int, n_out: int, name: str) -> tuple[tuple[int, int], ...]:
    """Return the output slices for which nnU-Net takes another slice than the nearest.

    SciPy computes coordinates in float64; torch in float32, with the product and the difference
    rounded once.
    """
    if n_in == n_out:
        return ()
    outputs = np.arange(n_out)
    nearest = (2 * outputs + 1) * n_in // (2 * n_out)
    if name == SKIMAGE:
        coordinates = float(n_in) / n_out * (outputs + 0.5) - 0.5
        taken = np.floor(coordinates.clip(0, n_in - 1) + 0.5)
    else:
        scale = float(np.float32(n_in) / np.float32(n_out))
        rounded = (scale * (outputs + 0.5) - 0.5).astype(np.float32)
        taken = np.floor(rounded.clip(min=np.float32(0)) + np.float32(0.5)).clip(max=n_in - 1)
    return tuple((int(o), int(taken[o])) for o in np.flatnonzero(taken != nearest))
