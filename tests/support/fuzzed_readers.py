"""Readers of files, whole files to begin with, and checksums that are repaired: for atheris.

``python tests/support/fuzzed_readers.py READER CORPUS [OPTION ...]`` runs one of them under
atheris, which is guided by the branches that a file reaches. CORPUS is a folder that keeps what
reached a new one; the options are those of libFuzzer, such as ``-max_total_time=60`` and
``-runs=1000``. An exception that a reader of damaged files must not raise ends the process with a
traceback, and leaves the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

REFUSALS = (ValueError, TypeError, OSError, MemoryError)
MAX_BYTES = 4096  # of a mutated file


class Reader(NamedTuple):
    """What is read.

    Attributes
    ----------
    seeds : list of bytes
        Whole files.
    read : function of bytes
        Raises one of `REFUSALS` where they are damaged.
    """

    seeds: list[bytes]
    read: Callable[[bytes], object]


def _of_path(seeds: list[bytes], name: str, read: Callable[[Path], object]) -> Reader:
    """A reader of a file of this name, which is written anew for each call."""
    path = Path(tempfile.mkdtemp()) / name

    def read_bytes(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return Reader(seeds, read_bytes)


def _labels() -> np.ndarray[Any, np.dtype[np.uint8]]:
    labels = np.random.default_rng(0).integers(0, 4, (5, 6))
    return np.kron(labels, np.ones((2, 2))).astype(np.uint8)


def labels(suffix: str, kinds: tuple[str, ...]) -> Reader:
    """Label images of one format, gray and indexed."""
    from PIL import Image

    from segpost.files import read_labels

    seeds = []
    for kind in kinds:
        buffer = io.BytesIO()
        picture = Image.fromarray(_labels())
        if kind == "P":
            picture.putpalette(list(range(12)))
        picture.save(buffer, format={"tif": "TIFF"}.get(suffix, suffix))
        seeds.append(buffer.getvalue())

    def read(path: Path) -> object:
        path.write_bytes(_repaired_png(path.read_bytes()))
        return read_labels(path)

    return _of_path(seeds, f"labels.{suffix}", read if suffix == "png" else read_labels)


def photos(suffix: str) -> Reader:
    """Pictures of one format."""
    from PIL import Image

    from segpost.files import read_image

    buffer = io.BytesIO()
    Image.fromarray(_labels()).save(buffer, format={"jpg": "JPEG"}.get(suffix, suffix))
    return _of_path([buffer.getvalue()], f"photo.{suffix}", read_image)


def _repaired_png(data: bytes) -> bytes:
    """A PNG with the check sums of its chunks, as far as it has chunks."""
    repaired, start = bytearray(data[:8]), 8
    while start + 12 <= len(data):
        end = start + 8 + int.from_bytes(data[start : start + 4], "big")
        if end + 4 > len(data):
            break
        repaired += data[start:end] + zlib.crc32(data[start + 4 : end]).to_bytes(4, "big")
        start = end + 4
    return bytes(repaired) + data[start:]


def arrays(suffix: str) -> Reader:
    """Arrays of NumPy, their headers, and one element."""
    from segpost.files.arrays import read_array, read_array_header

    values = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    buffers = [io.BytesIO() for _ in range(2)]
    if suffix == "npy":
        np.save(buffers[0], values)
        np.save(buffers[1], np.asfortranarray(values.astype(">i2")))
    else:
        np.savez(buffers[0], logits=values)
        np.savez_compressed(buffers[1], logits=values)

    def read(path: Path) -> None:
        read_array_header(path)
        read_array(path)
        read_array(path, 1)

    return _of_path([buffer.getvalue() for buffer in buffers], f"logits.{suffix}", read)


def volumes() -> Reader:
    """NIfTI files of labels and of logits, not compressed: gzip has a check sum."""
    import nibabel

    from segpost.files import read_nifti, read_nifti_labels

    seeds = []
    for values in (_labels()[None], np.ones((2, 3, 2, 2), np.float32)):
        image: Any = nibabel.Nifti1Image
        seeds.append(image(values, np.eye(4)).to_bytes())

    def read(path: Path) -> None:
        with contextlib.suppress(*REFUSALS):  # of logits
            read_nifti_labels(path)
        read_nifti(path)

    return _of_path(seeds, "volume.nii", read)


def safetensors() -> Reader:
    """Tensors and checkpoints of safetensors."""
    import segpost
    from segpost.files.tensors import read_logits

    kinds = {"a": ("F32", [1, 2, 3], 24), "b": ("BF16", [4], 8), "c": ("I64", [], 8)}
    seeds = []
    for names in ("a", "abc"):
        header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        end = 0
        for name in names:
            kind, shape, size = kinds[name]
            header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
            end += size
        text = json.dumps(header).encode()
        seeds.append(len(text).to_bytes(8, "little") + text + bytes(end))

    def read(path: Path) -> None:
        with contextlib.suppress(*REFUSALS):
            read_logits(path)
        segpost.compare_checkpoints(path, path)

    return _of_path(seeds, "x.safetensors", read)


def _without_limits() -> None:
    """Leave the memory of this process alone, which reads file after file."""
    from segpost.checkpoints import sandbox_child
    from segpost.files import contained, tensor_child

    for module in (sandbox_child, contained, tensor_child):
        module.limit_memory = lambda *_: None  # type: ignore[attr-defined]


def torch_files() -> Reader:
    """Checkpoints and logits of torch, as the contained process reads them."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]
    import torch
    from torch._weights_only_unpickler import Unpickler

    from segpost.checkpoints import sandbox_child
    from segpost.files import tensor_child
    from segpost.files.contained import Request

    _without_limits()
    Unpickler.load = atheris.instrument_func(Unpickler.load)  # type: ignore[method-assign]
    seeds = []
    for value in (torch.zeros(3, 4, 5), {"model": {"a": torch.ones(2, 3)}, "epoch": 3}):
        for options in ({}, {"_use_new_zipfile_serialization": False}):
            buffer = io.BytesIO()
            torch.save(value, buffer, **options)
            seeds.append(buffer.getvalue())

    def read(path: Path) -> None:
        request = Request(path, path.stat().st_size)
        with contextlib.suppress(Exception):  # the child answers every exception
            tensor_child._read_torch(request, None, True)
        with contextlib.suppress(Exception):
            sandbox_child._read_torch(request, True)

    return _of_path(seeds, "x.pt", read)


def hdf5() -> Reader:
    """Checkpoints of Keras and logits in HDF5, as the contained process reads them."""
    import h5py  # type: ignore[import-untyped,import-not-found,unused-ignore]

    from segpost.checkpoints import sandbox_child
    from segpost.files import tensor_child
    from segpost.files.contained import Request

    _without_limits()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_group("conv/conv")["kernel:0"] = np.zeros((3, 3), "f4")
        file.attrs["layer_names"] = [b"conv"]
        file["conv"].attrs["weight_names"] = [b"conv/kernel:0"]
        file["logits"] = np.zeros((3, 4, 5), "f4")

    def read(path: Path) -> None:
        request = Request(path, path.stat().st_size)
        with contextlib.suppress(Exception):  # the child answers every exception
            tensor_child._read_hdf5(request, None, True)
        with contextlib.suppress(Exception):
            sandbox_child._read_keras(request, True)

    return _of_path([buffer.getvalue()], "x.h5", read)


def onnx_files() -> Reader:
    """Networks of ONNX."""
    import onnx  # type: ignore[import-untyped,import-not-found,unused-ignore]

    from segpost import Convention

    h = onnx.helper
    image = h.make_tensor_value_info("x", 1, [1, 5, 8, 8])
    result = h.make_tensor_value_info("y", 7, [1, 16, 16])
    nodes = [
        h.make_node("Resize", ["x", "", "s"], ["r"], mode="linear"),
        h.make_node("Transpose", ["r"], ["t"], perm=[0, 2, 3, 1]),
        h.make_node("ArgMax", ["t"], ["y"], axis=-1, keepdims=0),
    ]
    scales = h.make_tensor("s", 1, [4], [1.0, 1.0, 2.0, 2.0])
    model = h.make_model(h.make_graph(nodes, "net", [image], [result], [scales]))
    return _of_path([model.SerializeToString()], "model.onnx", Convention.from_onnx)


def states() -> Reader:
    """States of all measures, with the checksum of what they say."""
    import segpost
    from segpost.metrics import saved_state

    rng = np.random.default_rng(1)
    preds, target = rng.integers(0, 3, (2, 6, 7))
    kinds: list[Any] = [
        segpost.ConfusionMatrix, segpost.BoundaryIoU, segpost.TrimapIoU, segpost.BoundaryF
    ]  # fmt: skip
    seeds = []
    for kind in kinds:
        metric = kind(3)
        metric.update(preds, target, ids=["a"])
        seeds.append(metric.to_json().encode())
    per_image = segpost.ConfusionMatrix(3, per_image=True)
    per_image.update(preds, target, ids=["a"])
    seeds.append(per_image.to_json().encode())

    def read(data: bytes) -> None:
        with contextlib.suppress(*REFUSALS, RecursionError, AttributeError):
            state = json.loads(data)
            state.pop("sha256", None)
            digest = hashlib.sha256(saved_state._encode(state).encode()).hexdigest()
            data = json.dumps({**state, "sha256": digest}).encode()
        for kind in kinds:
            with contextlib.suppress(*REFUSALS):
                kind.from_json(data).compute()

    return Reader(seeds, read)


def records() -> Reader:
    """Fingerprints, and objects of JSON."""
    import segpost
    from segpost.files import read_json_object

    record = segpost.fingerprint(np.arange(24, dtype=np.float32).reshape(2, 3, 4))

    def read(path: Path) -> None:
        with contextlib.suppress(*REFUSALS):
            read_json_object(path)
        segpost.Fingerprint.load(path)

    return _of_path([record.to_json().encode()], "x.fingerprint.json", read)


def shards() -> Reader:
    """Shards of counts, with the checksum of their content."""
    from segpost.evaluation.shard_files import (
        DIGEST_LETTERS,
        ShardCounts,
        decode_shard,
        encode_shard,
    )
    from segpost.metrics.image_table import PackedImages

    images = PackedImages(
        np.array([2, 1]), np.array([0, 5, 6]), np.array([7, 8, 70_000]), {0: {(9, 1): 2}}
    )
    counts = ShardCounts("p", 1, "d", [], np.ones((2, 2), np.uint32), images, [{"a": 1}])
    content = encode_shard(counts)[DIGEST_LETTERS + 1 :]

    def read(data: bytes) -> None:
        decode_shard(f"{hashlib.sha256(data).hexdigest()} ".encode() + data)

    return Reader([content], read)


def plans() -> Reader:
    """The lines of a plan, and those of a journal of a run."""
    from segpost.cli.run.journal import _parse
    from segpost.evaluation.plan import _parse_lines, _read_json

    def read(data: bytes) -> None:
        _parse(f"{zlib.crc32(data):08x} ".encode() + data + b"\n")
        with contextlib.suppress(*REFUSALS):
            list(_parse_lines(data, Path("plan.jsonl")))
        _read_json(data, Path("plan.jsonl"))

    entry = {"item": "a", "settings": "s", "inputs": {"a": [1, 2]}, "outputs": {}}
    return Reader([b'["a",["a.png","a.png"],[1,2]]\n', json.dumps(entry).encode()], read)


def planted() -> Reader:
    """A reader with a fault that chance does not reach in a million files."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

    def read(data: bytes) -> None:
        if data[:4] == b"fuzz":
            raise KeyError("the planted fault")

    return Reader([b"aaaa"], atheris.instrument_func(read))


READERS: dict[str, Callable[[], Reader]] = {
    "png": lambda: labels("png", ("L", "P")),
    "tif": lambda: labels("tif", ("L", "P")),
    "jpg": lambda: photos("jpg"),
    "bmp": lambda: photos("bmp"),
    "gif": lambda: photos("gif"),
    "webp": lambda: photos("webp"),
    "npy": lambda: arrays("npy"),
    "npz": lambda: arrays("npz"),
    "nifti": volumes,
    "safetensors": safetensors,
    "torch": torch_files,
    "hdf5": hdf5,
    "onnx": onnx_files,
    "states": states,
    "records": records,
    "shards": shards,
    "plans": plans,
    "planted": planted,
}


def main() -> None:
    """Fuzz one reader."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

    name, corpus, *options = sys.argv[1:]
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["segpost"]):
        import segpost  # noqa: F401

        reader = READERS[name]()
        for data in reader.seeds:
            reader.read(data)
    Path(corpus).mkdir(parents=True, exist_ok=True)
    for data in reader.seeds:
        (Path(corpus) / hashlib.sha1(data).hexdigest()).write_bytes(data)

    def read(data: bytes) -> None:
        with contextlib.suppress(*REFUSALS):
            reader.read(data)

    arguments = [sys.argv[0], corpus, f"-max_len={MAX_BYTES}", "-timeout=120", *options]
    atheris.Setup(arguments, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
