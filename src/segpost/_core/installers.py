"""Commands that install segpost again, for the program that has installed it."""

from __future__ import annotations

from typing import NamedTuple


class Installer(NamedTuple):
    """The commands of a program that installs packages.

    Attributes
    ----------
    reinstall : str
        Installs the package of this Python and processor again, also where another was kept.
    rebuild : str
        Compiles segpost on this machine, also where there is a package.
    upgrade : str
        Installs the newest version of a package, whose name follows.
    """

    reinstall: str
    rebuild: str
    upgrade: str


_PIP_AGAIN = "pip install --force-reinstall --no-cache-dir --no-deps"
_UV_AGAIN = "uv pip install --reinstall --no-cache --no-deps"
PIP = Installer(
    f"{_PIP_AGAIN} segpost",
    f"{_PIP_AGAIN} --no-binary segpost segpost",
    "pip install --upgrade",
)
INSTALLERS = {
    "pip": PIP,
    "uv": Installer(
        f"{_UV_AGAIN} segpost",
        f"{_UV_AGAIN} --no-binary segpost segpost",
        "uv pip install --upgrade",
    ),
    # It compiles nothing: its own compilers do, and pip installs.
    "conda": Installer("conda install --force-reinstall segpost", PIP.rebuild, "conda update"),
}


def find_installer() -> Installer:
    """Return the commands of the program that has installed segpost; pip's where nobody knows.

    Examples
    --------
    >>> from segpost._core.installers import find_installer
    >>> "install" in find_installer().reinstall
    True
    """
    from importlib.metadata import PackageNotFoundError, distribution  # slow to import

    try:
        name = (distribution("segpost").read_text("INSTALLER") or "").strip()
    except PackageNotFoundError:  # sources that were not installed
        name = "pip"
    return INSTALLERS.get(name, PIP)
