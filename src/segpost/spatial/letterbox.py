"""Pictures resized and padded to a network's input, and the way back: `Letterbox`."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._core import arguments, sampling, validation
from segpost._core import logits as core_logits
from segpost._core.arguments import as_integer
from segpost._core.arrays import Array, InputArray, allocate_output
from segpost._core.contract import Logits
from segpost._core.sampling import Axes, Interval

ALIGNMENTS = ("center", "top_left")
MODES = ("pad", "stretch")
CHANNEL_ORDERS = ("rgb", "bgr")
LAYOUTS = ("nchw", "nhwc")
DTYPES = ("float32", "float16")


@dataclass(frozen=True)
class Letterbox:
    """Where a picture lies in a network's input: the geometry before it, undone after it.

    `fit` makes one; `apply` makes the input, `segpost.postprocess` and `segpost.argmax` with
    ``letterbox=`` bring logits of that input back to the picture. With other sizes than `fit` finds
    (a resize that rounds in another way, say) it can be made by hand, too: nothing here needs that
    `apply` made the input, only that it was resized on the half_pixel grid, as OpenCV, Pillow,
    torch and TF2 do.

    Parameters
    ----------
    image_size : (H, W)
        Of the picture.
    input_size : (H, W)
        Of the network's input, padding included.
    content_size : (H, W)
        Of the resized picture in it.
    offset : (top, left)
        Padding above and left of the resized picture.

    Raises
    ------
    ValueError, TypeError
        If these are no sizes, or the resized picture does not lie in the input.

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
        room = zip(self.offset, self.content_size, self.input_size, strict=True)
        if not all(start >= 0 and start + length <= total for start, length, total in room):
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
        align: str = "center",
        mode: str = "pad",
        multiple: int = 1,
    ) -> Letterbox:
        """The letterbox of pictures of one size.

        Parameters
        ----------
        image_size : (H, W)
            Of the pictures.
        input_size : (H, W) or int, optional
            (H, W) is the network's input: the picture becomes as large as fits into it. A number
            is the length that its longer side gets; left out, the picture keeps its size. Then
            the input is what the picture becomes, with `multiple` minded.
        align : {"center", "top_left"}
            Where the picture lies. With "center" an odd row or column of padding is below or on
            the right. "top_left" is TF1 DeepLab and mmseg: they pad at the bottom and on the right.
        mode : {"pad", "stretch"}
            "pad" keeps the picture's shape (each side is rounded to the nearest pixel, halves up).
            "stretch" gives it the input's, without padding; it needs ``input_size=(H, W)``.
        multiple : int
            Sides of the input are rounded up to multiples of it, such as the 16 or 32 that
            encoders ask for; (H, W) have to be multiples already.

        Returns
        -------
        box : Letterbox

        Raises
        ------
        ValueError, TypeError
            For sizes that are none or that contradict each other, and for unknown words.

        Notes
        -----
        TF1 DeepLab's demo is ``fit(size, (513, 513), align="top_left")``. It cuts the shorter side
        off to a whole number of pixels where `fit` rounds: where that matters, make the
        `Letterbox` by hand.

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
        picture = arguments.as_output_size(image_size, name="image_size")
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
            content = total if mode == "stretch" else _largest(picture, total)
        elif mode == "stretch":
            raise ValueError(f'mode="stretch" needs input_size=(height, width), got {input_size!r}')
        else:
            content = picture
            if input_size is not None:
                side = as_integer(input_size, "input_size")
                (side, _) = arguments.as_output_size((side, side), name="input_size")
                content = _largest(picture, (side, side))
            total = tuple(-(-side // multiple) * multiple for side in content)
        room = [have - used for have, used in zip(total, content, strict=True)]
        offset = [0, 0] if align == "top_left" else [free // 2 for free in room]
        return cls(picture, total, content, (offset[0], offset[1]))  # type: ignore[arg-type]

    @property
    def padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """((top, bottom), (left, right)) in pixels of the input, as `numpy.pad` takes it."""
        (top, bottom), (left, right) = (
            (start, total - start - length)
            for start, length, total in zip(
                self.offset, self.content_size, self.input_size, strict=True
            )
        )
        return (top, bottom), (left, right)

    def apply(
        self,
        image: Any,
        *,
        mean: Any = 0.0,
        std: Any = 1.0,
        scale: float = 1 / 255,
        pad: Any = "mean",
        channel_order: str = "rgb",
        layout: str = "nchw",
        dtype: str = "float32",
        antialias: bool = True,
        out: Any = None,
    ) -> Any:
        """The network's input, (scale * pixel - mean) / std, of a picture: in one pass.

        Parameters
        ----------
        image : uint8 array of shape (H, W, 3) or (N, H, W, 3)
            Red, green, blue, of `image_size`; any strides (``image[..., ::-1]`` of what OpenCV
            reads). On the CPU.
        mean, std : number or three numbers
            In the units of ``scale * pixel``, in the order of the network's channels.
        scale : float
            1 / 255 for means of 0..1, as torchvision has them; 1 for those of 0..255.
        pad : number, three numbers or "mean"
            Value of the padding in the image's units, 0..255, in the order of the network's
            channels. "mean" is 0 in the network's.
        channel_order : {"rgb", "bgr"}
            Of the network's channels; "bgr" are weights that came from Caffe.
        layout : {"nchw", "nhwc"}
            Where the channels are.
        dtype : {"float32", "float16"}
            Of the result.
        antialias : bool
            How the picture is made smaller. True, as torchvision, Hugging Face and Pillow do: the
            bilinear filter is as wide as a pixel of the result. False, as OpenCV's INTER_LINEAR
            (mmseg), `torch.nn.functional.interpolate` and TF do: it reads two rows and two columns,
            however many there are between. A network should see what it was trained with. Where
            pictures become larger both are the same.
        out : array of `dtype`, of the result's shape, optional
            Where to write.

        Returns
        -------
        input : array of shape (3, H, W) or (N, 3, H, W), or with the channels last
            Of the kind of `image`. Within 1e-5 * 255 * scale / std of the float64 definition (of
            float16 half its spacing more), the same for any number of threads.

        Raises
        ------
        ValueError, TypeError
            For images of another size or type, and for numbers and words that are none of these.
        NotImplementedError
            For an image on a device.

        Notes
        -----
        Resized on the half_pixel grid, without rounding to bytes on the way: Pillow and OpenCV do
        round, and differ by up to a grey level for it.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> box = segpost.Letterbox.fit((2, 4), (4, 4))
        >>> image = np.zeros((2, 4, 3), np.uint8)
        >>> box.apply(image, mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4), scale=1).shape
        (3, 4, 4)
        """
        arguments.check_choice(channel_order, "channel_order", CHANNEL_ORDERS)
        arguments.check_choice(layout, "layout", LAYOUTS)
        arguments.check_choice(dtype, "dtype", DTYPES)
        if not isinstance(antialias, bool):
            raise TypeError(f"antialias must be True or False, got {antialias!r}")
        unit = _triple(scale, "scale", one=True)
        means, deviations = _triple(mean, "mean"), _triple(std, "std")
        if not (deviations > 0).all():
            raise ValueError(f"std must be positive, got {std!r}")
        gain, shift = unit / deviations, -means / deviations
        padding = np.zeros(3)
        if not isinstance(pad, str):
            padding = gain * _triple(pad, "pad") + shift
        elif pad != "mean":
            raise ValueError(f'pad must be a number, three numbers or "mean", got {pad!r}')
        reach = float(np.abs([shift, 255 * gain + shift, padding]).max())
        most = float(np.finfo(dtype).max)
        if reach > most:
            raise ValueError(
                f"dtype {dtype} holds no value beyond {most:g}, but with this scale, mean, std and "
                f"pad the input reaches {reach:g}"
            )
        given = validation.as_image_array(image)
        pixels = given.array
        if pixels.ndim > 4:
            raise ValueError(f"image must have shape (H, W, 3) or (N, H, W, 3), got {pixels.shape}")
        if pixels.shape[-3:-1] != self.image_size:
            raise ValueError(
                f"image is {pixels.shape[-3]} x {pixels.shape[-2]}, "
                f"this letterbox is for {self.image_size[0]} x {self.image_size[1]}"
            )
        kernels = registry.backend(pixels, operation="letterbox")
        shape = (3, *self.input_size) if layout == "nchw" else (*self.input_size, 3)
        result = allocate_output(out, (*pixels.shape[:-3], *shape), dtype, given.wrap, pixels)
        target, pixels = (a if a.ndim == 4 else a[None] for a in (result.array, pixels))
        if layout == "nhwc":
            target = target.transpose(0, 3, 1, 2)
        colors = np.stack([gain, shift, padding])
        if channel_order == "bgr":
            target, colors = target[:, ::-1], colors[:, ::-1]
        filters = [
            sampling.taps(*sides, antialias)
            for sides in zip(self.image_size, self.content_size, strict=True)
        ]
        kernels.letterbox(
            pixels, filters[0], filters[1], self.offset, np.ascontiguousarray(colors), target
        )
        return result.result()

    def apply_labels(self, labels: Any, *, void: int) -> Any:
        """Label maps of pictures as those of the network's input: nearest, padded with `void`.

        Parameters
        ----------
        labels : integer array of shape (..., H, W)
            Of `image_size`; on the CPU.
        void : int
            Label of the padding, such as the `ignore_index` of the loss.

        Returns
        -------
        labels : array of shape (..., H, W) of the type and the kind of `labels`
            Of `input_size`. A pixel has the label of the picture's pixel in which its middle lies.

        Raises
        ------
        ValueError, TypeError
            For labels of another size, and where their type does not hold `void`.

        Examples
        --------
        >>> import numpy as np, segpost
        >>> box = segpost.Letterbox.fit((1, 2), (2, 2), align="top_left")
        >>> box.apply_labels(np.uint8([[3, 4]]), void=255)
        array([[  3,   4],
               [255, 255]], dtype=uint8)
        """
        given = self._label_maps(labels, self.image_size, "image_size")
        array = given.array
        value, bounds = as_integer(void, "void"), np.iinfo(array.dtype)
        if not bounds.min <= value <= bounds.max:
            raise ValueError(f"void must fit labels of {array.dtype}, got {value}")
        out = np.full((*array.shape[:-2], *self.input_size), value, array.dtype)
        rows, columns = map(_nearest, self.image_size, self.content_size)
        (top, left), (height, width) = self.offset, self.content_size
        out[..., top : top + height, left : left + width] = array[..., rows[:, None], columns]
        return given.wrap(out)

    def undo_labels(self, labels: Any) -> Any:
        """Label maps of the network's input as those of the picture: cropped, nearest.

        For networks that give labels. With logits `segpost.argmax` does better: it interpolates
        before it decides.

        Parameters
        ----------
        labels : integer array of shape (..., H, W)
            Of `input_size`; on the CPU.

        Returns
        -------
        labels : array of shape (..., H, W) of the type and the kind of `labels`
            Of `image_size`. A pixel has the label of the input's pixel in which its middle lies.

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
        given = self._label_maps(labels, self.input_size, "input_size")
        rows, columns = map(_nearest, self.content_size, self.image_size)
        top, left = self.offset
        return given.wrap(given.array[..., rows[:, None] + top, columns + left])

    def _label_maps(self, labels: object, size: tuple[int, int], name: str) -> InputArray:
        given = validation.as_label_array(labels)
        validation.check_on_cpu(
            given.array,
            "labels are on {device}; label maps are letterboxed on the CPU: copy them there",
        )
        if given.array.shape[-2:] != size:
            raise ValueError(
                f"labels must be of the letterbox's {name} {size}, got {given.array.shape}"
            )
        return given


def resampling(
    logits: Logits, size: object, grid: object, letterbox: object
) -> tuple[Logits, Axes | None]:
    """The logits that are read, and the axes from them to what comes out.

    As `resampling_axes` of `_core.logits`; with a letterbox the logits lie on its input, of which
    the picture is cut out.
    """
    if letterbox is None:
        return logits, core_logits.resampling_axes(logits, size, grid)
    if not isinstance(letterbox, Letterbox):
        raise TypeError(f"letterbox must be a segpost.Letterbox, got {letterbox!r}")
    wanted = letterbox.image_size
    if size is not None and arguments.as_output_size(size) != wanted:
        raise ValueError(
            f"size is {size}, but letterbox gives what comes out the size {wanted} of its image: "
            "leave size out"
        )
    shape = (logits.values.shape[2], logits.values.shape[3])
    if 0 in shape:
        raise ValueError(f"logits of {shape[0]} x {shape[1]} say nothing of a letterbox's image")
    lies = arguments.resolve_grid(grid, shape, letterbox.input_size)
    spans = map(Interval, letterbox.offset, letterbox.content_size, letterbox.input_size)
    (rows, columns), axes = sampling.cropped_axes(shape, wanted, lies, (*spans,))
    values = logits.values[:, :, rows, columns]
    return logits._replace(values=values, origin=(rows.start, columns.start)), axes


def _largest(picture: tuple[int, ...], room: tuple[int, ...]) -> tuple[int, ...]:
    """The size, rounded, that a picture has when it is as large as fits."""
    (height, width), (most_h, most_w) = picture, room
    times, parts = (most_h, height) if most_h * width <= most_w * height else (most_w, width)
    return tuple(max((2 * side * times + parts) // (2 * parts), 1) for side in picture)


def _nearest(n_in: int, n_out: int) -> Array:
    """The input in which the middle of every output lies."""
    return (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in // (2 * n_out)


def _triple(value: Any, name: str, *, one: bool = False) -> Array:
    """A number for each of three channels; of `one` the same for all."""
    numbers_given = [value] if isinstance(value, (numbers.Real, np.number)) else value
    kinds = (list, tuple, np.ndarray)
    lengths = (1,) if one else (1, 3)
    if not isinstance(numbers_given, kinds) or len(numbers_given) not in lengths:
        wanted = "one number" if one else "one number or three"
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    for number in numbers_given:
        if isinstance(number, (bool, np.bool_)) or not isinstance(
            number, (numbers.Real, np.number)
        ):
            raise TypeError(f"{name} must hold numbers, got {value!r}")
        if not math.isfinite(number):
            raise ValueError(f"{name} must be finite, got {value!r}")
    return np.full(3, numbers_given, np.float64)
