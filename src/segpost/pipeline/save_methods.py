"""The methods of `Segmentation` that write files."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Any

from segpost.color.palette import PaletteLike
from segpost.pipeline import saving
from segpost.pipeline.results import Want


class SaveMethods:
    """The methods of `Segmentation` that write files."""

    def save(
        self: Any,
        path: str | PathLike[str],
        palette: PaletteLike | None = None,
        *,
        what: Want = "labels",
        like: str | PathLike[str] | None = None,
    ) -> None:
        """Write one result to a file; a batch of one image is saved as its image.

        Parameters
        ----------
        path : str or path
            It ends in ".png", or in ".npy" (".npz" of "topk") for unchanged arrays; of volumes in
            ".nii.gz", ".nii" or ".npy". It is written as a whole or not at all.
        palette : Palette, str, (K, 3) integers, or dict, optional
            For labels as PNG, as in `colorize`; by default that of `postprocess`, or
            `Palette.distinct(256)`.
        what : {"labels", "color", "overlay", "confidence", "probabilities", "entropy", "margin", \
"topk", "regions"}
            "labels": an indexed PNG, whose pixels are the ids and whose palette is for viewers;
            ".npy" holds ids of any size. "color" and "overlay": an RGB PNG. "confidence": a
            gray PNG of 8 bits, ``round(255 * confidence)`` and 0 for NaN; ".npy" holds the float32
            values (uint8 with ``confidence_dtype="uint8"``). "probabilities", "entropy", "margin":
            ".npy". "topk": ".npz" of "labels" and "probabilities". "regions": GeoJSON, in pixels.
            Of volumes, the arrays (D, H, W) or (C, D, H, W) are written as NIfTI (x, y, z) or
            (x, y, z, C), without a copy: these are the same elements in the same order. "overlay"
            of volumes is made of the labels when it is saved: ".html" is a page with a slider
            through the slices, ".gif" and ".mp4" show them one after the other.
        like : str or path, optional
            For NIfTI: the image whose affine, spacing, orientation and units the file gets; for
            "overlay" of volumes: the image below the labels. Its size must be that of the result.
            Needs nibabel.

        Raises
        ------
        ValueError
            For a result that is not in ``want=``, a batch of several images (save seg[0],
            seg[1], ...), an ending that cannot hold the result, the name of another result (such
            as "overlay.png" without ``what="overlay"``), and labels that fit no PNG or have no
            color. For NIfTI without `like`, or of another size than `like`.
        ImportError
            For PNG, if Pillow is not installed (``pip install pillow``); for NIfTI, if nibabel is
            not (``pip install "segpost[medical]"``); for MP4, if imageio-ffmpeg is not.

        Examples
        --------
        >>> import numpy as np, segpost, tempfile, PIL.Image
        >>> seg = segpost.Segmentation(labels=np.uint8([[0, 15, 255]]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     seg.save(folder + "/labels.png", palette="voc")
        ...     np.asarray(PIL.Image.open(folder + "/labels.png"))
        array([[  0,  15, 255]], dtype=uint8)
        """
        saving.save_result(self, path, palette, what, like)

    def save_all(
        self: Any, folder: str | PathLike[str], *, like: str | PathLike[str] | None = None
    ) -> dict[Want, Path]:
        """Write every result that is there to a folder; a batch of one is saved as its image.

        The files are labels.png, color.png, overlay.png, confidence.png, probabilities.npy,
        entropy.npy, margin.npy, topk.npz and regions.geojson, as `save` writes them. Those of
        volumes are .npy, or .nii.gz with `like`, and topk.npz.

        Parameters
        ----------
        folder : str or path
            It is made if it is not there. Files of these names are replaced.
        like : str or path, optional
            Of volumes, as in `save`.

        Returns
        -------
        paths : dict of str to pathlib.Path
            The files that were written, by result.

        Raises
        ------
        ValueError
            For a batch of several images, whose folders only the caller can name
            (``for i, one in enumerate(seg): one.save_all(f"{folder}/{i}")``), for no results at
            all, and for labels that fit no PNG: ``save(..., what="labels")`` writes .npy.
        ImportError
            If Pillow is not installed (``pip install pillow``).

        Examples
        --------
        >>> import numpy as np, segpost, tempfile
        >>> logits = np.float32([[[0, 1]], [[1, 0]]])
        >>> seg = segpost.postprocess(logits, want=("labels", "confidence"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     paths = seg.save_all(folder)
        >>> [path.name for path in paths.values()]
        ['labels.png', 'confidence.png']
        """
        saving.refuse_file_as_folder(folder)
        endings = saving.default_endings(self.volume, like)
        present = [what for what in endings if getattr(self, what) is not None]
        self._first_result()
        if self._is_batch() and len(self) != 1:
            raise ValueError(
                f"this is a batch of {len(self)}, and every image needs a folder of its own: "
                f"for i, one in enumerate(seg): one.save_all(f{fspath(folder) + '/{i}'!r})"
            )
        Path(folder).mkdir(parents=True, exist_ok=True)
        paths = {what: Path(folder) / (what + endings[what]) for what in present}
        for what, path in paths.items():
            self.save(path, what=what, like=like if path.suffix == ".gz" else None)
        return paths
