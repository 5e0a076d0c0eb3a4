"""segpost.compat.nnunet against nnU-Net's rules, written in NumPy."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from nnunet_cases import CASES, DEFAULT, TORCH, Case, vary_case
from numpy.testing import assert_allclose, assert_array_equal

import segpost
from segpost.compat import nnunet
from segpost.compat.nnunet._resampling import SKIMAGE, _rounded_down


def convert(case: Case, logits: Any, **changes: Any) -> Any:
    """The call of nnU-Net's predictor."""
    return nnunet.convert_predicted_logits_to_segmentation_with_correct_shape(
        logits, **(case.objects() | changes)
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_labels(case: Case) -> None:
    """Labels, type and shape are those of nnU-Net's rules."""
    logits = case.logits()
    segmentation = convert(case, logits)
    assert_array_equal(segmentation, case.segmentation(logits))
    assert segmentation.dtype == (np.uint16 if case.classes > 255 else np.uint8)
    assert len(np.unique(segmentation)) > 2


@pytest.mark.parametrize("name", ["isotropic", "z-second", "crop", "crop-regions", "regions-z"])
def test_probabilities(name: str) -> None:
    """Probabilities are the softmax or the sigmoid; outside the crop there is background."""
    case = vary_case(name)
    logits = case.logits()
    segmentation, probabilities = convert(case, logits, return_probabilities=True)
    assert_array_equal(segmentation, case.segmentation(logits))
    assert probabilities.dtype == np.float32
    assert_allclose(probabilities, case.probabilities(logits), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_types_of_logits(dtype: Any) -> None:
    """nnU-Net's predictor gives float16."""
    case = vary_case("transposed-z-crop")
    logits = case.logits(dtype)
    assert_array_equal(convert(case, logits), case.segmentation(logits))


def test_tensors() -> None:
    """Tensors give NumPy arrays, as in nnU-Net."""
    torch = pytest.importorskip("torch")
    for name in ("crop", "regions-z"):
        case = vary_case(name)
        logits = torch.from_numpy(case.logits()).half()
        segmentation = convert(case, logits)
        assert type(segmentation) is np.ndarray
        assert_array_equal(segmentation, case.segmentation(logits.float().numpy()))


def test_threads_of_the_call() -> None:
    """num_threads_torch holds for the call."""
    before = segpost.num_threads()
    case = vary_case("isotropic")
    logits = case.logits()
    wanted = convert(case, logits)
    assert_array_equal(convert(case, logits, num_threads_torch=2), wanted)
    assert segpost.num_threads() == before


def test_slices_of_rounded_coordinates() -> None:
    """Midway between two slices nnU-Net takes the one that its rounded coordinate gives.

    2 slices become 49: (24 + 1/2) * 2 / 49 - 1/2 is 1/2, and less in float64.
    """
    assert _rounded_down(2, 49, SKIMAGE) == ((24, 0),)
    assert _rounded_down(2, 50, SKIMAGE) == ()
    case = vary_case("z-first", shape=(2, 6, 7), crop=(49, 9, 9), configured=(24.5, 2, 2))
    logits = case.logits()
    expected = case.segmentation(logits)
    assert (expected[23] != expected[24]).any()
    expected[24] = expected[23]
    assert_array_equal(convert(case, logits), expected)


def test_slices_that_scipy_takes() -> None:
    """The slices that SciPy's map_coordinates takes, for every pair of sizes."""
    ndimage = pytest.importorskip("scipy.ndimage")
    differs = 0
    for n_in in range(2, 15):
        for n_out in range(1, 51):
            coordinates = float(n_in) / n_out * (np.arange(n_out) + 0.5) - 0.5
            wanted = ndimage.map_coordinates(
                np.arange(n_in, dtype=float), [coordinates], order=0, mode="nearest"
            )
            taken = (2 * np.arange(n_out) + 1) * n_in // (2 * n_out)
            for output, slice_taken in _rounded_down(n_in, n_out, SKIMAGE):
                taken[output] = slice_taken
                differs += 1
            assert_array_equal(taken, wanted)
    assert differs


def test_slices_that_torch_takes() -> None:
    """The slices that torch's nearest-exact takes."""
    torch = pytest.importorskip("torch")
    differs = 0
    for n_in in range(2, 15):
        values = torch.arange(n_in, dtype=torch.float32)[None, None, :, None, None]
        for n_out in range(1, 51):
            wanted = torch.nn.functional.interpolate(values, (n_out, 1, 1), mode="nearest-exact")
            taken = (2 * np.arange(n_out) + 1) * n_in // (2 * n_out)
            for output, slice_taken in _rounded_down(n_in, n_out, TORCH):
                taken[output] = slice_taken
                differs += 1
            assert_array_equal(taken, wanted.numpy().ravel())
    assert differs


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_labels_of_probabilities(kind: str) -> None:
    """convert_probabilities_to_segmentation: the first maximum, or the last region above 0.5."""
    as_array: Any = np.asarray if kind == "numpy" else pytest.importorskip("torch").from_numpy
    for name in ("isotropic", "regions-order"):
        case = vary_case(name)
        values = case.probabilities(case.logits()).astype(np.float32)
        values[:, 0, 0, 0] = 0.5
        manager = case.objects()["label_manager"]
        expected = case.labels_of(values if case.class_order is None else values - 0.5)
        for part, wanted in ((values, expected), (values[:, 3], expected[3])):
            labels = nnunet.convert_probabilities_to_segmentation(manager, as_array(part))
            assert type(labels) is type(as_array(part))
            assert_array_equal(np.asarray(labels), wanted)


class Writer:
    """nnU-Net's reader and writer of images, which only keeps what it gets."""

    written: dict[str, np.ndarray]

    def write_seg(self, segmentation: np.ndarray, path: str, properties: dict[str, Any]) -> None:
        """As nnU-Net's."""
        assert properties["spacing"]
        Writer.written[path] = segmentation


def test_export(tmp_path: Path) -> None:
    """The files of nnU-Net's export, with the writer that the plans name."""
    Writer.written = {}
    case = vary_case("crop")
    objects = case.objects()
    manager = objects.pop("label_manager")
    plans = objects["plans_manager"]
    plans.get_label_manager = lambda dataset: manager if dataset["labels"] else None
    plans.image_reader_writer_class = Writer
    dataset = {"labels": {"background": 0}, "file_ending": ".nii.gz"}
    (tmp_path / "dataset.json").write_text(json.dumps(dataset))
    logits, stem = case.logits(), str(tmp_path / "case_1")
    for given in (dataset, str(tmp_path / "dataset.json")):
        nnunet.export_prediction_from_logits(
            logits,
            **objects,
            dataset_json_dict_or_file=given,
            output_file_truncated=stem,
            save_probabilities=isinstance(given, str),
        )
        assert_array_equal(Writer.written.pop(f"{stem}.nii.gz"), case.segmentation(logits))
        assert (tmp_path / "case_1.npz").exists() == isinstance(given, str)
    with np.load(f"{stem}.npz") as file:
        assert_allclose(file["probabilities"], case.probabilities(logits), atol=1e-6)
    assert pickle.loads((tmp_path / "case_1.pkl").read_bytes()) == case.properties()


def changed(place: str, **attributes: Any) -> dict[str, Any]:
    """The objects of a case, one of them with other attributes or keys."""
    objects = vary_case("crop").objects()
    if place == "properties_dict":
        objects[place].update(attributes)
    else:
        vars(objects[place]).update(attributes)
    return objects


def configured(**options: Any) -> dict[str, Any]:
    """The objects of a case of thick slices, with other options of the resampling."""
    case = vary_case("z-first")
    configuration = case.configuration()
    configuration["resampling_fn_probabilities_kwargs"] = DEFAULT | options
    objects = case.objects()
    objects["configuration_manager"] = SimpleNamespace(
        spacing=configuration["spacing"], configuration=configuration | options
    )
    return objects


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (configured(order=3), "order=3 for resample_data_or_seg_to_shape; segpost has order=1"),
        (configured(order_z=3), "order_z=3 .* segpost has order_z=0 and order_z=1"),
        (configured(is_seg=True), "is_seg=True"),
        (configured(spline=1), "have spline, which"),
        (configured(resampling_fn_probabilities="own"), "must be one of .* got 'own'"),
        (configured(resampling_fn_probabilities="no_resampling_hack"), "have .*which no_res"),
        (changed("plans_manager", transpose_forward=[0, 0, 2]), "an order of 0, 1, 2"),
        (changed("plans_manager", transpose_backward=[1, 2, 0]), "does not reverse"),
        (changed("properties_dict", spacing=[1, 1]), "must be 3 positive numbers"),
        (changed("properties_dict", spacing=[1, 0, 1]), "must be 3 positive numbers"),
        (changed("properties_dict", shape_before_cropping=(12, 11)), "must be three sizes"),
        (
            changed("properties_dict", bbox_used_for_cropping=[[4, 13], [0, 11], [5, 18]]),
            r"\[\[4, 13\], .* does not lie in shape_before_cropping \(12, 11, 20\)",
        ),
        (
            changed("properties_dict", bbox_used_for_cropping=[[2, 11], [0, 11], [5, 17]]),
            r"has the size \(9, 11, 12\), but",
        ),
        *(
            (changed("properties_dict", bbox_used_for_cropping=box), "must be .* in whole voxels")
            for box in ([[2.5, 11.5], [0, 11], [5, 18]], [[2, 11], [0, 11]], [[2], [0, 11]], "abc")
        ),
        (changed("label_manager", num_segmentation_heads=5), "has 5 segmentation heads, got 4"),
        (changed("label_manager", has_regions=True), "inference_nonlin .* must be sigmoid"),
    ],
)
def test_what_is_refused(objects: dict[str, Any], message: str) -> None:
    """The message names the option or the property."""
    logits = vary_case("crop" if "no_res" not in message else "z-first").logits()
    with pytest.raises(ValueError, match=message):
        nnunet.convert_predicted_logits_to_segmentation_with_correct_shape(logits, **objects)


def test_refused_regions_and_properties() -> None:
    """Regions without an order, and properties of another preprocessing."""
    case = vary_case("regions")
    objects = case.objects()
    objects["label_manager"].regions_class_order = (1, 2)
    with pytest.raises(ValueError, match="a label for each of 3 regions"):
        convert(case, case.logits(), **objects)
    with pytest.raises(ValueError, match="properties_dict has no 'shape_before_cropping', 'bbox"):
        convert(case, case.logits(), properties_dict={"spacing": [1, 1, 1]} | REST)
    with pytest.raises(ValueError, match="must have the shape"):
        convert(case, case.logits()[0])
    with pytest.raises(ValueError, match=r"of shape \(3, 0, .* hold nothing"):
        convert(case, case.logits()[:, :0])
    with pytest.raises(ValueError, match="must have the shape"):
        nnunet.convert_probabilities_to_segmentation(None, case.logits()[0, 0])
    logits = case.logits()
    logits[1, 2, 3, 4] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        convert(case, logits)


REST = {"shape_after_cropping_and_before_resampling": (1, 1, 1)}
