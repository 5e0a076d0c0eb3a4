"""What postprocess gives back, and how it is looked at."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from segpost._core import arguments, validation
from segpost._core.arrays import Array, as_input_array
from segpost._core.device import to_host
from segpost.color import operations
from segpost.color.palette import Palette, as_palette
from segpost.pipeline import saving

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
        if self.image is not None and self.image.ndim == 3:  # one image, beside a batch of labels
            del arrays["image"]
        return replace(self, **{k: None if v is None else v[index] for k, v in arrays.items()})

    def _is_batch_of_one(self, name: str, verb: str) -> bool:
        """Whether there is a batch axis; a batch of several images is an error."""
        if not self._batched():
            return False
        if len(self) != 1:
            shape = tuple(getattr(self, name).shape)
            raise ValueError(
                f"this is a batch of {len(self)}, with {name} of shape {shape}: "
                f"{verb} seg[0], seg[1], ..."
            )
        return True

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

    def save(
        self,
        path: str | PathLike[str],
        palette: Palette | str | None = None,
        *,
        what: str = "labels",
    ) -> None:
        """Write one result as a file; of a batch of one, that of its image.

        Parameters
        ----------
        path : str or path
            Ends in ".png", or in ".npy" for the array as it is.
        palette : Palette or str, optional
            For labels as PNG, where `postprocess` got none. Without any, `Palette.distinct(256)`.
        what : {"labels", "color", "overlay", "confidence", "probabilities"}
            "labels": an indexed PNG, in which the ids are the pixels and the palette is for the
            eye; ".npy" holds ids of any size. "color" and "overlay": an RGB PNG. "confidence": a
            grey PNG of 8 bits, ``round(255 * confidence)`` and 0 for NaN; ".npy" holds the float32
            values (uint8 with ``confidence_dtype="uint8"``). "probabilities": ".npy" only, with
            the class axis where the logits have it.

        Raises
        ------
        ValueError
            For a result that was not asked for in ``want=``, a batch of several images (save
            seg[0], seg[1], ...), another file name, labels that fit no PNG or have no color.
        ImportError
            Without Pillow (``pip install pillow``), for PNG.

        Examples
        --------
        >>> import numpy as np, segpost, tempfile, PIL.Image
        >>> seg = segpost.Segmentation(labels=np.uint8([[0, 15, 255]]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     seg.save(folder + "/labels.png", palette="voc")
        ...     np.asarray(PIL.Image.open(folder + "/labels.png"))
        array([[  0,  15, 255]], dtype=uint8)
        """
        arguments.check_choice(what, "what", tuple(saving.FORMATS))
        if palette is not None and what != "labels":
            raise ValueError(f'palette is for what="labels", got what={what!r} too')
        ending = saving.check_path(path, what)
        if getattr(self, what) is None:
            wanted = '("labels", ...)' if what == "labels" else f'(..., "{what}")'
            raise ValueError(f"this segmentation has no {what}: ask for them with want={wanted}")
        batched = self._is_batch_of_one(what, "save")
        value = getattr(self, what)
        given = (
            validation.as_label_array(value) if what == "labels" else as_input_array(value, what)
        )
        array = to_host(given.array)[0 if batched else ...]
        if ending == ".npy":
            saving.save_array(path, array)
        elif what == "labels":
            chosen = self.palette or Palette.distinct(256)
            saving.save_indexed(path, array, chosen if palette is None else as_palette(palette))
        else:
            saving.save_picture(path, saving.grey(array) if what == "confidence" else array)

    def figure(self, *, alpha: float = 0.5, classes: int = 12) -> Figure:
        """Image, labels and overlay side by side, with a legend of names and area shares.

        A batch of one is drawn as its image.

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

        Raises
        ------
        ValueError
            For a batch of several images (draw seg[0], seg[1], ...), without labels, for labels
            without a color, and for images without pixels.
        """
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch

        labels = self._labels()
        if self._is_batch_of_one("labels", "draw"):
            return self[0].figure(alpha=alpha, classes=classes)
        chosen = self._colors()
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
        return len(array.shape) == (3 if flat else 4)
