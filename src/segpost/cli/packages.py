"""The packages that commands need, and what installs each."""

from __future__ import annotations

# Import names of the packages of an extra; another package is installed by its own name.
EXTRAS = {
    "cli": ("PIL", "matplotlib", "tqdm"),
    "demo": ("sklearn",),
    "geo": ("rasterio", "zarr"),
    "medical": ("nibabel",),
    "sandbox": ("landlockpy", "pyseccomp"),
    "completion": ("shtab",),
}
# Names of packages whose import name is another.
PACKAGE_OF = {"PIL": "pillow", "sklearn": "scikit-learn"}


def install_command(module: str) -> str:
    """Return the command that installs the package of a module, by its extra if it has one.

    Examples
    --------
    >>> from segpost.cli.packages import install_command
    >>> install_command("PIL"), install_command("torch")
    ('pip install "segpost[cli]"', 'pip install torch')
    """
    for extra, modules in EXTRAS.items():
        if module in modules:
            return f'pip install "segpost[{extra}]"'
    return f"pip install {PACKAGE_OF.get(module, module)}"


def describe_missing_package(error: ImportError) -> str:
    """Return what an ImportError says, with the command that installs the missing package.

    Examples
    --------
    >>> from segpost.cli.packages import describe_missing_package
    >>> describe_missing_package(ModuleNotFoundError("No module named 'torch'", name="torch"))
    "No module named 'torch': pip install torch"
    """
    package = (error.name or "").partition(".")[0]
    has_cure = "pip install" in str(error)
    if any(package in modules for modules in EXTRAS.values()):
        reason = f"No module named {package!r}" if has_cure else error
        return f"{reason}: {install_command(package)}"
    if not package or has_cure:
        return str(error)
    return f"{error}: {install_command(package)}"
