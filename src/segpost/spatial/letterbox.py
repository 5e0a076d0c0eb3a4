"""Images resized and padded to a network's input, and the inverse: `Letterbox`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from segpost._core import arguments
from segpost._core.arguments import as_integer
from segpost._core.array_types import ArrayT, HostArray, SupportsArray
from segpost._core.bands import Bands, Stretch
from segpost._core.public import public
from segpost._core.unknown_names import SuggestingType
from segpost.spatial.network_input import (
    ALIGNMENTS,
    MODES,
    Align,
    ChannelOrder,
    Geometry,
    InputDtype,
    InputSettings,
    Layout,
    ResizeMode,
    fit_inside,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


@public
@dataclass(frozen=True)
class Letterbox(metaclass=SuggestingType):
    """The geometry of an image that was resized and padded to a network's input.

    `fit` computes it, and `apply` computes the input. `segpost.postprocess` and `segpost.argmax`
    with ``letterbox=`` bring logits of that input back to the image (the inverse letterbox). The
    input need not come from `apply`, as long as the image was resized on the half_pixel grid, as
    OpenCV, Pillow, PyTorch and TF2 do. If a resize rounds in another way than `fit`, construct the
    letterbox from its sizes.

    Parameters
    ----------
    image_size : (H, W)
        The size of the image.
    input_size : (H, W)
        The size of the network's input, with padding.
    content_size : (H, W)
        The size of the resized image in the input.
    offset : (top, left)
        The padding above and to the left of the resized image.

    Raises
    ------
    ValueError, TypeError
        If a size is invalid, or if the resized image does not lie in the input.

    Examples
    --------
    >>> import numpy as np, segpost
    >>> box = segpost.Letterbox.fit((375, 500), (513, 513))
    >>> box
    Letterbox(image_size=(375, 500), input_size=(513, 513), content_size=(385, 513), offset=(64, 0))
    >>> image = np.full((375, 500, 3), 255, np.uint8)
    >>> x = box.apply(image, mean=0.5, std=0.5)
    >>> x.shape, float(x[0, 0, 0]), float(x[0, 64, 0])
    ((3, 513, 513), 0.0, 1.0)
    >>> logits = np.zeros((21, 65, 65), np.float32)  # the network's, at an eighth
    >>> logits[15, :, 20:] = 1.0
    >>> segpost.postprocess(logits, letterbox=box).labels.shape
    (375, 500)
    """

    image_size: tuple[int, int]
    input_size: tuple[int, int]
    content_size: tuple[int, int]
    offset: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        for name in ("image_size", "input_size", "content_size"):
            object.__setattr__(self, name, arguments.as_output_size(getattr(self, name), name=name))
        offset = self.offset
        if not isinstance(offset, (tuple, list, np.ndarray)) or len(offset) != 2:
            raise ValueError(f"offset must be (top, left), got {offset!r}")
        object.__setattr__(self, "offset", tuple(as_integer(side, "offset") for side in offset))
        sides = zip(self.offset, self.content_size, self.input_size, strict=True)
        if not all(start >= 0 and start + length <= total for start, length, total in sides):
            raise ValueError(
                f"content_size {self.content_size} at offset {self.offset} does not lie in "
                f"input_size {self.input_size}"
            )

    @classmethod
    def fit(
        cls,
        image_size: tuple[int, int],
        input_size: tuple[int, int] | int | None = None,
        *,
        align: Align = "center",
        mode: ResizeMode = "pad",
        multiple: int = 1,
    ) -> Letterbox:
        """Compute the letterbox for images of one size.

        Parameters
        ----------
        image_size : (H, W)
            The size of the images.
        input_size : (H, W) or int, optional
            (H, W) is the size of the network's input: the image is resized to the largest size that
            fits. A number is the length of the image's longer side after the resize; by default
            the image keeps its size. In both cases the input is the resized image, rounded up to
            `multiple`.
        align : {"center", "top_left"}
            The position of the image. With "center" an odd row or column of padding is at the
            bottom or on the right. TF1 DeepLab and mmseg use "top_left".
        mode : {"pad", "stretch"}
            "pad" keeps the aspect ratio (each side is rounded to the nearest pixel, halves up).
            "stretch" resizes it to ``input_size=(H, W)``, without padding.
        multiple : int
            Sides of the input are rounded up to multiples of it, such as the 16 or 32 that
            encoders require. The sides of ``input_size=(H, W)`` must be multiples already.

        Raises
        ------
        ValueError, TypeError
            If sizes are invalid or contradict each other, and for unknown words.

        Notes
        -----
        TF1 DeepLab's demo is ``fit(size, (513, 513), align="top_left")``, but it truncates the
        shorter side to whole pixels where `fit` rounds.

        Examples
        --------
        >>> import segpost
        >>> segpost.Letterbox.fit((375, 500), (512, 512), align="top_left").content_size
        (384, 512)
        >>> segpost.Letterbox.fit((1080, 1920), 1024, multiple=32).input_size
        (576, 1024)
        >>> segpost.Letterbox.fit((375, 500), multiple=16).padding
        ((4, 5), (6, 6))
        """
        image = arguments.as_output_size(image_size, name="image_size")
        arguments.check_choice(align, "align", ALIGNMENTS)
        arguments.check_choice(mode, "mode", MODES)
        multiple = as_integer(multiple, "multiple")
        if multiple < 1:
            raise ValueError(f"multiple must be at least 1, got {multiple}")
        if isinstance(input_size, (tuple, list, np.ndarray)):
            total = arguments.as_output_size(input_size, name="input_size")
            if any(side % multiple for side in total):
                raise ValueError(
                    f"input_size {total} has sides that are no multiples of {multiple}"
                )
            content = total if mode == "stretch" else fit_inside(image, total)
        elif mode == "stretch":
            raise ValueError(f'mode="stretch" needs input_size=(height, width), got {input_size!r}')
        else:
            content = image
            if input_size is not None:
                side = as_integer(input_size, "input_size")
                (side, _) = arguments.as_output_size((side, side), name="input_size")
                content = fit_inside(image, (side, side))
            total = tuple(-(-side // multiple) * multiple for side in content)
        margins = [outer - inner for outer, inner in zip(total, content, strict=True)]
        top, left = (0, 0) if align == "top_left" else (margin // 2 for margin in margins)
        return cls(image, total, content, (top, left))  # type: ignore[arg-type]

    @property
    def padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The padding ((top, bottom), (left, right)) in pixels of the input, as for `numpy.pad`."""
        (top, bottom), (left, right) = (
            (start, total - start - length)
            for start, length, total in zip(
                self.offset, self.content_size, self.input_size, strict=True
            )
        )
        return (top, bottom), (left, right)

    @overload
    def apply(
        self,
        image: HostArray,
        *,
        out: npt.NDArray[Any] | None = ...,
        **settings: Unpack[InputSettings],
    ) -> npt.NDArray[np.float32 | np.float16]: ...
    @overload
    def apply(
        self,
        image: ArrayT,
        *,
        out: ArrayT | None = ...,
        **settings: Unpack[InputSettings],
    ) -> ArrayT: ...
    @overload
    def apply(
        self,
        image: SupportsArray,
        *,
        out: npt.NDArray[Any] | None = ...,
        **settings: Unpack[InputSettings],
    ) -> npt.NDArray[np.float32 | np.float16]: ...
    def apply(
        self,
        image: Any,
        *,
        bands: Bands | None = None,
        stretch: Stretch | None = None,
        mean: Any = 0.0,
        std: Any = 1.0,
        scale: float | None = None,
        pad: Any = "mean",
        channel_order: ChannelOrder = "rgb",
        layout: Layout = "nchw",
        dtype: InputDtype = "float32",
        antialias: bool = True,
        out: Any = None,
    ) -> Any:
        """Compute the network's input, (scale * pixel - mean) / std, of an image in one pass.

        Parameters
        ----------
        image : array of shape (H, W, B), (B, H, W), (N, H, W, B), (N, B, H, W) or (H, W)
            Of size `image_size`, on the CPU; any strides (``image[..., ::-1]`` of an image that
            OpenCV read). Where both layouts would fit, the bands are last. RGB of uint8 is fast;
            other numbers of bands, uint16 and floats are computed in float64 by NumPy.
        bands : int or sequence of int, optional
            The bands to use, in this order, counted from 1 as in rasterio, GDAL and QGIS; all by
            default.
        stretch : (low, high) or such a pair for each band, optional
            The values that become 0 and 255 before all else; what lies beyond them becomes 0 or
            255. ``("2%", "98%")`` are the percentiles of each band of this image.
        mean, std : number or one for each band
            In the units of ``scale * pixel``, in the order of the network's channels.
        scale : float, optional
            1 / 255, the default of uint8 and of stretched images, for means in 0..1, as in
            torchvision; 1 for means in 0..255. Other images need it or `stretch`.
        pad : number, one for each band, or "mean"
            The value of the padding in the image's units, after `stretch`, in the order of the
            network's channels. "mean" makes it 0 after the normalization.
        channel_order : {"rgb", "bgr"}
            The order of the network's channels; weights from Caffe need "bgr".
        layout : {"nchw", "nhwc"}
            The position of the channel axis.
        dtype : {"float32", "float16"}
        antialias : bool
            How the image is made smaller. True, as in torchvision, Hugging Face and Pillow: the
            bilinear filter is as wide as a pixel of the result. False, as in OpenCV's INTER_LINEAR
            (mmseg), `torch.nn.functional.interpolate` and TF: it reads two rows and two columns.
            Use what the network was trained with. Enlarging is the same with both.
        out : array of `dtype`, of the result's shape, optional
            Where to write.

        Returns
        -------
        input : array of shape (B, H, W) or (N, B, H, W), or with the channels last
            Of the same library as `image`. Within 1e-5 * 255 * scale / std of the float64
            definition (for float16 half a spacing more), the same for any number of threads.

        Raises
        ------
        ValueError, TypeError
            For images of another size or type, of NaN, and for invalid numbers and words.
        NotImplementedError
            For an image on a device.

        Notes
        -----
        The resize is on the half_pixel grid, without the rounding to bytes of Pillow and OpenCV:
        they differ by up to one grey level.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> box = segpost.Letterbox.fit((2, 4), (4, 4))
        >>> image = np.zeros((2, 4, 3), np.uint8)
        >>> box.apply(image, mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4), scale=1).shape
        (3, 4, 4)
        """
        from segpost.spatial.input_images import compute_input

        settings: InputSettings = {
            "bands": bands,
            "stretch": stretch,
            "mean": mean,
            "std": std,
            "scale": scale,
            "pad": pad,
            "channel_order": channel_order,
            "layout": layout,
            "dtype": dtype,
            "antialias": antialias,
        }
        return compute_input(self._geometry(), image, settings, out)

    @overload
    def apply_labels(self, labels: ArrayT, *, void: int) -> ArrayT: ...
    @overload
    def apply_labels(
        self, labels: HostArray | SupportsArray, *, void: int
    ) -> npt.NDArray[np.integer[Any]]: ...
    def apply_labels(self, labels: Any, *, void: int) -> Any:
        """Resize label maps to the network's input by nearest neighbor, padded with `void`.

        Parameters
        ----------
        labels : integer array of shape (..., H, W)
            Of size `image_size`, on the CPU.
        void : int
            The label of the padding, such as the `ignore_index` of the loss.

        Returns
        -------
        labels : array of shape (..., H, W) of the type and the library of `labels`
            Of size `input_size`. A pixel has the label of the image pixel that contains its center.

        Raises
        ------
        ValueError, TypeError
            For labels of another size, and where their type cannot hold `void`.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> box = segpost.Letterbox.fit((1, 2), (2, 2), align="top_left")
        >>> box.apply_labels(np.uint8([[3, 4]]), void=255)
        array([[  3,   4],
               [255, 255]], dtype=uint8)
        """
        from segpost.spatial.input_labels import letterbox_labels

        return letterbox_labels(self._geometry(), labels, void)

    @overload
    def undo_labels(self, labels: ArrayT) -> ArrayT: ...
    @overload
    def undo_labels(self, labels: HostArray | SupportsArray) -> npt.NDArray[np.integer[Any]]: ...
    def undo_labels(self, labels: Any) -> Any:
        """Bring label maps of the network's input back to the image: crop, then nearest neighbor.

        This is for networks that return labels. With logits `segpost.argmax` is better: it
        interpolates before it decides.

        Parameters
        ----------
        labels : integer array of shape (..., H, W)
            Of size `input_size`, on the CPU.

        Returns
        -------
        labels : array of shape (..., H, W) of the type and the library of `labels`
            Of size `image_size`. A pixel has the label of the input pixel that contains its center.

        Raises
        ------
        ValueError, TypeError
            For labels of another size.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> box = segpost.Letterbox.fit((1, 2), (2, 2), align="top_left")
        >>> box.undo_labels(np.uint8([[3, 4], [255, 255]]))
        array([[3, 4]], dtype=uint8)
        """
        from segpost.spatial.input_labels import restore_labels

        return restore_labels(self._geometry(), labels)

    def _geometry(self) -> Geometry:
        return Geometry(self.image_size, self.input_size, self.content_size, self.offset)
