"""segpost.compat.nnunet against nnunetv2 itself: the same labels, but where rounding makes ties.

nnU-Net rounds resampled logits to the type of the logits. Where two classes become equal by that,
it takes the first; segpost takes the larger one.
"""

from __future__ import annotations

import importlib
import multiprocessing
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nnunet_cases import CASES, TORCH, Case, vary_case
from numpy.testing import assert_allclose, assert_array_equal

from segpost.compat import nnunet

pytestmark = pytest.mark.peers
MARGIN = 4e-6  # of the largest logit: torch interpolates in float32


def module(name: str) -> Any:
    """A module of nnunetv2; skips where it is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(f"nnunetv2.{name}")


def objects_of(case: Case) -> dict[str, Any]:
    """nnU-Net's own objects, by the names of arguments."""
    plans = module("utilities.plans_handling.plans_handler")
    if case.class_order is None:
        labels: dict[str, Any] = {f"class_{c}": c for c in range(1, case.classes)}
    else:
        labels = {f"region_{c}": [*sorted(case.class_order)[c:]] for c in range(case.classes)}
    configuration = case.configuration() | {"architecture": {}, "patch_size": [8, 8, 8]}
    order = None if case.class_order is None else list(case.class_order)
    manager = plans.PlansManager(
        {
            "transpose_forward": list(case.forward),
            "transpose_backward": list(case.backward),
            "configurations": {"3d_fullres": configuration},
            "label_manager": "LabelManager",
            "image_reader_writer": "SimpleITKIO",
        }
    )
    return {
        "plans_manager": manager,
        "configuration_manager": manager.get_configuration("3d_fullres"),
        "label_manager": manager.get_label_manager(
            {"labels": {"background": 0} | labels, "regions_class_order": order}
        ),
        "properties_dict": case.properties(),
    }


def convert_by_nnunet(case: Case, logits: Any, **options: Any) -> Any:
    """What nnU-Net's own function returns."""
    export = module("inference.export_prediction")
    return export.convert_predicted_logits_to_segmentation_with_correct_shape(
        logits, **objects_of(case), num_threads_torch=1, **options
    )


def labels_in_crop(case: Case, segmentation: np.ndarray) -> np.ndarray:
    """Labels of the crop, with transposed axes."""
    box = tuple(slice(a, b) for a, b in case.box)
    labels: np.ndarray = segmentation.transpose(case.forward)[box]
    return labels


def assert_ties(case: Case, logits: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> int:
    """Labels differ only where nnU-Net's rounded logits are equal; float64 is for segpost."""
    ours, theirs = (labels_in_crop(case, labels) for labels in (ours, theirs))
    places: Any = np.nonzero(ours != theirs)
    exact = case.resampled(logits)[(slice(None), *places)]
    assert_array_equal(case.labels_of(exact), ours[places])
    columns = np.arange(len(places[0]))
    if case.class_order is not None:  # regions: a sigmoid that is 0.5 in float32
        smallest = abs(exact).min(0)
        limit = MARGIN * abs(logits).max() if case.function == TORCH else 2.0**-23
        assert (smallest <= limit).all()
        return len(columns)
    pair = [exact[labels[places].astype(int), columns] for labels in (ours, theirs)]
    if case.function == TORCH:
        assert (pair[0] - pair[1] <= MARGIN * abs(logits).max()).all()
    else:
        assert_array_equal(*(values.astype(logits.dtype) for values in pair))
    return len(columns)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_labels(case: Case, dtype: str) -> None:
    """Types and shapes are equal, and labels but at ties, which are few."""
    logits = case.logits(dtype)
    if case.name == "many-labels":  # LabelManager: foreground labels are counted
        assert len(objects_of(case)["label_manager"].foreground_labels) == 299
    theirs = convert_by_nnunet(case, logits)
    ours = nnunet.convert_predicted_logits_to_segmentation_with_correct_shape(
        logits, **objects_of(case)
    )
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    ties = assert_ties(case, logits, ours, theirs)
    assert ties <= (0 if dtype == "float32" else 0.01 * ours.size)


@pytest.mark.parametrize("name", ["isotropic", "transposed-z-crop", "crop-regions"])
def test_probabilities(name: str) -> None:
    """Probabilities are within the rounding errors of nnU-Net's float32."""
    case = vary_case(name)
    logits = case.logits()
    labels, probabilities = convert_by_nnunet(case, logits, return_probabilities=True)
    ours = nnunet.convert_predicted_logits_to_segmentation_with_correct_shape(
        logits, **objects_of(case), return_probabilities=True
    )
    assert_array_equal(ours[0], labels)
    assert ours[1].dtype == probabilities.dtype
    assert_allclose(ours[1], probabilities, atol=2e-6)


@pytest.mark.parametrize("name", ["isotropic", "regions-order"])
def test_labels_of_probabilities(name: str) -> None:
    """The method of LabelManager, of arrays and of tensors."""
    torch = pytest.importorskip("torch")
    case = vary_case(name)
    manager = objects_of(case)["label_manager"]
    probabilities = case.probabilities(case.logits()).astype(np.float32)
    for values in (probabilities, torch.from_numpy(probabilities)):
        theirs = manager.convert_probabilities_to_segmentation(values)
        ours = nnunet.convert_probabilities_to_segmentation(manager, values)
        assert type(ours) is type(theirs)
        assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_install(tmp_path: Path) -> None:
    """nnU-Net's predictor calls segpost, in this process and in the workers of its exports."""
    predict = module("inference.predict_from_raw_data")
    sitk = pytest.importorskip("SimpleITK")
    case = vary_case("isotropic")
    logits = case.logits()
    objects = objects_of(case)
    labels = {"background": 0} | {f"class_{c}": c for c in range(1, case.classes)}
    dataset = {"labels": labels, "file_ending": ".nii.gz"}
    properties = case.properties() | {
        "sitk_stuff": {"spacing": (1, 1, 1), "origin": (0, 0, 0), "direction": np.eye(3).ravel()}
    }
    arguments = (properties, objects["configuration_manager"], objects["plans_manager"], dataset)
    with nnunet.install() as installation:
        assert f"{predict.__name__}.export_prediction_from_logits" in installation.replaced
        function = predict.export_prediction_from_logits
        assert function is nnunet.export_prediction_from_logits
        function(logits, *arguments, str(tmp_path / "here"))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(function, (logits, *arguments, str(tmp_path / "there")))
    assert predict.export_prediction_from_logits is not nnunet.export_prediction_from_logits
    nnunet.install().uninstall()
    assert "installed before" not in repr(installation)
    for name in ("here", "there"):
        written = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"{name}.nii.gz")))
        assert_array_equal(written, case.segmentation(logits))


def test_cascade() -> None:
    """Predictions of both stages by nnU-Net's predictor, with and without segpost.

    The network is a stand-in that reads the image; nnU-Net preprocesses, crops and pads.
    """
    pytest.importorskip("torch")
    module("inference.predict_from_raw_data")
    nnunet_predictor = importlib.import_module("nnunet_predictor")
    image = nnunet_predictor.scan()

    def predict(stage: str, previous: np.ndarray | None) -> np.ndarray:
        predictor = nnunet_predictor.predictor(stage)
        labels: np.ndarray = predictor.predict_single_npy_array(
            image, {"spacing": [1, 1, 1]}, previous
        )
        return labels

    previous = None
    for stage in ("3d_lowres", "3d_cascade_fullres"):
        theirs = predict(stage, previous)
        with nnunet.install():
            ours = predict(stage, previous)
        assert theirs.shape == image.shape[1:]
        assert len(np.unique(theirs)) == 3
        assert (ours != theirs).mean() < 1e-3  # the predictor's logits are float16
        previous = ours[None].astype(np.float32)
