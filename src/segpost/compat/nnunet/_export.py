"""nnU-Net's export of predictions, under its own names."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

import segpost
from segpost._core.arrays import Array
from segpost.compat.nnunet._geometry import Geometry, read_geometry
from segpost.compat.nnunet._heads import Head, label_volume, read_head, volume_probabilities
from segpost.compat.nnunet._resampling import plan_resampling


def convert_predicted_logits_to_segmentation_with_correct_shape(
    predicted_logits: Any,
    plans_manager: Any,
    configuration_manager: Any,
    label_manager: Any,
    properties_dict: Mapping[str, Any],
    return_probabilities: bool = False,
    num_threads_torch: int | None = None,
) -> Any:
    """Convert predicted logits to the label map of the image, as nnU-Net's function of this name.

    Logits are resampled to the crop, their labels are inserted into the image, and its axes are put
    back into the order of the file. No logits of the size of the image are computed. Labels are
    those of the exact resampling: nnU-Net rounds resampled logits to the type of
    `predicted_logits`, so that its labels differ where that makes two classes equal.

    Parameters
    ----------
    predicted_logits : array of shape (C, d, h, w)
        NumPy or torch, as `segpost.argmax` reads them; 2-D configurations have one, too.
    plans_manager, configuration_manager, label_manager : object
        nnU-Net's. Of the plans `transpose_forward` and `transpose_backward` are read, of the
        configuration `spacing` and the dict `configuration`, of the label manager
        `num_segmentation_heads`, `foreground_labels`, `has_regions`, `regions_class_order` and
        `inference_nonlin`.
    properties_dict : dict
        Of nnU-Net's preprocessing: `spacing` in millimeters, `shape_before_cropping`,
        `bbox_used_for_cropping` and `shape_after_cropping_and_before_resampling`.
    return_probabilities : bool
        Whether to return the probabilities, too.
    num_threads_torch : int, optional
        The number of threads of this call; by default `segpost.num_threads`.

    Returns
    -------
    segmentation : NumPy array of the image's shape
        uint8 if there are fewer than 255 foreground labels, else uint16; 0 outside the crop.
    probabilities : float32 NumPy array of shape (C, ...)
        With `return_probabilities`. Outside the crop the background has 1, and regions have 0.

    Raises
    ------
    ValueError
        For a resampling that segpost does not have, named with its option; for sizes, boxes,
        spacings and orders of axes that contradict each other; for NaN in the logits.
    """
    shape = tuple(getattr(predicted_logits, "shape", ()))
    if len(shape) != 4:
        raise ValueError(f"predicted_logits must have the shape (classes, d, h, w), got {shape}")
    if 0 in shape:
        raise ValueError(f"predicted_logits of shape {shape} hold nothing")
    geometry = read_geometry(plans_manager, configuration_manager, properties_dict)
    head = read_head(label_manager, shape[0], return_probabilities)
    resampling = plan_resampling(
        configuration_manager.configuration, shape[1:], geometry.crop_size, geometry.spacings
    )
    with _threads(num_threads_torch):
        labels = label_volume(predicted_logits, head, resampling)
        probabilities = None
        if return_probabilities:
            probabilities = volume_probabilities(predicted_logits, head, resampling)
    segmentation = geometry.in_original_order(_without_crop(labels, geometry))
    if probabilities is None:
        return segmentation
    background = 0 if head.class_order is None else None
    probabilities = _without_crop(probabilities, geometry, background)
    return segmentation, geometry.in_original_order(probabilities)


def convert_probabilities_to_segmentation(label_manager: Any, predicted_probabilities: Any) -> Any:
    """Convert probabilities to a label map, as the method of nnU-Net's LabelManager of this name.

    Parameters
    ----------
    label_manager : object
        As in `convert_predicted_logits_to_segmentation_with_correct_shape`.
    predicted_probabilities : array of shape (C, D, H, W) or (C, H, W)
        After the softmax or the sigmoid; NumPy or torch.

    Returns
    -------
    segmentation : array of shape (D, H, W) or (H, W)
        The first class of the largest probability, or of the regions above 0.5 the last in the
        order of `regions_class_order`. Of the array type of the probabilities: uint8 if there are
        fewer than 255 foreground labels, else uint16, of tensors int32.

    Raises
    ------
    ValueError
        For another number of channels than the label manager has; for NaN.
    """
    shape = tuple(getattr(predicted_probabilities, "shape", ()))
    if len(shape) not in (3, 4):
        raise ValueError(
            f"predicted_probabilities must have the shape (classes, d, h, w), got {shape}"
        )
    head = read_head(label_manager, shape[0])
    if head.class_order is None and head.channels > 1:
        labels = segpost.argmax(predicted_probabilities, volume=len(shape) == 4)
    else:
        labels = _paint_regions(predicted_probabilities, head)
    if isinstance(labels, np.ndarray):
        return labels.astype(head.dtype, copy=False)
    return labels


def export_prediction_from_logits(
    predicted_array_or_file: Any,
    properties_dict: Mapping[str, Any],
    configuration_manager: Any,
    plans_manager: Any,
    dataset_json_dict_or_file: Mapping[str, Any] | str,
    output_file_truncated: str,
    save_probabilities: bool = False,
    num_threads_torch: int | None = None,
) -> None:
    """Write the label map of predicted logits to a file, as nnU-Net's function of this name.

    Parameters
    ----------
    predicted_array_or_file : array of shape (C, d, h, w)
        The logits.
    properties_dict, configuration_manager, plans_manager : object
        As in `convert_predicted_logits_to_segmentation_with_correct_shape`. The plans' reader and
        writer of images writes the file.
    dataset_json_dict_or_file : dict or str
        The data set's dataset.json, or its path.
    output_file_truncated : str
        The path of the result without its suffix.
    save_probabilities : bool
        Whether to write the probabilities to .npz and the properties to .pkl, too.
    num_threads_torch : int, optional
        The number of threads of this call.

    Raises
    ------
    ValueError
        As `convert_predicted_logits_to_segmentation_with_correct_shape`; nothing is written then.
    """
    dataset = dataset_json_dict_or_file
    if isinstance(dataset, str):
        with open(dataset, encoding="utf-8") as file:
            dataset = json.load(file)
    assert not isinstance(dataset, str)
    result = convert_predicted_logits_to_segmentation_with_correct_shape(
        predicted_array_or_file,
        plans_manager,
        configuration_manager,
        plans_manager.get_label_manager(dataset),
        properties_dict,
        return_probabilities=save_probabilities,
        num_threads_torch=num_threads_torch,
    )
    segmentation, probabilities = result if save_probabilities else (result, None)
    if probabilities is not None:
        np.savez_compressed(f"{output_file_truncated}.npz", probabilities=probabilities)
        with open(f"{output_file_truncated}.pkl", "wb") as file:
            pickle.dump(properties_dict, file)
    writer = plans_manager.image_reader_writer_class()
    path = output_file_truncated + dataset["file_ending"]
    writer.write_seg(segmentation, path, properties_dict)


def _without_crop(values: Array, geometry: Geometry, one: int | None = None) -> Array:
    """Return values of the crop in the whole image: 0 outside, and 1 in a channel."""
    if not geometry.is_cropped:
        return values
    whole = np.zeros((*values.shape[:-3], *geometry.size), values.dtype)
    if one is not None:
        whole[one] = 1
    index: tuple[Any, ...] = (..., *geometry.box)
    whole[index] = values
    return whole


def _paint_regions(probabilities: Any, head: Head) -> Any:
    """Return the label of the last region above 0.5, or 0."""
    is_numpy = isinstance(probabilities, np.ndarray)
    dtype = head.dtype
    if is_numpy:
        labels: Any = np.zeros(probabilities.shape[1:], dtype)
    else:
        labels = probabilities.new_zeros(
            probabilities.shape[1:], dtype=_torch_dtype(probabilities, narrow=dtype is np.uint8)
        )
    for channel, label in zip(probabilities, head.class_order or (), strict=False):
        labels[channel > 0.5] = label
    return labels


def _torch_dtype(tensor: Any, *, narrow: bool) -> Any:
    """Return torch's type of labels."""
    import torch

    return torch.uint8 if narrow else torch.int32


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Use a number of threads for a while."""
    if count is None:
        yield
        return
    before = segpost.num_threads()
    segpost.set_num_threads(count)
    try:
        yield
    finally:
        segpost.set_num_threads(before)
