"""Changes of label maps before they are counted: a table of labels, and another size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost._core.text import display_path
from segpost.color.palette import as_palette
from segpost.files.tables import read_json_object

IGNORED = 255  # the label that the built-in maps give to what is no class


class LabelTable:
    """A table of labels and their replacements; labels that it does not have are an error.

    Parameters
    ----------
    replacements : dict of int to int
        The replacement of every label.
    name : str
        What the table is called in errors.
    ignore_index : int, optional
        The replacement of labels that are no class.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost.evaluation import LabelTable
    >>> table = LabelTable({7: 0, 8: 1, 0: 255}, "roads", ignore_index=255)
    >>> table(np.uint8([[7, 8, 0]]))
    array([[  0,   1, 255]], dtype=uint8)
    """

    def __init__(
        self, replacements: dict[int, int], name: str, ignore_index: int | None = None
    ) -> None:
        self.name = name
        self.ignore_index = ignore_index
        self._keys = np.array(sorted(replacements), np.int64)
        values = np.array([replacements[key] for key in sorted(replacements)], np.int64)
        fits_uint8 = values.size and values.min() >= 0 and values.max() <= 255
        self._values = values.astype(np.uint8 if fits_uint8 else np.int64)
        positions, is_known = self._look_up(np.arange(256))
        self._bytes = None
        if fits_uint8:
            self._bytes = (self._values[positions].tobytes(), is_known.tobytes())

    def __call__(self, labels: Array) -> Array:
        """Return the replacements of labels.

        Parameters
        ----------
        labels : integer array of shape (H, W)

        Returns
        -------
        replaced : array of shape (H, W)
            uint8 where that holds every replacement, int64 otherwise.

        Raises
        ------
        TypeError
            For labels that are no integers.
        ValueError
            For labels that are not in the table: which, how many, and where the first is.
        """
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels must be integers, got {labels.dtype}")
        replaced: Array
        is_known: Array
        if labels.dtype == np.uint8 and self._bytes is not None:  # many times as fast
            content = labels.tobytes()
            replaced, is_known = (
                np.frombuffer(content.translate(table), dtype).reshape(labels.shape)
                for table, dtype in zip(self._bytes, (np.uint8, bool), strict=True)
            )
        else:
            positions, is_known = self._look_up(labels)
            replaced = self._values[positions]
        if not is_known.all():
            raise ValueError(self._describe_unknown(labels, ~is_known))
        return replaced

    def replacements(self) -> list[tuple[int, int]]:
        """Return every label with its replacement, ascending."""
        return list(zip(self._keys.tolist(), self._values.tolist(), strict=True))

    def _look_up(self, labels: Array) -> tuple[Array, Array]:
        """Return the positions of labels among the keys, and whether they are there."""
        positions = np.minimum(np.searchsorted(self._keys, labels), len(self._keys) - 1)
        return positions, self._keys[positions] == labels

    def _describe_unknown(self, labels: Array, is_unknown: Array) -> str:
        """Return the error about labels that are not in the table."""
        values, counts = np.unique(labels[is_unknown], return_counts=True)
        listed = ", ".join(
            f"{value} ({count} times)"
            for value, count in zip(values[:8].tolist(), counts[:8].tolist(), strict=True)
        )
        more = f" and {len(values) - 8} other values" if len(values) > 8 else ""
        first = [int(i) for i in np.argwhere(is_unknown)[0]]
        return (
            f"{int(is_unknown.sum())} of {labels.size} labels are not in the map {self.name}: "
            f"{listed}{more}, first at {first}"
        )


def read_label_table(source: str) -> LabelTable:
    """Return the label table of that name, or of that file.

    Parameters
    ----------
    source : str
        "cityscapes" (labelId to trainId), "reduce_zero_label" (every label less one, 0 ignored),
        or a .json file ``{"label": replacement, ...}``.

    Raises
    ------
    ValueError, OSError
        If there is no such table, or the file holds none.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost.evaluation import read_label_table
    >>> read_label_table("reduce_zero_label")(np.uint8([[0, 1, 150]]))
    array([[255,   0, 149]], dtype=uint8)
    """
    if source == "cityscapes":
        train_ids = {name: label for label, name in enumerate(_class_names("cityscapes"))}
        label_ids = enumerate(_class_names("cityscapes_labelid"))
        replacements = {label: train_ids.get(name, IGNORED) for label, name in label_ids}
        name = "cityscapes (labelId to trainId)"
        return LabelTable({**replacements, -1: IGNORED}, name, IGNORED)
    if source == "reduce_zero_label":
        shifted = {label: label - 1 for label in range(1, IGNORED)}
        return LabelTable({**shifted, 0: IGNORED, IGNORED: IGNORED}, source, IGNORED)
    path = Path(source)
    if path.suffix.lower() != ".json":
        raise ValueError(
            f"label_table= takes cityscapes, reduce_zero_label or a .json file, got {source!r}"
        )
    replacements = {}
    for key, value in read_json_object(path).items():
        try:
            label = int(key)
        except ValueError:
            raise ValueError(f"{display_path(path)}: {key!r} is no label") from None
        if label in replacements:
            raise ValueError(f"{display_path(path)}: label {label} is there twice")
        replacements[label] = _check_label(value, path)
    if not replacements:
        raise ValueError(f"{display_path(path)}: the map is empty")
    return LabelTable(replacements, display_path(path))


def resize_nearest(labels: Array, size: tuple[int, int]) -> Array:
    """Return labels at another size: each output pixel takes the input pixel its center is in.

    Parameters
    ----------
    labels : array of shape (H, W)
    size : (height, width)

    Examples
    --------
    >>> import numpy as np
    >>> from segpost.evaluation import resize_nearest
    >>> resize_nearest(np.uint8([[1, 2]]), (1, 4))
    array([[1, 1, 2, 2]], dtype=uint8)
    """
    rows, columns = (
        (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in // (2 * n_out)
        for n_in, n_out in zip(labels.shape, size, strict=True)
    )
    resized: Array = labels[rows[:, None], columns]
    return resized


def _check_label(value: Any, path: Path) -> int:
    """Return a value of a JSON table as a label of at most 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError(f"{display_path(path)}: {value!r} is no label")
    return value


def _class_names(palette: str) -> tuple[str, ...]:
    """Return the class names of a built-in palette."""
    return as_palette(palette).names or ()
