"""`Segmentation`: the results of `postprocess`, and ways to look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from segpost._core import validation
from segpost._core.arguments import ColorBy, Corner
from segpost._core.array_types import ArrayT, ArrayT_co, Generic, HostArray, NumpyArray
from segpost._core.arrays import Array
from segpost._core.public import public
from segpost.color.palette import Palette
from segpost.pipeline import display
from segpost.pipeline.results import OUTPUTS, TopK, Want, check_one_image, count_images
from segpost.pipeline.save_methods import SaveMethods

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from typing_extensions import TypeVar

    ResultT = TypeVar("ResultT")
    ScalarT = TypeVar("ScalarT", bound=np.generic)
    NameT = TypeVar("NameT", bound=Want)
    WantT = TypeVar("WantT", bound=Want, default=Literal["labels"])
    WantT_contra = TypeVar("WantT_contra", bound=Want, contravariant=True, default=Any)

    class ResultOf(Generic[NameT, ScalarT]):
        """A result: an array if it is wanted, and None otherwise."""

        @overload
        def __get__(
            self, segmentation: Segmentation[NumpyArray, NameT], owner: object
        ) -> npt.NDArray[ScalarT]: ...
        @overload
        def __get__(self, segmentation: Segmentation[ResultT, NameT], owner: object) -> ResultT: ...
        @overload
        def __get__(self, segmentation: Segmentation[Any, Any], owner: object) -> None: ...
        def __get__(self, segmentation: Any, owner: object) -> Any: ...
else:
    WantT = WantT_contra = Any


@public
@dataclass(frozen=True, eq=False)
class Segmentation(SaveMethods, Generic[ArrayT_co, WantT_contra]):
    """The results of `postprocess`; fields that were not wanted are None.

    Attributes
    ----------
    labels : array of shape (H, W) or (N, H, W), uint8 or int32
    confidence : array like labels, float32 or uint8
    probabilities : array with the class axis of the logits, float32 (uint16, uint8)
    entropy, margin : array like labels, float32
    topk : TopK, whose arrays have an axis k before H
    color, overlay : array of shape (H, W, 3) or (N, H, W, 3), uint8
    palette : Palette or None
    image : NumPy view of the image, or None
    segments : tuple of Segment, for each image of a batch one, or None
        Of `segment_queries` with the tasks "panoptic" and "instance".
    regions : Regions, of a batch a tuple of them, or None
    volume : bool, whether arrays have an axis D before H
    """

    if TYPE_CHECKING:
        labels = ResultOf[Literal["labels"], np.uint8 | np.int32]()
        confidence = ResultOf[Literal["confidence"], np.float32 | np.uint8]()
        probabilities = ResultOf[Literal["probabilities"], np.float32]()
        color = ResultOf[Literal["color"], np.uint8]()
        overlay = ResultOf[Literal["overlay"], np.uint8]()
        entropy = ResultOf[Literal["entropy"], np.float32]()
        margin = ResultOf[Literal["margin"], np.float32]()
        topk: TopK
        palette: Palette | None
        image: npt.NDArray[np.uint8] | None
        segments: Any
        regions: Any
        volume: bool

        @overload
        def __init__(
            self: Segmentation[NumpyArray, Want],
            labels: HostArray | None = ...,
            confidence: HostArray | None = ...,
            probabilities: HostArray | None = ...,
            color: HostArray | None = ...,
            overlay: HostArray | None = ...,
            palette: Palette | None = ...,
            image: HostArray | None = ...,
            segments: Any = ...,
            entropy: HostArray | None = ...,
            margin: HostArray | None = ...,
            topk: Any = ...,
            regions: Any = ...,
            volume: bool = ...,
        ) -> None: ...
        @overload
        def __init__(
            self: Segmentation[ArrayT, Want],
            labels: ArrayT | None = ...,
            confidence: ArrayT | None = ...,
            probabilities: ArrayT | None = ...,
            color: ArrayT | None = ...,
            overlay: ArrayT | None = ...,
            palette: Palette | None = ...,
            image: ArrayT | None = ...,
            segments: Any = ...,
            entropy: ArrayT | None = ...,
            margin: ArrayT | None = ...,
            topk: Any = ...,
            regions: Any = ...,
            volume: bool = ...,
        ) -> None: ...
        def __init__(self, *results: Any, **named: Any) -> None: ...
    else:
        labels: Any = None
        confidence: Any = None
        probabilities: Any = None
        color: Any = None
        overlay: Any = None
        palette: Palette | None = None
        image: Any = field(default=None, repr=False)
        segments: Any = None
        entropy: Any = None
        margin: Any = None
        topk: Any = None
        regions: Any = None
        volume: bool = False

    def __post_init__(self) -> None:
        labels, confidence = self.labels, self.confidence
        if confidence is None or labels is None:
            return
        if len(confidence.shape) != len(labels.shape):
            raise ValueError(
                f"confidence of shape {tuple(confidence.shape)} is not like labels of "
                f"{tuple(labels.shape)}: results have names, Segmentation(labels=, image=)"
            )

    def __len__(self) -> int:
        """Return the number of images."""
        return count_images(self, self._first_result()) or int(not self._is_batch())

    def __getitem__(self, index: int) -> Segmentation[ArrayT_co, WantT_contra]:
        """Return one image of a batch."""
        if not self._is_batch():
            raise TypeError("this segmentation is of one image; its results are as seg.labels")
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise TypeError(f"index must be the number of one image, got {index!r}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of a batch of {len(self)}")
        names = [f.name for f in fields(self) if f.name not in ("palette", "volume")]
        arrays = {name: getattr(self, name) for name in names}
        if self.image is not None and self.image.ndim == 3:  # one image, beside a batch of labels
            del arrays["image"]
        top = arrays.pop("topk")
        parts: Any = {k: None if v is None else v[index] for k, v in arrays.items()}
        parts["topk"] = None if top is None else TopK(*(array[index] for array in top))
        return replace(self, **parts)

    def _is_batch_of_one(self, name: str, verb: str) -> bool:
        """Whether there is a batch axis; a batch of several images is an error."""
        if self._is_batch():
            check_one_image(getattr(self, name), len(self), name, verb)
        return self._is_batch()

    def shares(self) -> dict[int, float]:
        """Return the share of the pixels of every label that occurs, largest first.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> segpost.Segmentation(labels=np.uint8([[0, 0, 0, 7]])).shares()
        {0: 0.75, 7: 0.25}
        """
        from segpost.objects.counting import measure_shares

        return measure_shares(self._label_array())

    def figure(
        self,
        *,
        alpha: float = 0.5,
        classes: int = 12,
        like: str | PathLike[str] | None = None,
        spacing: Sequence[float] | None = None,
    ) -> Figure:
        """Draw image, labels and overlay side by side, with a legend of names and area shares.

        Of a volume, the planes across D, H and W through the largest region are drawn, as arrays
        are; label 0 is background. With `like`, letters at their edges are the directions right,
        left, anterior, posterior, superior and inferior (of an oblique axis, the nearest one). A
        batch of one is its image.

        Parameters
        ----------
        alpha : float
            Weight of the colors in the overlay, if `postprocess` did not compute one.
        classes : int
            The largest number of legend entries; the other classes are summed.
        like : str or path, optional
            Of a volume: the NIfTI file of the image, below the labels. Needs nibabel.
        spacing : (z, y, x), optional
            Of a volume: the distances of its voxels; by default those of `like`.

        Returns
        -------
        figure : matplotlib.figure.Figure
            ``figure.savefig(path)`` writes it. It needs matplotlib.

        Raises
        ------
        ValueError
            For a batch of several images (draw seg[0], seg[1], ...), without labels, for labels
            without a color, and for images without pixels.
        """
        if self._is_batch_of_one("labels", "draw"):
            options: Any = {"like": like, "spacing": spacing}
            return self[0].figure(alpha=alpha, classes=classes, **options)
        if self.volume:
            from segpost.pipeline.volume_figure import draw_planes
            from segpost.pipeline.volume_slices import slices_of

            return draw_planes(slices_of(self, like, spacing), alpha, classes)
        if like is not None or spacing is not None:
            raise ValueError("like and spacing are for volumes, and these are results of images")
        from segpost.pipeline.figure import draw_figure

        return draw_figure(self, alpha, classes)

    def draw(
        self,
        image: Any = None,
        *,
        names: Mapping[int, str] | Sequence[str] | None = None,
        color_by: ColorBy | None = None,
        alpha: float | Sequence[float] = 0.5,
        boxes: bool | None = None,
        text: bool | Sequence[str] = True,
        legend: bool | Corner | None = None,
        scale: float = 1.0,
        font: str | PathLike[str] | None = None,
    ) -> Any:
        """Draw the overlay with the names of classes or segments, scores, boxes and a legend.

        It is a picture of the size of the labels; `figure` draws panels with Matplotlib. A batch of
        one is drawn as its image. Needs Pillow.

        Parameters
        ----------
        image : uint8 array of shape (H, W, 3) or (3, H, W), optional
            By default that of `postprocess`.
        color_by : {"class", "instance"}, optional
            By default "instance" of segments, "class" of other labels.
        alpha : float or sequence of K floats
            As in `overlay`; one number for segments.
        boxes : bool, optional
            By default segments have boxes, and the names of other labels are in their middle.
        names, text, legend, scale, font : optional
            As in `Regions.draw`; names are those of classes. The mean confidence of a label is
            written where ``want=`` has "confidence", the score of every segment always.

        Returns
        -------
        picture : uint8 array of shape (H, W, 3), of the array type of the labels

        Raises
        ------
        ValueError, TypeError
            For a batch of several images (draw seg[0], seg[1], ...), without labels or an image,
            and as `Regions.draw`.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> seg = segpost.Segmentation(labels=np.uint8([[0, 1]]))
        >>> seg.draw(np.zeros((1, 2, 3), np.uint8), text=False, legend=False).tolist()
        [[[0, 0, 0], [94, 128, 0]]]
        """
        from segpost.pipeline.drawing import draw_segmentation

        one: Any = self
        if self._is_batch_of_one("labels", "draw"):
            one, image = self[0], image[0] if getattr(image, "shape", ())[:-3] == (1,) else image
        return draw_segmentation(
            one, image, names, color_by, alpha, boxes, text, legend, scale, font
        )

    def uncrop(
        self, size: Sequence[int], start: Sequence[int]
    ) -> Segmentation[ArrayT_co, WantT_contra]:
        """Return the results of a crop in the whole volume or image.

        Outside the crop class 0, the background, is certain: labels are 0, confidence and margin 1,
        entropy is 0. That is the inverse of nnU-Net's crop, of MONAI's CropForeground and of
        torchio's Crop. Where the crop was resampled, too, the results have its size first:
        ``size=`` of `postprocess`. For labels alone, `argmax` writes into a part of an array:
        ``segpost.argmax(logits, size=(d, h, w), out=labels[z : z + d, y : y + h, x : x + w])``.

        Parameters
        ----------
        size : (D, H, W), of images (H, W)
            That of the whole.
        start : (z, y, x), of images (y, x)
            Where the first element of the crop lies in it.

        Returns
        -------
        segmentation : Segmentation
            New arrays of the same kind, without the image.

        Raises
        ------
        ValueError, TypeError
            If the crop does not lie in the whole; for colors, overlays, regions and segments, which
            are made anew; for results on a device.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> seg = segpost.Segmentation(labels=np.uint8([[[1, 2]]]), volume=True)
        >>> seg.uncrop(size=(1, 2, 4), start=(0, 1, 1)).labels
        array([[[0, 0, 0, 0],
                [0, 1, 2, 0]]], dtype=uint8)
        """
        from segpost.pipeline.uncropping import uncrop_results

        uncropped: Segmentation[ArrayT_co, WantT_contra] = uncrop_results(self, size, start)
        return uncropped

    def _repr_png_(self) -> bytes | None:
        """Return the overlay, or else the colored labels, as PNG; a batch side by side.

        Of a volume, they are those of up to 16 slices.
        """
        return display.encode_picture(display.picture_of(self))

    def _repr_html_(self) -> str | None:
        """Return the picture of `_repr_png_`, a legend, shapes and dtypes for a notebook."""
        results = self._results()
        if not results:
            return None
        legend, picture = display.legend_of(self), display.picture_of(self)
        hidden = display.describe_hidden(self)
        return display.format_segmentation(results, legend, picture, hidden)

    def __repr__(self) -> str:
        """Return shapes, dtypes and the shares of the largest classes on one line."""
        return display.describe_segmentation(self._results(), display.legend_of(self))

    def _results(self) -> dict[str, Any]:
        """Return the results that were wanted, by name."""
        return {name: value for name in OUTPUTS if (value := getattr(self, name)) is not None}

    def _label_array(self) -> Array:
        """Return the labels as a NumPy view."""
        if self.labels is None:
            raise ValueError('this needs the labels: ask for them with want=("labels", ...)')
        return validation.as_label_array(self.labels).array

    def _palette(self) -> Palette:
        """Return the palette, or distinct colors for the labels; of segments one of their ids."""
        if self.segments is not None:
            from segpost.pipeline.drawing import palette_of_segments

            images = self.segments if self._is_batch() else (self.segments,)
            return palette_of_segments(images, self.palette)
        return self.palette or display.colors_up_to(int(self._label_array().max(initial=0)))

    def _first_result(self) -> Any:
        """Return a result that is not None."""
        results = self._results()
        if not results:
            raise ValueError("this segmentation has no results")
        return next(iter(results.values()))

    def _is_batch(self) -> bool:
        """Whether the results have a batch axis."""
        return count_images(self, self._first_result()) is not None
