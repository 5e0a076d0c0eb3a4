"""Reader of arrays that NumPy has saved. It never unpickles."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segpost._core.arrays import Array

ARRAY_SUFFIXES = (".npy", ".npz")
MAX_ARCHIVE_BYTES = 1 << 32  # that the arrays of an .npz file may have in memory


def read_array(path: Path) -> Array:
    """Return the array of an .npy file, mapped into memory, or of an .npz file, loaded.

    Nothing is ever unpickled. An .npz file must hold one array, or one called ``logits``.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ValueError, OSError
        If the file is damaged, holds objects, or holds several arrays and none called ``logits``.
    """
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # NumPy parses headers as Python literals, which raises anything
        raise ValueError(f"cannot be read as {path.suffix}: {_describe_problem(error)}") from error
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        array: Array = loaded
        return array
    with loaded as archive:
        keys = list(archive.files)
        members = [] if archive.zip is None else archive.zip.infolist()
        size = sum(member.file_size for member in members)
        if size > MAX_ARCHIVE_BYTES:
            raise ValueError(f"it would become {size:,} bytes in memory; save it as .npy instead")
        if len(keys) != 1 and "logits" not in keys:
            raise ValueError(
                f"its arrays are {', '.join(map(repr, keys)) or 'none'}; "
                "wanted is one called 'logits', or a file of one array"
            )
        try:
            array = archive[keys[0] if len(keys) == 1 else "logits"]
        except (OSError, MemoryError):
            raise
        except Exception as error:
            problem = _describe_problem(error)
            raise ValueError(f"cannot be read as {path.suffix}: {problem}") from error
        if not isinstance(array, np.ndarray):
            raise ValueError(f"cannot be read as {path.suffix}: {keys[0]!r} in it is no array")
        return array


def _describe_problem(error: Exception) -> str:
    """Return why NumPy cannot read a file, and the cure where it holds objects."""
    reason = str(error)
    if "Python objects" in reason or "Object arrays" in reason:
        return (
            "it holds Python objects, such as a list or arrays of different shapes, which are "
            "never loaded; save numbers, one array a file: np.save(path, np.asarray(array, "
            "'float32'))"
        )
    if "pickle" in reason:  # NumPy says this of any file that it does not know
        return "it holds no array, and pickled objects are never loaded"
    return reason
