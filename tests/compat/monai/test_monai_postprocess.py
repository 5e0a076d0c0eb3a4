"""segpost.compat.monai against MONAI's own chain: Activationsd, Invertd, AsDiscreted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import scene

torch = pytest.importorskip("torch")
mt = pytest.importorskip("monai.transforms")

MetaTensor = pytest.importorskip("monai.data").MetaTensor
monai = pytest.importorskip("segpost.compat.monai")
PostProcess, PostProcessd = monai.PostProcess, monai.PostProcessd

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*scale_extent"),
    pytest.mark.filterwarnings("ignore:.lazy. is set to True but lazy execution"),
]
SHAPE = (20, 24, 18)
CHOICES: dict[str, dict[str, Any]] = {
    "argmax": {"argmax": True},
    "softmax": {"softmax": True, "argmax": True},
    "sigmoid": {"sigmoid": True, "threshold": 0.5},
    "threshold": {"threshold": 0.7},
    "zero": {"threshold": 0.0},
}
Pipeline = Callable[[], Any]


def spacing(pixdim: tuple[float, ...] = (2.0, 1.5, 2.5), **options: Any) -> Any:
    """Spacingd of the image."""
    return mt.Spacingd("image", pixdim, mode="bilinear", **options)


def foreground() -> Any:
    """A crop with a margin that reaches beyond the image, which is padded."""
    return mt.CropForegroundd(
        "image", "image", select_fn=lambda x: x > 0.9, margin=2, allow_smaller=False
    )


PIPELINES: dict[str, Pipeline] = {
    "spacing": lambda: mt.Compose([spacing()]),
    "finer": lambda: mt.Compose([spacing((0.7, 0.5, 0.9))]),
    "extent": lambda: mt.Compose([spacing(scale_extent=True, align_corners=True)]),
    "resize": lambda: mt.Compose([mt.Resized("image", (11, 13, 9), mode="trilinear")]),
    "corners": lambda: mt.Compose(
        [mt.Resized("image", (11, 13, 9), mode="trilinear", align_corners=True)]
    ),
    "crop": lambda: mt.Compose(
        [spacing(), mt.SpatialCropd("image", roi_start=(2, 3, 1), roi_end=(8, 12, 6))]
    ),
    "crop-before": lambda: mt.Compose(
        [mt.CenterSpatialCropd("image", (12, 14, 10)), spacing(), mt.Flipd("image", (0, 2))]
    ),
    "foreground": lambda: mt.Compose([spacing(), foreground()]),
    "foreground-before": lambda: mt.Compose([foreground(), spacing()]),
    "pad": lambda: mt.Compose([spacing(), mt.DivisiblePadd("image", 16), mt.Flipd("image", 1)]),
    "pad-or-crop": lambda: mt.Compose([spacing(), mt.ResizeWithPadOrCropd("image", (20, 9, 9))]),
    "no-resampling": lambda: mt.Compose([mt.Flipd("image"), mt.BorderPadd("image", 2)]),
    "lazy": lambda: mt.Compose([mt.Flipd("image", 0), spacing()], lazy=True),
}


def affine_of(scales: tuple[float, ...] = (1.0, 1.0, 1.2)) -> Any:
    """An affine with an origin, in which the second axis goes down."""
    affine = np.diag([*scales, 1.0])
    affine[:3, 3], affine[1, 1] = (10, -20, 30), -affine[1, 1]
    return torch.from_numpy(affine)


def preprocessed(pipeline: Any, shape: tuple[int, ...] = SHAPE, affine: Any = None) -> Any:
    """An image, of random intensities, after the preprocessing, and a prediction for it."""
    random = np.random.default_rng(3)
    image = MetaTensor(
        torch.from_numpy(random.random((1, *shape)).astype(np.float32)),
        affine=affine_of() if affine is None else affine,
        meta={"filename_or_obj": "case_1.nii.gz"},
    )
    data = pipeline({"image": image})
    d, *rest = data["image"].shape[1:]
    values = scene(4, d, int(np.prod(rest)), seed=5).reshape(4, d, *rest)
    data["pred"] = MetaTensor(torch.from_numpy(values - values.mean()))
    return data


def by_monai(data: Any, pipeline: Any, **choice: Any) -> tuple[Any, Any]:
    """What MONAI's three transforms make of it, and the values between."""
    steps = [{key: choice[key] for key in choice if key in names} for names in NAMES]
    chain = [
        mt.Activationsd("pred", **steps[0]),
        mt.Invertd("pred", pipeline, orig_keys="image", nearest_interp=False),
    ]
    values = mt.Compose(chain)(dict(data))
    return mt.AsDiscreted("pred", **steps[1])(values)["pred"], values["pred"].as_tensor()


NAMES = (("sigmoid", "softmax"), ("argmax", "threshold"))


def assert_like_monai(data: Any, pipeline: Any, **choice: Any) -> None:
    """Labels are equal, but where MONAI's float32 values are equal within rounding."""
    expected, values = by_monai(data, pipeline, **choice)
    result = PostProcessd("pred", pipeline, "image", **choice)(data)["pred"]
    assert isinstance(result, MetaTensor)
    assert result.dtype == torch.uint8
    assert result.shape == expected.shape
    torch.testing.assert_close(result.affine, expected.affine, rtol=0, atol=1e-9)
    assert result.meta["filename_or_obj"] == "case_1.nii.gz"
    assert result.applied_operations == expected.applied_operations
    ours, theirs = result.as_tensor(), expected.as_tensor()
    assert len(ours.unique()) > 1
    limit = 1e-6 * values.abs().max()
    if "argmax" in choice:
        margin = values.gather(0, ours.long()) - values.gather(0, theirs.long())
    else:
        margin = values - choice["threshold"]
    assert (margin[ours != theirs].abs() <= limit).all()
    if "crop" not in data["name"]:  # there, all values are 0, or as good as that
        assert torch.equal(ours, theirs.to(ours.dtype))


@pytest.mark.parametrize("name", PIPELINES)
def test_labels(name: str) -> None:
    """Every transform that segpost inverts."""
    pipeline = PIPELINES[name]()
    data = preprocessed(pipeline) | {"name": name}
    assert_like_monai(data, pipeline, argmax=True)


@pytest.mark.parametrize("choice", [name for name in CHOICES if name != "argmax"])
@pytest.mark.parametrize("name", ["pad", "foreground-before", "no-resampling"])
def test_choices(name: str, choice: str) -> None:
    """Activations, and masks instead of labels; outside a crop there are zeros."""
    pipeline = PIPELINES[name]()
    data = preprocessed(pipeline) | {"name": name}
    assert_like_monai(data, pipeline, **CHOICES[choice])


@pytest.mark.parametrize("choice", ["argmax", "sigmoid"])
def test_images(choice: str) -> None:
    """Two spatial axes."""
    for pipeline in (
        mt.Compose([spacing((2.0, 1.5))]),
        mt.Compose(
            [mt.Resized("image", (13, 9), mode="bilinear"), mt.SpatialPadd("image", (16, 9))]
        ),
    ):
        data = preprocessed(pipeline, SHAPE[:2]) | {"name": "image"}
        assert_like_monai(data, pipeline, **CHOICES[choice])


@pytest.mark.parametrize(
    "scales",
    [(0.7871094, 0.7871094, 2.5), (0.800000011920929, 0.699999988079071, 1.2999999523162842)],
)
def test_spacings_that_are_no_ratios(scales: tuple[float, ...]) -> None:
    """Spacings as NIfTI files have them."""
    pipeline = mt.Compose([spacing((1.5, 1.5, 2.0))])
    data = preprocessed(pipeline, affine=affine_of(scales)) | {"name": ""}
    assert_like_monai(data, pipeline, argmax=True)


@pytest.mark.parametrize("codes", ["RAS", "PSL", "ILA"])
def test_orientation(codes: str) -> None:
    """Axes in another order, and reversed."""
    pytest.importorskip("nibabel")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = mt.Compose([mt.Orientationd("image", codes), spacing(), foreground()])
        data = preprocessed(pipeline) | {"name": ""}
        assert_like_monai(data, pipeline, softmax=True, argmax=True)


def test_array_form() -> None:
    """PostProcess inverts what the prediction itself records."""
    pipeline = mt.Compose([mt.SpatialCrop(roi_start=(1, 2, 3), roi_end=(15, 17, 12)), mt.Flip(1)])
    image = pipeline(MetaTensor(torch.zeros(1, *SHAPE), affine=affine_of()))
    prediction = preprocessed(mt.Compose([]), (14, 15, 9))["pred"].copy_meta_from(image)
    expected = mt.Invert(pipeline, nearest_interp=False)(prediction.clone())
    result = PostProcess(pipeline, argmax=True)(prediction)
    assert torch.equal(result.as_tensor()[0], expected.as_tensor().argmax(0).to(torch.uint8))
    torch.testing.assert_close(result.affine, expected.affine)
    same = PostProcess(sigmoid=True, threshold=0.5)(prediction)
    assert torch.equal(same.as_tensor(), (prediction.as_tensor() >= 0).to(torch.uint8))
    assert same.applied_operations == prediction.applied_operations


def test_records_of_other_transforms_stay() -> None:
    """What transform has no part in is not inverted."""
    first, second = mt.Compose([mt.Flipd("image", 0)]), mt.Compose([spacing()])
    data = preprocessed(mt.Compose([first, second])) | {"name": "kept"}
    assert_like_monai(data, second, argmax=True)
    result = PostProcessd("pred", second, "image", argmax=True)(data)["pred"]
    assert [record["class"] for record in result.applied_operations] == ["Flip"]


def test_types_of_predictions() -> None:
    """float16, of an autocast, and an array; more than 256 channels are int32."""
    pipeline = PIPELINES["spacing"]()
    data = preprocessed(pipeline)
    post = PostProcessd("pred", pipeline, "image", argmax=True)
    half = data["pred"].half()
    expected = post(data | {"pred": half.float()})["pred"]
    for prediction in (half, half.as_tensor().numpy()):
        assert torch.equal(post(data | {"pred": prediction})["pred"], expected)
    many = PostProcess(argmax=True)(torch.arange(300.0).reshape(300, 1, 1))
    assert (many.dtype, many.item()) == (torch.int32, 299)


def test_keys() -> None:
    """A sequence has one choice for each key."""
    pipeline = PIPELINES["spacing"]()
    data = preprocessed(pipeline)
    data["other"] = data["pred"].clone()
    post = PostProcessd(
        ("pred", "other", "missing"),
        pipeline,
        "image",
        sigmoid=(False, True, False),
        argmax=(True, False, True),
        threshold=(None, 0.5, None),
        allow_missing_keys=True,
    )
    result = post(data)
    assert result["pred"].shape == (1, *SHAPE)
    assert result["other"].shape == (4, *SHAPE)
    assert "missing" not in result


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (lambda: mt.Compose([mt.Rotated("image", (0.1, 0, 0))]), "transform has Rotate, which"),
        (lambda: mt.Compose([mt.Resized("image", (9, 9, 9))]), "Resize has mode='?area"),
        (
            lambda: mt.Compose([mt.Spacingd("image", 2, mode="nearest")]),
            "mode='nearest' for orig_k",
        ),
        (
            lambda: mt.Compose([mt.Spacingd("image", 2, mode="bilinear", padding_mode="zeros")]),
            "padding_mode='zeros'; segpost inverts 'border'",
        ),
        (
            lambda: mt.Compose([spacing(), mt.Resized("image", (9, 9, 9), mode="trilinear")]),
            r"resamples 2 times \(SpatialResample, Resize\)",
        ),
        (lambda: mt.Compose([mt.Padd("image", mt.Pad([(1, 1)] * 4))]), "Pad of channels"),
    ],
)
def test_transforms_that_segpost_cannot_invert(pipeline: Pipeline, message: str) -> None:
    """The message names the transform."""
    transform = pipeline()
    data = preprocessed(transform)
    with pytest.raises(ValueError, match=message):
        PostProcessd("pred", transform, "image", argmax=True)(data)


def test_rotated_images() -> None:
    """A resampling out of a rotated image is no resize."""
    turn = np.eye(4)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    pipeline = mt.Compose([spacing(diagonal=True)])
    data = preprocessed(pipeline, affine=torch.from_numpy(turn))
    with pytest.raises(ValueError, match="SpatialResample has rotated the image"):
        PostProcessd("pred", pipeline, "image", argmax=True)(data)


def test_what_is_refused() -> None:
    """Choices that exclude each other, and data that do not fit."""
    for choice, message in (
        ({}, "argmax=True or threshold="),
        ({"argmax": True, "threshold": 0.5}, "argmax=True or threshold="),
        ({"argmax": True, "sigmoid": True, "softmax": True}, "exclude each other"),
    ):
        with pytest.raises(ValueError, match=message):
            PostProcess(**choice)
    pipeline = PIPELINES["spacing"]()
    data = preprocessed(pipeline)
    post = PostProcessd("pred", pipeline, "image", argmax=True)
    with pytest.raises(ValueError, match=r"has the size \(9, .* and 'image' has \(10, "):
        post(data | {"pred": data["pred"][:, 1:]})
    with pytest.raises(ValueError, match="decollate batches"):
        post(data | {"pred": data["pred"][None]})
    with pytest.raises(ValueError, match="argmax of one channel"):
        post(data | {"pred": data["pred"][:1]})
    with pytest.raises(TypeError, match="'image' must be a MetaTensor"):
        post(data | {"image": data["image"].as_tensor()})
    with pytest.raises(TypeError, match="prediction must be a MetaTensor"):
        PostProcess(pipeline, argmax=True)(data["pred"].as_tensor())
    with pytest.raises(ValueError, match="have no records of transform"):
        PostProcessd("pred", PIPELINES["spacing"](), "image", argmax=True)(data)
    bad = data["pred"].clone()
    bad[1, 2, 3, 4] = float("nan")
    for choice in ({"argmax": True}, {"threshold": 0.5}):
        with pytest.raises(ValueError, match="NaN"):
            PostProcessd("pred", pipeline, "image", **choice)(data | {"pred": bad})
