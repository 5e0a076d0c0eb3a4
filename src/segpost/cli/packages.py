"""The packages that commands need, and what installs each."""

from __future__ import annotations

# Import names of the packages of an extra; another package is installed by its own name.
EXTRAS = {
    "cli": ("PIL", "matplotlib", "tqdm"),
    "demo": ("sklearn",),
    "geo": ("rasterio", "zarr"),
    "medical": ("nibabel",),
}


def describe_missing_package(error: ImportError) -> str:
    """Return what an ImportError says, with the command that installs the missing package.

    Examples
    --------
    >>> from segpost.cli.packages import describe_missing_package
    >>> describe_missing_package(ModuleNotFoundError("No module named 'torch'", name="torch"))
    "No module named 'torch': pip install torch"
    """
    package = (error.name or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages:
            reason = f"No module named {package!r}" if "pip install" in str(error) else error
            return f'{reason}: pip install "segpost[{extra}]"'
    if not package or "pip install" in str(error):
        return str(error)
    return f"{error}: pip install {package}"
