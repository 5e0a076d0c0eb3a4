"""`Evaluation`: saved predictions and their targets, and how they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from segpost._core.arguments import ClassNames, as_names, check_choice
from segpost._core.public import public
from segpost._core.sampling import Grid
from segpost.color.palette import as_palette
from segpost.evaluation.class_names import find_dataset_file
from segpost.evaluation.classes import Classes, build_classes
from segpost.evaluation.counting import PairCounter, PairResult
from segpost.evaluation.label_maps import read_label_table
from segpost.evaluation.measures import build_boundary_measures, build_instance_measure
from segpost.evaluation.options import EvaluationOptions, MapTo
from segpost.evaluation.pairing import Pair, Pairing, add_instances, pair_files
from segpost.evaluation.panoptic import PANOPTIC_FORMS, PanopticForm
from segpost.evaluation.panoptic_classes import build_panoptic
from segpost.evaluation.panoptic_files import pair_panoptic
from segpost.evaluation.plan import Plan
from segpost.evaluation.planning import SHARD_IMAGES, write_plan
from segpost.evaluation.reading import PairReader
from segpost.files.images import MAX_PIXELS
from segpost.metrics.base import Accumulator
from segpost.metrics.matrix import InvalidPreds

# The argument of each boundary measure here, and in its class.
SETTINGS = {
    "boundary": ("dilation_ratio", "dilation_ratio"),
    "trimap": ("trimap_widths", "widths"),
    "boundary-f": ("tolerance", "tolerance"),
    "surface-distance": ("surface_tolerance", "tolerance"),
}
PATHS = ("preds", "targets", "instances")
LISTS = (
    "ignore_index",
    "measures",
    "pred_suffixes",
    "target_suffixes",
    "instance_suffixes",
    "thing_classes",
)
OF_LABELS = ("label_table", "colors", "resize", "threshold", "key", "instances", "things")

StrPath = str | PathLike[str]


@public
@dataclass(frozen=True)
class Evaluation:
    """Saved predictions and their targets, and how they are compared: `segpost evaluate`.

    It does not change and can be pickled. What it was made of is read once: tables of labels,
    groups and things are part of it afterwards.

    Parameters
    ----------
    preds, targets : path
        A folder, searched with everything below it; a file; or a .txt file with a path a line.
        Targets that are NIfTI files (.nii, .nii.gz) are volumes, and each is one image; their
        predictions are NIfTI files of the same size and affine, or arrays.
    num_classes : int, optional
        Number of classes, where neither a palette nor names tell it.
    palette : str or Palette, optional
        Number, names, ignored label and colors of the classes.
    class_names : sequence of str, or dict of them by label, optional
        Names, in place of the palette's.
    ignore_index : int or integers
        Labels of the target that are not counted; without any, the palette's.
    groups : str, optional
        Categories: "cityscapes", or a .json file ``{"group": [class, ...], ...}``.
    label_table : str, optional
        What the labels in the files become: "cityscapes" (labelId to trainId),
        "reduce_zero_label", or a .json file ``{"label": replacement, ...}``.
    map_to : {"target", "preds", "both"}
        The files whose labels it replaces.
    colors : str or Palette, optional
        The palette that images in colors were drawn with.
    resize : "nearest", optional
        Brings predicted labels to the size of their target. Logits are always resized.
    axis, grid, threshold
        Of logits, as in `postprocess`.
    key : str, optional
        The name of the tensor of logits in .safetensors, .pt and .h5 files; by default it is the
        only one of floats with 3 or 4 dimensions.
    invalid_preds : {"miss", "raise", "drop"}
        What predictions of no class are, as in `ConfusionMatrix`.
    measures : sequence of {"boundary", "trimap", "boundary-f", "surface-distance"}
        What is counted beside the confusion matrix. Volumes have distances alone.
    dilation_ratio, trimap_widths, tolerance, surface_tolerance
        Of these measures, as in `BoundaryIoU`, `TrimapIoU` (its `widths`), `BoundaryF` and
        `SurfaceDistance` (in pixels, or in millimeters of NIfTI files).
    instances : path, optional
        Instance maps, for instance-weighted IoU.
    things : str, optional
        The classes that have instances: "cityscapes", or a .json file of their mean sizes.
    first_instance : int, optional
        The smallest value that is an instance.
    panoptic : {"coco", "cityscapes", "ids"}, optional
        The files are panoptic maps, and panoptic quality is counted, too. "coco": `preds` and
        `targets` are JSON files of segments, beside the folders of their PNG files, or these
        folders; the categories are those of the targets, and `ignore_index` has categories that
        are void. "cityscapes": instanceIds. "ids": images of class * `label_divisor` + instance.
    label_divisor : int, optional
        Of "ids"; 1000 by default.
    thing_classes : sequence of int or str
        Of "ids": the classes whose objects are segments of their own.
    pred_suffixes, target_suffixes, instance_suffixes : sequence of str
        Ends of names that are removed; only files that have one of them count.
    allow_missing : bool
        Leave out files that pair with nothing; otherwise they are an error.
    max_pixels : int
        Images of more pixels are refused before they are decoded.

    Raises
    ------
    ValueError, OSError
        If arguments contradict each other, or a file that one names cannot be used.

    Examples
    --------
    >>> import tempfile, numpy as np, segpost
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("preds", "targets"):
    ...     (folder / name).mkdir()
    ...     np.save(folder / name / "a.npy", np.uint8([[0, 1]]))
    >>> job = segpost.Evaluation(
    ...     preds=folder / "preds", targets=folder / "targets", num_classes=2
    ... )
    >>> [result.counts.cm.compute().miou for result in map(job.count, job.pairing().pairs)]
    [1.0]
    """

    preds: StrPath
    targets: StrPath
    _: KW_ONLY
    num_classes: int | None = None
    palette: Any = None
    class_names: ClassNames | None = None
    ignore_index: int | Sequence[int] = ()
    groups: str | None = None
    label_table: str | None = None
    map_to: MapTo = "target"
    colors: Any = None
    resize: Literal["nearest"] | None = None
    axis: int = -3
    grid: Grid = "half_pixel"
    threshold: float | None = None
    key: str | None = None
    invalid_preds: InvalidPreds = "miss"
    measures: str | Sequence[str] = ()
    dilation_ratio: float | None = None
    trimap_widths: Sequence[int] | None = None
    tolerance: float | None = None
    surface_tolerance: float | None = None
    instances: StrPath | None = None
    things: str | None = None
    first_instance: int | None = None
    panoptic: PanopticForm | None = None
    label_divisor: int | None = None
    thing_classes: Sequence[int | str] = ()
    pred_suffixes: Sequence[str] = ()
    target_suffixes: Sequence[str] = ()
    instance_suffixes: Sequence[str] = ()
    allow_missing: bool = False
    max_pixels: int = MAX_PIXELS
    counter: PairCounter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in PATHS:
            value = getattr(self, name)
            self._set(name, None if value is None else Path(value))
        for name in LISTS:
            self._set(name, _as_tuple(getattr(self, name)))
        if self.class_names is not None:
            self._set("class_names", as_names(self.class_names, "class_names"))
        if self.trimap_widths is not None:
            self._set("trimap_widths", _as_tuple(self.trimap_widths))
        self._set("counter", self._build_counter())

    def pairing(self) -> Pairing:
        """Return the pairs of files.

        Raises
        ------
        ValueError, OSError
            If files cannot be paired, or some pair with nothing without `allow_missing`.
        """
        panoptic = self.counter.reader.panoptic
        if panoptic is not None and panoptic.sources:
            pairing = pair_panoptic(*panoptic.sides)
        else:
            pairing = pair_files(
                Path(self.preds),
                Path(self.targets),
                pred_suffixes=self.pred_suffixes,
                target_suffixes=self.target_suffixes,
                instances=self.panoptic == "cityscapes",
            )
        if self.instances is not None:
            pairing = add_instances(pairing, Path(self.instances), self.instance_suffixes)
        unpaired = pairing.describe_unpaired()
        if unpaired and not self.allow_missing:
            count = len(pairing.pairs)
            raise ValueError(
                f"{'; '.join(unpaired)}. allow_missing=True goes on with the {count} that "
                f"pair{'s' if count == 1 else ''}"
            )
        return pairing

    def count(self, pair: Pair) -> PairResult:
        """Return the counts of a pair, or what is wrong with its files; it does not raise that."""
        return self.counter.count(pair)

    def plan(self, run: Path | str, shard_images: int = SHARD_IMAGES) -> Plan:
        """Write the list of all images, in shards, to a folder, or return the one that is there.

        The shards are counted by `count_shard` and added up by `merge_shards`.

        Parameters
        ----------
        run : path
            The folder, which is made. It gets ``plan.jsonl``, ``plan.index`` and ``shards/``.
        shard_images : int
            Images of a shard: what a process that dies has to count again.

        Raises
        ------
        ValueError, OSError
            As `pairing`, or if the folder has another plan, or cannot be written to.
        """
        return write_plan(
            Path(run),
            self.pairing(),
            self.counter,
            shard_images,
            {name: getattr(self, name) for name in PATHS if getattr(self, name) is not None},
            self.facts(),
        )

    def facts(self) -> dict[str, str]:
        """Return the options that scores depend on, beside the classes, as text."""
        names = ["colors", "resize", "invalid_preds"]
        if self.label_table is not None:
            names += ["label_table", "map_to"]
        if self.instances is not None:
            names += ["instances", "things", "first_instance"]
        if self.panoptic is not None:
            names += ["panoptic", "label_divisor"]
        values = {name: getattr(self, name) for name in names}
        return {name: str(value) for name, value in values.items() if value is not None}

    def _build_counter(self) -> PairCounter:
        """Return what reads and counts the pairs."""
        table = None if self.label_table is None else read_label_table(self.label_table)
        options = EvaluationOptions(
            map_to=self.map_to,
            colors=None if self.colors is None else as_palette(self.colors),
            resize=self.resize,
            axis=self.axis,
            grid=self.grid,
            threshold=self.threshold,
            key=self.key,
            invalid_preds=self.invalid_preds,
            max_pixels=self.max_pixels,
        )
        if self.panoptic is not None:
            self._check_panoptic()
            classes, panoptic = build_panoptic(
                self.panoptic,
                (Path(self.preds), Path(self.targets)),
                {name: getattr(self, name) for name in ("num_classes", "palette", "class_names")},
                ignore_index=_as_tuple(self.ignore_index),
                groups=self.groups,
                label_divisor=self.label_divisor,
                thing_classes=self.thing_classes,
            )
            measures = (*self._boundary_measures(classes), panoptic.empty_measure(classes.names))
            return PairCounter(PairReader(classes, options, None, panoptic), measures)
        for option in ("label_divisor", "thing_classes"):
            if getattr(self, option) not in (None, ()):
                raise ValueError(f'{option}= is of panoptic="ids"')
        maps_targets = table is not None and options.maps_targets
        self._check_number_of_classes()
        classes = build_classes(
            num_classes=self.num_classes,
            palette=self.palette,
            class_names=self.class_names,
            ignore_index=_as_tuple(self.ignore_index),
            implied_ignore_index=table.ignore_index if table and maps_targets else None,
            groups=self.groups,
        )
        reader = PairReader(classes, options, table)
        return PairCounter(reader, (*self._boundary_measures(classes), *self._instances(classes)))

    def _check_panoptic(self) -> None:
        """Raise for an option that is not of panoptic maps."""
        check_choice(self.panoptic, "panoptic", PANOPTIC_FORMS)
        for option in OF_LABELS:
            if getattr(self, option) is not None:
                raise ValueError(f"{option}= is of label maps, not of panoptic={self.panoptic}")

    def _check_number_of_classes(self) -> None:
        """Raise where nothing says how many classes there are, but a file beside the data does."""
        if (self.num_classes, self.palette, self.class_names) != (None, None, None):
            return
        path = find_dataset_file(Path(self.targets), Path(self.preds))
        if path is not None:
            raise ValueError(
                "how many classes are there? Give num_classes=N, palette=NAME or class_names=: "
                f"{path} has names"
            )

    def _boundary_measures(self, classes: Classes) -> tuple[Accumulator, ...]:
        settings: dict[str, dict[str, Any]] = {}
        for name, (option, argument) in SETTINGS.items():
            value = getattr(self, option)
            if name in self.measures:
                settings[name] = {} if value is None else {argument: value}
            elif value is not None:
                raise ValueError(f"{option}= is of measures={name}")
        for name in self.measures:
            check_choice(name, "measures", tuple(SETTINGS))
        return build_boundary_measures(classes, settings)

    def _instances(self, classes: Classes) -> tuple[Accumulator, ...]:
        if self.instances is None:
            for option in ("things", "first_instance", "instance_suffixes"):
                if getattr(self, option) not in (None, ()):
                    raise ValueError(f"{option}= is of instances=PLACE")
            return ()
        named = [name for name in (self.palette, self.groups) if isinstance(name, str)]
        is_cityscapes = "cityscapes" in named
        return (build_instance_measure(classes, self.things, self.first_instance, is_cityscapes),)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def _as_tuple(values: Any) -> tuple[Any, ...]:
    """Return one value, or several, as a tuple."""
    if isinstance(values, (str, int)):
        return (values,)
    return tuple(values)
