"""What postprocess gives back, and how it is looked at."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, fields, replace
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from segpost._core import errors, validation
from segpost._core.arrays import Array
from segpost._core.contract import LabelErrors
from segpost.color import operations
from segpost.color.palette import Palette, as_palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The results of `postprocess`; a field is None where it was not asked for.

    Attributes
    ----------
    labels : array of shape (H, W) or (N, H, W), uint8 or int32
    confidence : array like labels, float32 or uint8
    probabilities : array with the class axis of the logits, float32
    color, overlay : array of shape (H, W, 3) or (N, H, W, 3), uint8
    palette : Palette or None
    image : NumPy view of the photograph, or None
    """

    labels: Any = None
    confidence: Any = None
    probabilities: Any = None
    color: Any = None
    overlay: Any = None
    palette: Palette | None = None
    image: Any = field(default=None, repr=False)

    def __len__(self) -> int:
        """The number of images."""
        return int(self._some().shape[0]) if self._batched() else 1

    def __getitem__(self, index: int) -> Segmentation:
        """One image of a batch."""
        if not self._batched():
            raise TypeError("this segmentation is of one image, not of a batch")
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise TypeError(f"index must be the number of one image, got {index!r}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of a batch of {len(self)}")
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "palette"}
        return replace(self, **{k: None if v is None else v[index] for k, v in arrays.items()})

    def shares(self) -> dict[int, float]:
        """The part of the pixels of every label that occurs, largest first.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> segpost.Segmentation(labels=np.uint8([[0, 0, 0, 7]])).shares()
        {0: 0.75, 7: 0.25}
        """
        values, counts = np.unique(self._labels(), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        total = max(int(counts.sum()), 1)
        return {int(values[i]): float(counts[i] / total) for i in order}

    def save(self, path: str | PathLike[str], palette: Palette | str | None = None) -> None:
        """Write the labels as an indexed PNG: the ids are the pixels, the palette is for the eye.

        Parameters
        ----------
        path : str or path
            Must end in ".png"; other formats change ids.
        palette : Palette or str, optional
            Where `postprocess` got none. Without any, `Palette.distinct(256)`.

        Raises
        ------
        ValueError
            For a batch (save its images one by one), labels above 255, or another file name.
        ImportError
            Without Pillow (``pip install pillow``).

        Examples
        --------
        >>> import numpy as np, segpost, tempfile, PIL.Image
        >>> seg = segpost.Segmentation(labels=np.uint8([[0, 15, 255]]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     seg.save(folder + "/labels.png", palette="voc")
        ...     np.asarray(PIL.Image.open(folder + "/labels.png"))
        array([[  0,  15, 255]], dtype=uint8)
        """
        if not fspath(path).lower().endswith(".png"):
            raise ValueError(
                f"path must end in .png, got {fspath(path)!r}; other formats change ids"
            )
        labels = self._labels()
        if labels.ndim != 2:
            raise ValueError(
                f"labels are a batch of shape {labels.shape}: save seg[0], seg[1], ..."
            )
        outside = (labels < 0) | (labels > 255)
        if outside.any():
            y, x = (int(i) for i in np.argwhere(outside)[0])
            raise ValueError(
                f"an indexed PNG holds labels 0..255; {int(outside.sum())} are outside, first "
                f"{labels[y, x]} at [{y}, {x}]. numpy.save keeps them"
            )
        from PIL import Image

        labels = labels.astype(np.uint8)
        picture = Image.fromarray(labels)
        chosen = self.palette or Palette.distinct(256) if palette is None else as_palette(palette)
        table = np.zeros((256, 3), np.uint8)
        table[: min(len(chosen), 256)] = chosen.colors[:256]
        known = np.arange(256) < len(chosen)
        ignore = chosen.ignore_index
        if ignore is not None and 0 <= ignore <= 255:
            table[ignore] = chosen.color(ignore)
            known[ignore] = True
        missing = ~known[labels]
        if missing.any():
            bad = LabelErrors(int(missing.sum()), int(missing.argmax()))
            errors.raise_bad_labels(bad, labels, len(chosen), ignore)
        picture.putpalette(table.tobytes())
        picture.save(path, format="PNG")

    def figure(self, *, alpha: float = 0.5, classes: int = 12) -> Figure:
        """Image, labels and overlay side by side, with a legend of names and area shares.

        Parameters
        ----------
        alpha : float
            Weight of the colors in the overlay, where that was not made by `postprocess`.
        classes : int
            The most legend entries; the rest is summed up.

        Returns
        -------
        figure : matplotlib.figure.Figure
            ``figure.savefig(path)`` writes it. Needs matplotlib.
        """
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch

        chosen = self._colors()
        labels = self._labels()
        if labels.ndim != 2:
            raise ValueError(
                f"labels are a batch of shape {labels.shape}: draw seg[0], seg[1], ..."
            )
        if not labels.size:
            raise ValueError(f"there is nothing to draw in labels of shape {labels.shape}")
        panels = [("labels", operations.colorize_labels(validation.as_label_array(labels), chosen))]
        if self.image is not None:
            laid = operations.overlay(self.image, labels, chosen, alpha=alpha)
            if self.overlay is not None:
                laid = validation.as_image_array(self.overlay).array
            panels = [("image", self.image), *panels, ("overlay", laid)]
        height, width = labels.shape
        figure = Figure(
            figsize=(4.0 * len(panels) + 2.4, max(2.0, 4.0 * height / width) + 0.4),
            layout="constrained",
        )
        for place, (title, picture) in enumerate(panels):
            panel = figure.add_subplot(1, len(panels), place + 1)
            panel.imshow(picture, interpolation="nearest")
            panel.set_title(title)
            panel.set_axis_off()
        shares = list(self.shares().items())
        entries = [
            Patch(
                facecolor="#{:02x}{:02x}{:02x}".format(*chosen.color(label)),
                edgecolor="0.5",
                label=f"{chosen.name(label)}  {share:.1%}",
            )
            for label, share in shares[:classes]
        ]
        if len(shares) > classes:
            rest = sum(share for _, share in shares[classes:])
            others = f"{len(shares) - classes} others  {rest:.1%}"
            entries.append(Patch(facecolor="white", edgecolor="0.5", label=others))
        figure.legend(handles=entries, loc="outside right center", frameon=False)
        return figure

    def _repr_png_(self) -> bytes | None:
        """The overlay, or else the colored labels; images of a batch side by side."""
        try:
            from PIL import Image
        except ImportError:
            return None
        shown = self.overlay if self.overlay is not None else self.color
        if shown is None:
            if self.labels is None:
                return None
            try:
                labels = validation.as_label_array(self.labels)
                shown = operations.colorize_labels(labels, self._colors())
            except ValueError:  # labels that no palette has a color for
                return None
        array = validation.as_image_array(shown).array
        if not array.size:
            return None
        if array.ndim == 4:
            array = np.concatenate(list(array[:4]), axis=1)
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(array)).save(buffer, format="PNG")
        return buffer.getvalue()

    def _labels(self) -> Array:
        if self.labels is None:
            raise ValueError('this needs the labels: ask for them with want=("labels", ...)')
        return validation.as_label_array(self.labels).array

    def _colors(self) -> Palette:
        if self.palette is not None:
            return self.palette
        classes = max(int(self._labels().max(initial=0)) + 1, 2)
        distinct = Palette.distinct(min(classes, 1024)).colors
        return Palette(distinct[np.arange(classes) % 1024])

    def _some(self) -> Any:
        made = (self.labels, self.confidence, self.color, self.overlay, self.probabilities)
        found = next((array for array in made if array is not None), None)
        if found is None:
            raise ValueError("this segmentation has no results")
        return found

    def _batched(self) -> bool:
        array = self._some()
        flat = array is self.labels or array is self.confidence
        return bool(array.ndim == (3 if flat else 4))
