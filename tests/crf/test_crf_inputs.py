"""dense_crf and DenseCRF: array types, layouts, volumes, guides, and kinds of unary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import scene
from crf_cases import (
    EXACT,
    LATTICE,
    SMALL,
    energies,
    kernel,
    mean_field,
    near,
    potts,
    problem,
    reference,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import segpost
from segpost import DenseCRF

ON_CUDA = True

torch = pytest.importorskip("torch")

GAUSSIAN: dict[str, Any] = {"gaussian": SMALL["gaussian"], "bilateral": None, "iterations": 3}
TERM: dict[str, Any] = SMALL["bilateral"]


def spread(array: np.ndarray, layout: int) -> np.ndarray:
    """The same values, lying elsewhere in memory."""
    if layout == 1:
        return np.asfortranarray(array)
    if layout == 2:
        return array[..., ::-1].copy()[..., ::-1]
    if layout == 3:
        wide = np.zeros([2 * n for n in array.shape], array.dtype)
        part = wide[tuple(slice(1, None, 2) for _ in array.shape)]
        part[...] = array
        return part
    if layout == 4:
        array = array.copy()
        array.flags.writeable = False
    return array


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_any_size_type_and_layout(backend: str, data: st.DataObject) -> None:
    """Any layout gives the result of a contiguous copy; probabilities add up to 1."""
    labels = data.draw(st.integers(2, 6))
    height, width, channels = data.draw(st.tuples(*[st.integers(1, 9)] * 2, st.integers(1, 5)))
    batch = data.draw(st.integers(0, 2))
    shape = (batch, height, width) if batch else (height, width)
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    p = random.dirichlet(np.full(labels, 0.5), shape)
    p = p.astype(data.draw(st.sampled_from(["float16", "float32", "float64"])))
    image = random.integers(0, 128, (*shape, channels)).astype(
        data.draw(st.sampled_from(["uint8", "int8", "uint16", "int16", "float16", "float64"]))
    )
    arguments: dict[str, Any] = {
        "method": "exact",
        "normalization": data.draw(st.sampled_from(["symmetric", "row", "column"])),
        "bilateral": {"sigma_xy": 4.0, "sigma_rgb": 40.0, "weight": 2.0},
        "iterations": data.draw(st.integers(0, 3)),
    }
    wanted = reference(p.astype(np.float64), image, axis=-1, **arguments)
    image = spread(image, data.draw(st.integers(0, 4)))
    layout = data.draw(st.integers(0, 4))
    if data.draw(st.booleans()):
        first = spread(np.moveaxis(p, -1, -3), layout)
        axis = data.draw(st.sampled_from([None, -3, p.ndim - 3]))
        got = np.moveaxis(segpost.dense_crf(first, image, axis=axis, **arguments), -3, -1)
    else:
        got = segpost.dense_crf(spread(p, layout), image, axis=-1, **arguments)
    assert got.dtype == np.float32
    assert_allclose(got, wanted, rtol=0, atol=EXACT)
    assert_allclose(got.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 70), (17, 16)])
@pytest.mark.parametrize("quality", ["fast", "default", "high"])
def test_odd_sizes_and_flat_images(backend: str, size: tuple[int, int], quality: Any) -> None:
    """Lines, single pixels and images of one color give probabilities that add up to 1."""
    for image in (np.zeros((*size, 3), np.uint8), problem(3, *size)[1]):
        for own in (True, False):
            crf = DenseCRF(quality=quality if own else "high", own_term=own)
            got = crf(problem(3, *size)[0], image)
            assert np.isfinite(got).all()
            assert_allclose(got.sum(0), 1, atol=1e-5)
            assert got.min() >= 0


@pytest.mark.parametrize("labels", [2, 3, 7, 8, 9, 16, 17, 33, 150])
def test_any_number_of_labels(backend: str, labels: int) -> None:
    """Any number of labels works, also more than a vector register holds, with both methods."""
    p, image = problem(labels, 9, 11)
    got = segpost.dense_crf(p, image, method="exact")
    assert_allclose(got, reference(p, image), rtol=0, atol=EXACT)
    # once only: on so few pixels, iterations blow up what the lattice leaves out
    got = segpost.dense_crf(p, image, iterations=1)
    near(got, reference(p, image, iterations=1), LATTICE)


@pytest.mark.parametrize(
    "settings",
    [
        {"gaussian": {"sigma": 3, "weight": 1e6}, "normalization": "none"},
        {"gaussian": {"sigma": 3, "weight": -1e6}, "normalization": "none", "iterations": 1},
        {"gaussian": {"sigma": 3, "weight": 1e6}, "compatibility": 1e6 * (1 - np.eye(4))},
        {"gaussian": {"sigma": 1e-3, "weight": 3}},
        {"gaussian": {"sigma": 1e-3, "weight": 3}, "own_term": False, "quality": "high"},
        {
            "gaussian": {"sigma": 0.15, "weight": 3},
            "own_term": False,
            "normalization": "row",
            "quality": "high",
        },
        {"gaussian": {"sigma": 1e30, "weight": 3}, "normalization": "row"},
        {"bilateral": {"sigma_xy": 1e20, "sigma_rgb": 1e30, "weight": 10}},
        {"bilateral": {"sigma_xy": 1e-3, "sigma_rgb": 0.01, "weight": 10}},
        {
            "bilateral": {"sigma_xy": 1e-3, "sigma_rgb": 0.01, "weight": 10},
            "own_term": False,
            "quality": "high",
        },
    ],
)
@pytest.mark.parametrize("method", ["exact", "lattice"])
@pytest.mark.filterwarnings("ignore::segpost.InputWarning")
def test_extreme_settings(backend: str, settings: dict[str, Any], method: Any) -> None:
    """The largest weights, the smallest and the largest sigmas give valid probabilities."""
    p, image = problem(seed=14)
    settings = {"gaussian": None, "bilateral": None, **settings}
    got = segpost.dense_crf(p, image, method=method, **settings)
    assert np.isfinite(got).all()
    assert_allclose(got.sum(0), 1, atol=1e-5)
    if method == "exact" or settings.get("iterations") != 1:  # such repulsion splits hairs
        near(got, reference(p, image, **settings), EXACT if method == "exact" else LATTICE)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e28])
@pytest.mark.parametrize("unary", ["probabilities", "logits", "energies"])
def test_unaries_of_any_size(backend: str, scale: float, unary: str) -> None:
    """Tiny probabilities that do not add up to 1, and extreme logits and energies, are valid."""
    p, image = problem(seed=15)
    given = p if unary == "probabilities" else energies(p).reshape(p.shape)
    given = given * (min(scale, 1.0) if unary == "probabilities" else scale)
    for kind in ("float32", "float64"):
        options: dict[str, Any] = {"unary": unary, "clamp": 0, "method": "exact"}
        got = segpost.dense_crf(given.astype(kind), image, **options)
        wanted = reference(given.astype(kind), image, **options)
        assert_allclose(got, wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize("method", ["exact", "lattice"])
def test_a_batch_is_its_images(backend: str, method: Any) -> None:
    """Each image of a batch is refined as if it were alone, in probabilities and in the report."""
    slow = backend == "cuda-emulated"
    size, seeds, tolerance = ((7, 9), (5, 7), 0.05) if slow else ((14, 19), (0, 1, 2), 1e-2)
    cases = [problem(4, *size, seed=seed) for seed in seeds]
    p, images = (np.stack(arrays) for arrays in zip(*cases, strict=True))
    crf = DenseCRF(tolerance=tolerance, iterations=20, method=method)
    done = crf.refine(p, images, trace=True)
    assert done.probabilities.shape == (len(seeds), 4, *size)
    assert done.labels.shape == (len(seeds), *size)
    assert len({*done.iterations}) > 1  # one image is left alone while others go on
    for n in range(len(seeds)):
        one = crf.refine(p[n], images[n], trace=True)
        for name in ("probabilities", "labels", "iterations", "converged", "change", "kl"):
            assert_array_equal(getattr(done, name)[n], getattr(one, name), name)


@pytest.mark.parametrize("channels", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_guides_of_any_channels(backend: str, channels: int, kind: str) -> None:
    """A guide may have no axis of channels, one channel, or many."""
    p, image = problem(channels=max(channels, 1), seed=1)
    guide = image.astype(kind) / (2 if kind == "float32" else 1)
    sigmas = tuple(np.linspace(15, 40, max(channels, 1)))
    term = {"sigma_xy": 5.0, "sigma_rgb": sigmas, "weight": 3.0}
    terms = [(kernel((12, 9), 5.0, guide, sigmas), 3.0 * potts(4))]
    wanted = mean_field(energies(p), terms, 3)[-1].reshape(p.shape)
    given = guide[..., 0] if channels == 0 else guide
    crf = DenseCRF(gaussian=None, bilateral=term, iterations=3, method="exact")
    assert_allclose(crf(p, given.astype(kind)), wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize("offset", [0.0, 1e6, -1e9])
def test_only_differences_of_a_guide_matter(backend: str, offset: float) -> None:
    """Guide values far from 0 for their sigma lose nothing in float32."""
    p, image = problem(channels=1, seed=2)
    crf = DenseCRF(gaussian=None, bilateral={**TERM, "sigma_rgb": 0.5}, method="exact")
    depth = image[..., 0] / 40.0
    assert_allclose(crf(p, depth + offset), reference_of(crf, p, depth), rtol=0, atol=EXACT)


def reference_of(crf: DenseCRF, *arrays: Any) -> Any:
    """What the definition makes of a description."""
    with segpost.use_backend("reference"):
        return crf(*arrays)


def test_a_term_has_a_guide_of_its_own(backend: str) -> None:
    """One term reads the image, another its own guide; with no other, no image is needed."""
    p, image = problem(seed=3)
    depth = problem(channels=1, seed=4)[1].astype(np.float32)
    other = {"sigma_xy": 4.0, "sigma_rgb": 30.0, "weight": 2.0, "guide": depth}
    terms = [
        (kernel((12, 9), 5.0, image, 20.0), 3.0 * potts(4)),
        (kernel((12, 9), 4.0, depth, 30.0), 2.0 * potts(4)),
    ]
    for count in (2, 1):
        wanted = mean_field(energies(p), terms[2 - count :], 3)[-1].reshape(p.shape)
        crf = DenseCRF(
            gaussian=None, bilateral=[TERM, other][2 - count :], iterations=3, method="exact"
        )
        assert_allclose(crf(p, image if count == 2 else None), wanted, rtol=0, atol=EXACT)


@pytest.mark.parametrize("method", ["exact", "lattice"])
def test_colors_without_places(backend: str, method: Any) -> None:
    """With sigma_xy None, pixels of like color attract each other at any distance."""
    p, image = problem(seed=5)
    term = {"sigma_xy": None, "sigma_rgb": 20.0, "weight": 3.0}
    terms = [(kernel((12, 9), None, image, 20.0), 3.0 * potts(4))]
    wanted = mean_field(energies(p), terms, 3)[-1].reshape(p.shape)
    got = segpost.dense_crf(p, image, gaussian=None, bilateral=term, iterations=3, method=method)
    near(got, wanted, EXACT if method == "exact" else LATTICE)


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_volumes(backend: str, grey: bool, last: bool) -> None:
    """Volumes work with labels first and last, alone and in a batch."""
    random = np.random.default_rng(6)
    p = random.dirichlet(np.ones(3), (3, 5, 6))
    image = random.integers(0, 256, (3, 5, 6) if grey else (3, 5, 6, 2)).astype(np.uint8)
    guide = image[..., None] if grey else image
    terms = [
        (kernel((3, 5, 6), (1.0, 2.0, 1.5)), 2.0 * potts(3)),
        (kernel((3, 5, 6), 4.0, guide, 50.0), 3.0 * potts(3)),
    ]
    first = np.moveaxis(p, -1, 0)
    wanted = mean_field(energies(first), terms, 3)[-1].reshape(first.shape)
    crf = DenseCRF(
        gaussian={"sigma": (1.0, 2.0, 1.5), "weight": 2.0},
        bilateral={"sigma_xy": 4.0, "sigma_rgb": 50.0, "weight": 3.0},
        iterations=3,
        volume=True,
        axis=-1 if last else None,
        method="exact",
    )
    given = p if last else first
    done = crf.refine(given, image)
    got = np.moveaxis(done.probabilities, -1, 0) if last else done.probabilities
    assert_allclose(got, wanted, rtol=0, atol=EXACT)
    assert_array_equal(done.labels, got.argmax(0))
    batch = crf.refine(np.stack([given] * 2), np.stack([image] * 2))
    assert_array_equal(batch.probabilities[1], done.probabilities)
    assert_array_equal(batch.labels[1], done.labels)


def test_a_volume_of_one_slice_is_an_image(backend: str) -> None:
    """A volume of one slice gives the result of the image."""
    p, image = problem(seed=7)
    got = segpost.dense_crf(p[:, None], image[None], volume=True)
    near(got[:, 0], segpost.dense_crf(p, image), LATTICE)
    got = segpost.dense_crf(p[:, None], image[None], volume=True, method="exact")
    assert_allclose(got[:, 0], reference(p, image), rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_logits_are_their_softmax(backend: str, kind: str) -> None:
    """unary="logits" gives what their probabilities give; -inf makes a label impossible."""
    _, image = problem(seed=8)
    logits = scene(4, 12, 9, 8).astype(kind) + np.array(3, kind)
    wanted = segpost.dense_crf(segpost.softmax(logits), image, clamp=0)
    assert_allclose(segpost.dense_crf(logits, image, unary="logits"), wanted, rtol=0, atol=EXACT)
    logits[2, :5] = -np.inf
    got = segpost.dense_crf(logits, image, unary="logits")
    assert not got[2, :5].any()
    assert_allclose(got.sum(0), 1, atol=1e-5)


def test_energies_are_minus_logarithms(backend: str) -> None:
    """unary="energies" is the same model, up to a constant for each pixel."""
    p, image = problem(seed=9)
    wanted = segpost.dense_crf(p, image)
    energy = energies(p).reshape(p.shape)
    for shift in (0, np.arange(9) * 100 - 300):
        got = segpost.dense_crf(energy + shift, image, unary="energies")
        assert_allclose(got, wanted, rtol=0, atol=EXACT)
    energy[1, 4] = np.inf
    assert not segpost.dense_crf(energy, image, unary="energies")[1, 4].any()


@pytest.mark.parametrize("kind", ["uint8", "int64", "uint64"])
def test_labels_are_probabilities_of_their_certainty(backend: str, kind: str) -> None:
    """The label has the probability `certainty`, the others share the rest; unsure is uniform."""
    _, image = problem(seed=10)
    labels = scene(4, 12, 9, 10).argmax(0)
    p = np.full((4, 12, 9), 0.1)
    np.put_along_axis(p, labels[None], 0.7, 0)
    p[:, 3, :5] = 0.25
    labels[3, :5] = 255
    wanted = segpost.dense_crf(p, image)
    crf = DenseCRF(unary="labels", num_classes=4, unsure=255)
    done = crf.refine(labels.astype(kind), image)
    assert_allclose(done.probabilities, wanted, rtol=0, atol=EXACT)
    last = segpost.dense_crf(
        np.stack([labels] * 2), np.stack([image] * 2), unary="labels", num_classes=4,
        unsure=255, axis=-1,
    )  # fmt: skip
    assert_allclose(np.moveaxis(last[1], -1, 0), done.probabilities, rtol=0, atol=1e-6)
    sure = np.where(labels == 255, 0, labels)
    got = segpost.dense_crf(sure, image, unary="labels", num_classes=4, certainty=1.0)
    assert_array_equal(got.argmax(0), sure)


def test_torch_in_torch_out(backend: str) -> None:
    """Tensors of any float type, with gradients, give float32 tensors without gradients."""
    p, image = problem(seed=11)
    wanted = segpost.dense_crf(p, image)
    for dtype, tolerance in ((torch.float32, 0), (torch.float64, 1e-6), (torch.bfloat16, 0.2)):
        tensor = torch.from_numpy(p).to(dtype).requires_grad_()
        got = segpost.dense_crf(tensor, torch.from_numpy(image))
        assert isinstance(got, torch.Tensor)
        assert got.dtype is torch.float32
        assert not got.requires_grad
        near(got.numpy(), wanted, tolerance)
    done = DenseCRF().refine(torch.from_numpy(p), image)
    assert isinstance(done.labels, torch.Tensor)
    half = torch.from_numpy(p).to(torch.bfloat16)
    got = segpost.dense_crf(half, image, method="exact")
    assert_allclose(got, reference(half.float().numpy(), image), rtol=0, atol=EXACT)


@pytest.mark.parametrize("shape", [(3, 0, 5), (3, 5, 0), (0, 3, 4, 5), (2, 3, 0, 5)])
def test_no_pixels_give_an_empty_result(backend: str, shape: tuple[int, ...]) -> None:
    """An input without pixels gives an empty result of the right shape."""
    p = np.zeros(shape, np.float32)
    image = np.zeros((*shape[:-3], *shape[-2:], 3), np.uint8)
    done = DenseCRF().refine(p, image, trace=True)
    assert done.probabilities.shape == shape
    assert done.labels.shape == (*shape[:-3], *shape[-2:])


def test_nothing_is_written_to_what_came(backend: str) -> None:
    """Arguments are the same after the call."""
    p, image = problem(seed=12)
    before = p.tobytes(), image.tobytes()
    segpost.dense_crf(p, image)
    assert (p.tobytes(), image.tobytes()) == before


@pytest.mark.parametrize("axis", [-3, -1])
def test_sigmoids_as_probabilities(axis: int) -> None:
    """Their sums over the labels differ; the printed cure is the distribution that is used."""
    p, image = problem(seed=15)
    image = image.repeat(3, 0).repeat(3, 1)
    logits = scene(len(p), *image.shape[:2])
    sigmoids = np.moveaxis(1 / (1 + np.exp(2 - logits)), 0, axis)
    sums = np.moveaxis(sigmoids, axis, 0).sum(0)
    assert np.median(abs(sums - 1)) > 0.1
    options: dict[str, Any] = {**GAUSSIAN, "iterations": 1, "axis": axis}
    with pytest.warns(segpost.InputWarning, match="as those of independent sigmoids") as caught:
        segpost.dense_crf(sigmoids, image, **options)
    assert [warning.filename for warning in caught] == [__file__]
    shares = sigmoids / np.expand_dims(sums, axis)
    for right in (shares, np.clip(shares, 0.02, 1), shares * 0.5, shares.astype(np.float16)):
        segpost.dense_crf(right, image, **options)


def test_probabilities_of_8_bits() -> None:
    """Their sums show what they are; label maps of as many images are labels."""
    p, image = problem(seed=15)
    quantized = np.rint(p * 255).astype(np.uint8)
    with pytest.raises(TypeError, match="they sum to 255") as error:
        segpost.dense_crf(quantized, image, **GAUSSIAN)
    cured = eval(str(error.value).rpartition("pass ")[2], {"probabilities": quantized})
    assert segpost.dense_crf(cured, image, **GAUSSIAN).shape == p.shape
    with pytest.raises(TypeError, match="label maps need unary='labels'"):
        segpost.dense_crf(p.argmax(0).astype(np.uint8), image, **GAUSSIAN)
