"""The libraries of operators that runtimes load."""

from __future__ import annotations

import os

from segpost._core.arguments import check_choice
from segpost.runtimes.places import (
    RUNTIMES,
    RuntimeName,
    check_native,
    file_name,
    package_folder,
)


def library(name: RuntimeName) -> str:
    """Return the path of the library of operators that a runtime loads.

    The operators are those of the reference's page "Operators". ONNX Runtime's library is part of
    a native installation. Those of OpenVINO and torch are built once by
    ``segpost build-runtime``, for the version that is installed.

    Parameters
    ----------
    name : {"onnxruntime", "openvino", "torch"}

    Returns
    -------
    path : str
        For ``SessionOptions.register_custom_ops_library``, ``Core.add_extension``,
        ``torch.ops.load_library``, or ``dlopen`` in a program without Python.

    Raises
    ------
    FileNotFoundError
        If the library was not built; the message has the command that builds it.
    ValueError
        For another name.

    Examples
    --------
    >>> import segpost
    >>> segpost.runtimes.library("tensorrt")
    Traceback (most recent call last):
      ...
    ValueError: name must be one of 'onnxruntime', 'openvino', 'torch', got 'tensorrt'
    """
    check_choice(name, "name", RUNTIMES)
    path = package_folder("lib", file_name(name))
    if os.path.isfile(path):
        return path
    from segpost.runtimes.builds import built_path  # for what is not in the package

    built = built_path(name)
    if built is not None and built.is_file():
        return os.fspath(built)
    check_native()
    raise FileNotFoundError(
        f"the operators for {name} are not built for this installation: "
        f"segpost build-runtime {name}"
    )
