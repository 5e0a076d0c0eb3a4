"""nnU-Net's own predictor, with a network that reads the image: needs nnunetv2."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import torch
from nnunet_cases import DEFAULT, Case

nnUNetPredictor: Any = importlib.import_module(
    "nnunetv2.inference.predict_from_raw_data"
).nnUNetPredictor
PlansManager: Any = importlib.import_module(
    "nnunetv2.utilities.plans_handling.plans_handler"
).PlansManager
DATASET = {
    "labels": {"background": 0, "middle": 1, "bright": 2},
    "channel_names": {"0": "CT"},
    "file_ending": ".nii.gz",
}


class Bands(torch.nn.Module):
    """Classes by the intensity of the image."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, 3, d, h, w) of the first channel."""
        centers = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 3, 1, 1, 1)
        return -4 * (x[:, :1] - centers) ** 2


class Predictor(nnUNetPredictor):  # type: ignore[misc]
    """nnU-Net's predictor without its warnings."""

    def predict_single_npy_array(self, *arguments: Any, **options: Any) -> Any:
        """As nnU-Net's."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return super().predict_single_npy_array(*arguments, **options)


def scan() -> np.ndarray:
    """(1, 24, 26, 20): bright regions, and zeros around them, which nnU-Net crops."""
    image = np.zeros((1, 24, 26, 20), np.float32)
    image[0, 3:20, 4:22, 2:17] = Case("", (17, 18, 15), (17, 18, 15)).logits().max(0)
    return image


def plans() -> Any:
    """nnU-Net's plans of a cascade."""
    resampling: dict[str, Any] = {}
    for kind, options in (
        ("data", {"is_seg": False, "order": 3, "force_separate_z": None}),
        ("seg", {"is_seg": True, "order": 1, "force_separate_z": None}),
        ("probabilities", dict(DEFAULT)),
    ):
        resampling[f"resampling_fn_{kind}"] = "resample_data_or_seg_to_shape"
        resampling[f"resampling_fn_{kind}_kwargs"] = options
    lowres = resampling | {
        "data_identifier": "nnUNetPlans_3d",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 1,
        "patch_size": [8, 12, 12],
        "spacing": [3.1, 2.2, 2.2],
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        "architecture": {},
        "next_stage": "3d_cascade_fullres",
    }
    fullres = lowres | {"spacing": [1.6, 1.2, 1.2], "previous_stage": "3d_lowres"}
    return PlansManager(
        {
            "transpose_forward": [1, 0, 2],
            "transpose_backward": [1, 0, 2],
            "configurations": {"3d_lowres": lowres, "3d_cascade_fullres": fullres},
            "label_manager": "LabelManager",
            "image_reader_writer": "SimpleITKIO",
            "foreground_intensity_properties_per_channel": {"0": {}},
        }
    )


def predictor(stage: str = "3d_lowres") -> Predictor:
    """A predictor of one stage of the cascade."""
    manager = plans()
    one = Predictor(
        device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False
    )
    configuration = manager.get_configuration(stage)
    one.manual_initialization(Bands(), manager, configuration, [{}], DATASET, "", None)
    return one
