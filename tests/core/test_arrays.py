"""The border: which arrays come in, what goes out, and what is refused in which words."""

from __future__ import annotations

import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import scene

import segpost

torch = pytest.importorskip("torch")

LOGITS = scene(3, 4, 5)


def foreign(array: Any, *protocols: str) -> Any:
    """An object that has nothing but these protocols of an array."""
    methods = {p: (lambda self, *a, _p=p, **k: getattr(array, _p)(*a, **k)) for p in protocols}
    return type("Foreign", (), methods)()


def test_torch_in_torch_out(backend: str) -> None:
    """Every result of torch logits is a torch tensor on the CPU."""
    logits = torch.from_numpy(scene(21, 8, 10)).requires_grad_()
    image = torch.zeros((16, 20, 3), dtype=torch.uint8)
    wanted: Any = ("labels", "confidence", "probabilities", "color", "overlay")
    seg = segpost.postprocess(logits, size=(16, 20), image=image, palette="voc", want=wanted)
    for name in wanted:
        assert isinstance(getattr(seg, name), torch.Tensor), name
    assert isinstance(segpost.argmax(logits), torch.Tensor)
    assert isinstance(segpost.softmax(logits), torch.Tensor)
    assert isinstance(segpost.colorize(seg.labels, "voc"), torch.Tensor)
    assert isinstance(segpost.overlay(image, seg.labels, "voc"), torch.Tensor)
    plain = segpost.argmax(logits.detach().numpy(), size=(16, 20))
    np.testing.assert_array_equal(seg.labels.numpy(), plain)  # type: ignore[attr-defined]


def test_torch_out(backend: str) -> None:
    """out= may be a tensor: it is filled in place."""
    logits = torch.from_numpy(scene(4, 5, 6))
    out = torch.zeros((10, 12), dtype=torch.uint8)
    assert segpost.argmax(logits, size=(10, 12), out=out) is out
    np.testing.assert_array_equal(out.numpy(), segpost.argmax(logits.numpy(), size=(10, 12)))


def test_bfloat16_is_read_without_a_copy(backend: str) -> None:
    """bfloat16 tensors, which NumPy does not know, are read as they lie."""
    logits = torch.from_numpy(scene(6, 9, 11)).to(torch.bfloat16)
    for size in (None, (40, 50)):
        got = segpost.argmax(logits, size=size)
        np.testing.assert_array_equal(got, segpost.argmax(logits.float(), size=size))


def test_ml_dtypes_bfloat16(backend: str) -> None:
    """NumPy arrays of ml_dtypes.bfloat16, as JAX gives them."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    logits = scene(6, 9, 11).astype(ml_dtypes.bfloat16)
    wanted = logits.astype(np.float32).argmax(0)
    np.testing.assert_array_equal(segpost.argmax(logits), wanted)


@pytest.mark.parametrize(
    "protocols",
    [
        ("__dlpack__", "__dlpack_device__"),
        ("__array__",),
        ("__array__", "__dlpack__", "__dlpack_device__"),
    ],
)
def test_protocols(protocols: tuple[str, ...]) -> None:
    """Anything with DLPack or __array__ comes in; NumPy goes out."""
    logits = scene(5, 6, 7)
    got = segpost.argmax(foreign(logits, *protocols))
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, logits.argmax(0))


def test_dlpack_of_torch_bfloat16() -> None:
    """DLPack brings bfloat16, with strides, and the memory outlives the producer."""
    logits = torch.from_numpy(scene(5, 6, 7)).to(torch.bfloat16).permute(0, 2, 1)
    wanted = logits.float().argmax(0).numpy()
    got = segpost.argmax(foreign(logits, "__dlpack__", "__dlpack_device__"))
    np.testing.assert_array_equal(got, wanted)


def test_old_dlpack_producers() -> None:
    """A producer that does not know max_version is asked again without it."""
    logits = scene(5, 6, 7)

    class Old:
        def __dlpack__(self, stream: None = None) -> Any:
            return logits.__dlpack__()

        def __dlpack_device__(self) -> tuple[int, int]:
            return (1, 0)

    np.testing.assert_array_equal(segpost.argmax(Old()), logits.argmax(0))


def test_dlpack_on_another_device() -> None:
    """Nothing is copied across devices silently."""

    class Elsewhere:
        def __dlpack__(self) -> Any:
            raise AssertionError("must not be asked")

        def __dlpack_device__(self) -> tuple[int, int]:
            return (10, 1)  # ROCm

    with pytest.raises(TypeError, match=r"device \(10, 1\).*copy it to the CPU yourself"):
        segpost.argmax(Elsewhere())  # type: ignore[call-overload]
    numba_array = foreign(np.zeros((2, 3, 3)), "__array__")
    type(numba_array).__cuda_array_interface__ = {}
    with pytest.raises(TypeError, match=r"on a CUDA device.*copy it to the CPU"):
        segpost.argmax(numba_array)
    with pytest.raises(TypeError, match="logits is on device meta"):
        segpost.argmax(torch.zeros((2, 3, 3), device="meta"))


def test_buffer_protocol() -> None:
    """memoryview and array.array-like buffers come in."""
    logits = scene(5, 6, 7)
    np.testing.assert_array_equal(segpost.argmax(memoryview(logits.data)), logits.argmax(0))


def test_array_namespace_decides_the_kind() -> None:
    """An array-API array comes back as its own kind."""
    made = []

    class Namespace:
        @staticmethod
        def asarray(array: np.ndarray) -> tuple[str, np.ndarray]:
            made.append(array)
            return ("mine", array)

    logits = scene(5, 6, 7)
    mine = foreign(logits, "__array__")
    type(mine).__array_namespace__ = lambda self: Namespace
    kind, labels = segpost.argmax(mine)
    assert kind == "mine"
    np.testing.assert_array_equal(labels, logits.argmax(0))


@pytest.mark.parametrize(
    ("logits", "error", "text"),
    [
        (np.zeros((3, 4, 4), bool), TypeError, "boolean map is already a label map"),
        (np.zeros((3, 4, 4), complex), TypeError, "must hold numbers, got dtype complex128"),
        (np.zeros((3, 4, 4), object), TypeError, "must hold numbers, got dtype object"),
        (np.zeros((3, 4, 4), "U3"), TypeError, "must hold numbers"),
        (np.zeros((3, 4, 4), np.longdouble), TypeError, "got (float128|longdouble)"),
        (
            np.full((3, 4, 4), -(2**60)),
            ValueError,
            r"48 of 48 integers beyond 2\*\*53.* at \[0, 0, 0\]",
        ),
        (np.ma.zeros((3, 4, 4)), TypeError, "masked array"),
        ([[[1.0]]], TypeError, "must be an array, got list"),
        (None, TypeError, "got NoneType"),
        ("logits.npy", TypeError, "got str"),
        (np.zeros((4, 4)), ValueError, r"logits\[None\]"),
        (np.zeros((1, 2, 3, 4, 4)), ValueError, "3 dimensions .* or 4"),
        (np.zeros((0, 4, 4)), ValueError, "no classes: axis -3"),
        (object(), TypeError, "must be an array .*got object"),
        (torch.zeros(3, 4, 4).to_sparse(), TypeError, "dense tensor"),
        (torch.zeros((3, 4, 4), dtype=torch.complex64), TypeError, "complex64"),
    ],
)
def test_logits_that_are_refused(
    backend: str, logits: Any, error: type[Exception], text: str
) -> None:
    """Each with what came, and a hint where there is one."""
    with pytest.raises(error, match=text):
        segpost.argmax(logits)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"axis": 1}, ValueError, r"axis must be -3 .* or -1 .* got 1"),
        ({"axis": -2}, ValueError, "axis must be -3"),
        ({"axis": 1.0}, TypeError, "axis must be an integer"),
        ({"size": (0, 4)}, ValueError, r"size must be at least \(1, 1\), got \(0, 4\)"),
        ({"size": (4, -1)}, ValueError, "size must be at least"),
        ({"size": 4}, ValueError, r"size must be \(height, width\), got 4"),
        ({"size": (4, 5, 6)}, ValueError, r"must have 4 dim.*three numbers in size"),
        ({"size": (4.0, 5)}, TypeError, "size must hold two integers"),
        ({"size": "44"}, ValueError, "size must be"),
        ({"size": {2, 3}}, ValueError, "size must be"),
        ({"size": {7: 1, 3: 2}}, ValueError, "size must be"),
        ({"grid": "bilinear"}, ValueError, "grid must be one of 'half_pixel', 'align_corners'"),
        ({"nan": "ignore"}, ValueError, "nan must be one of"),
        ({"out": np.zeros((4, 4), np.int64)}, TypeError, "out must have dtype uint8, got int64"),
        ({"out": np.zeros((4, 5), np.uint8)}, ValueError, r"out must have shape \(4, 4\), got"),
        ({"out": np.broadcast_to(np.uint8(0), (4, 4))}, ValueError, "read-only|broadcast"),
    ],
)
def test_options_that_are_refused(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    """The argument is named, and what came."""
    with pytest.raises(error, match=text):
        segpost.argmax(np.zeros((3, 4, 4), np.float32), **options)


def test_out_that_overlaps() -> None:
    """out= in the memory of an input is refused."""
    memory = np.zeros((3, 4, 4), np.float32)
    with pytest.raises(ValueError, match="overlaps an input"):
        segpost.softmax(memory, out=memory)
    labels = np.zeros((4, 12), np.uint8)
    with pytest.raises(ValueError, match="overlaps an input"):
        segpost.colorize(labels[:, :4], "voc", out=labels.reshape(4, 4, 3))


def test_out_that_would_be_lost() -> None:
    """Where the border has to copy, an out= would never see the result: it is refused."""
    logits = np.zeros((2, 4, 4), np.float32)
    lazy = torch.zeros(2, 4, 4, dtype=torch.complex64).conj().imag
    with pytest.raises(ValueError, match="no lazy view"):
        segpost.softmax(logits, out=lazy)
    shifted = torch.frombuffer(bytearray(133), dtype=torch.float32, offset=1)[:32].reshape(2, 4, 4)
    for out in (
        shifted,
        np.zeros((2, 4, 4), ">f4"),
        foreign(np.zeros((2, 4, 4), "f4"), "__array__"),
    ):
        with pytest.raises(ValueError, match="cannot be written in place"):
            segpost.softmax(logits, out=out)
    with pytest.raises(ValueError, match="requires grad"):
        segpost.softmax(logits, out=torch.zeros((2, 4, 4), requires_grad=True))


def test_misaligned_bfloat16(backend: str) -> None:
    """bfloat16 at an odd address is copied, not read across the boundary."""
    buffer = bytearray(2 * 60 + 1)
    values = torch.arange(60).to(torch.bfloat16)
    buffer[1:] = values.view(torch.uint8).numpy().tobytes()
    shifted = torch.frombuffer(buffer, dtype=torch.bfloat16, offset=1).reshape(5, 3, 4)
    np.testing.assert_array_equal(segpost.argmax(shifted), values.reshape(5, 3, 4).argmax(0))


def test_read_only_out() -> None:
    """out= that cannot be written is refused."""
    out = np.zeros((4, 4), np.uint8)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only"):
        segpost.argmax(np.zeros((3, 4, 4), np.float32), out=out)


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        (np.zeros((4, 4)), TypeError, "must be integers, got dtype float64; are these logits"),
        (np.zeros((4, 4), bool), TypeError, r"mask becomes labels with .astype\('uint8'\)"),
        (np.zeros((4, 4, 1), np.uint8), ValueError, r"labels\[\.\.\., 0\]"),
        (np.array([[[9, 8, 7]] * 4] * 4, np.uint8), ValueError, "labels_from_colors"),
        (np.zeros(4, np.uint8), ValueError, r"must have shape \(\.\.\., H, W\)"),
        (np.ma.zeros((4, 4), np.uint8), TypeError, "masked array"),
        (np.array([["a"]]), TypeError, "must hold numbers"),
        (np.array([[-1]], np.int8), ValueError, "first -1"),
        (np.array([[2**40]], np.int64), ValueError, "first 1099511627776"),
    ],
)
def test_labels_that_are_refused(
    backend: str, labels: Any, error: type[Exception], text: str
) -> None:
    """Floats, masks, pictures and out-of-range labels, each in its own words."""
    with pytest.raises(error, match=text):
        segpost.colorize(labels, "voc")


def test_one_by_h_by_w_labels_are_a_batch(backend: str) -> None:
    """(1, H, W) is a batch of one map."""
    labels = np.zeros((1, 4, 4), np.uint8)
    assert segpost.colorize(labels, "voc").shape == (1, 4, 4, 3)


def test_overlay_shapes_must_fit() -> None:
    """An image of another size is named, with the way to the right labels."""
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match=r"argmax\(logits, size=\(8, 8\)\)"):
        segpost.overlay(image, np.zeros((4, 4), np.uint8), "voc")
    with pytest.raises(ValueError, match="grey image"):
        segpost.overlay(image[:7, :, 0], np.zeros((8, 8), np.uint8), "voc")
    with pytest.raises(ValueError, match=r"bands=\(1, 2, 3\) to drop an alpha channel"):
        segpost.overlay(np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8), np.uint8), "voc")
    with pytest.raises(ValueError, match=r"contour must be in 0\.\.64"):
        segpost.overlay(image, np.zeros((8, 8), np.uint8), "voc", contour=65)


def test_no_framework_is_imported() -> None:
    """import segpost and a call pull in neither torch nor anything else that is optional."""
    code = (
        "import sys, numpy, segpost; segpost.argmax(numpy.zeros((3, 4, 4), 'f4'), size=(9, 9));"
        "optional = {'torch', 'tensorflow', 'jax', 'matplotlib', 'PIL', 'sklearn', 'numba'};"
        "bad = optional & set(sys.modules);"
        "native = segpost.build_config()['native'];"
        "assert not bad - (set() if native else {'numba'}), bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.peers
def test_arrays_of_jax() -> None:
    """They come back as arrays of JAX, bfloat16 among them."""
    jax = pytest.importorskip("jax", reason="jax is not installed")
    logits = jax.numpy.asarray(scene(5, 6, 7))
    labels = segpost.argmax(logits)
    assert isinstance(labels, jax.Array)
    half = logits.astype(jax.numpy.bfloat16)
    np.testing.assert_array_equal(segpost.argmax(half), np.asarray(half, np.float32).argmax(0))


def test_use_backend_names() -> None:
    """A backend that does not exist is refused with the names that do."""
    with (
        pytest.raises(ValueError, match="'native', 'numba', 'reference'"),
        segpost.use_backend("gpu"),  # type: ignore[arg-type]
    ):
        pass


@pytest.mark.parametrize(
    ("output", "part"),
    [
        ({"aux": LOGITS, "out": LOGITS}, r"logits\['out'\]"),
        ({"scores": LOGITS}, r"logits\['scores'\]"),
        (SimpleNamespace(logits=LOGITS), r"logits\.logits"),
        ([LOGITS], r"logits\[0\]"),
    ],
)
def test_the_array_of_an_output_is_named(output: Any, part: str) -> None:
    """Networks return dicts, records and lists: the error says which part is the array."""
    for function in (segpost.argmax, segpost.postprocess, segpost.fingerprint):
        with pytest.raises(TypeError, match=f"logits must be an array.*; pass .*{part}$"):
            function(output)


def test_the_output_of_queries_is_named() -> None:
    """Both calls that the error prints give the labels."""
    random = np.random.default_rng(2)
    logits = {
        "class_queries_logits": random.normal(size=(1, 5, 4)).astype(np.float32),
        "masks_queries_logits": random.normal(size=(1, 5, 8, 9)).astype(np.float32),
    }
    with pytest.raises(TypeError, match="the output of a head of queries") as error:
        segpost.postprocess(logits)
    calls = re.search(r"call (segpost\.segment_queries.*), or (segpost\..*)$", str(error.value))
    assert calls
    first, second = (eval(call, {"segpost": segpost, "logits": logits}) for call in calls.groups())
    np.testing.assert_array_equal(first.labels, second.labels)
    detr: Any = {
        "pred_logits": logits["class_queries_logits"],
        "pred_masks": np.zeros((1, 5, 8, 9)),
    }
    with pytest.raises(TypeError, match=r"segment_queries\(logits\['pred_logits'\]"):
        segpost.argmax(detr)
