"""Files of OpenVINO models: .xml and .bin, which are written as wholes or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from segpost._core.text import display_path
from segpost.files.writing import check_writable, replace_file
from segpost.runtimes.graph import import_package


def write_model(model: Any, path: Path) -> None:
    """Write a model with weights as they are: a compression to float16 would change labels.

    Both files are written beside their places first. The weights are moved before the .xml, by
    which a model is read.
    """
    if path.suffix.lower() != ".xml":
        raise ValueError(
            f"{display_path(path)}: the file of an OpenVINO model ends in .xml; the weights are "
            "written to .bin beside it"
        )
    openvino = import_package("openvino", "openvino", "an OpenVINO model")
    weights = path.with_suffix(".bin")
    for target in (path, weights):
        check_writable(target)
    with tempfile.TemporaryDirectory(prefix=".segpost-", dir=path.resolve().parent) as temporary:
        target = Path(temporary) / "model.xml"
        openvino.save_model(model, target, compress_to_fp16=False)
        replace_file(target.with_suffix(".bin"), weights)
        replace_file(target, path)
