"""The names that arguments take, as types: for variables and functions that pass them on.

``def show(grid: Grid, want: tuple[Want, ...]) -> None`` accepts what `segpost.postprocess` accepts,
and no other string. A function that takes any result of it has a parameter `Segmentation`.
"""

from segpost._backends.registry import BackendName
from segpost._core.arguments import Check, ColorBy, Corner, NanRule
from segpost._core.sampling import Grid
from segpost.color.datasets import PaletteName
from segpost.crf.settings import Method, Quality, Unary
from segpost.crf.terms import Normalization, PresetName
from segpost.evaluation.options import MapTo
from segpost.evaluation.panoptic import PanopticForm
from segpost.fingerprints.diff import Verdict
from segpost.fingerprints.summary import Precision
from segpost.labels.masks import MaskEncoding
from segpost.labels.resizing import LabelResizeMode
from segpost.metrics.arguments import Duplicates
from segpost.metrics.dialects import DialectName
from segpost.metrics.distance_dialects import DistanceDialectName
from segpost.metrics.matrix import InvalidPreds, InvalidTarget
from segpost.metrics.panoptic.matching import PanopticDialect
from segpost.metrics.policy import Absent, IgnoredClass, MeanOver, PredictedOnly
from segpost.metrics.scores import JsonLayout, PlotKind
from segpost.metrics.values import ClassScore, ScoreAverage, ShareOf
from segpost.metrics.weights import WeightMethod
from segpost.pipeline.decoding import Decoding
from segpost.pipeline.options import ConfidenceDtype, ConfidenceMode, ProbabilitiesDtype
from segpost.pipeline.queries.rules import QueryDialect, QueryTask
from segpost.pipeline.results import Want
from segpost.render.findings import Rank
from segpost.runtimes.convention import OutputKind
from segpost.runtimes.table import ConventionName
from segpost.spatial.merger import Average, Flip
from segpost.spatial.network_input import Align, ChannelOrder, InputDtype, Layout, ResizeMode
from segpost.spatial.window_weights import WeightDialect

__all__ = [
    "Absent",
    "Align",
    "Average",
    "BackendName",
    "ChannelOrder",
    "Check",
    "ClassScore",
    "ColorBy",
    "ConfidenceDtype",
    "ConfidenceMode",
    "ConventionName",
    "Corner",
    "Decoding",
    "DialectName",
    "DistanceDialectName",
    "Duplicates",
    "Flip",
    "Grid",
    "IgnoredClass",
    "InputDtype",
    "InvalidPreds",
    "InvalidTarget",
    "JsonLayout",
    "LabelResizeMode",
    "Layout",
    "MapTo",
    "MaskEncoding",
    "MeanOver",
    "Method",
    "NanRule",
    "Normalization",
    "OutputKind",
    "PaletteName",
    "PanopticDialect",
    "PanopticForm",
    "PlotKind",
    "Precision",
    "PredictedOnly",
    "PresetName",
    "ProbabilitiesDtype",
    "Quality",
    "QueryDialect",
    "QueryTask",
    "Rank",
    "ResizeMode",
    "ScoreAverage",
    "ShareOf",
    "Unary",
    "Verdict",
    "Want",
    "WeightDialect",
    "WeightMethod",
]
