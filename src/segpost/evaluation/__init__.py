"""Evaluation of saved predictions: pairing of files, their classes, counting, and the outcome.

Messages of errors name the arguments of these functions.
"""

from segpost.evaluation.classes import Classes, build_classes, read_thing_classes
from segpost.evaluation.counting import CountSum, PairCounter, PairCounts, PairResult, count_pairs
from segpost.evaluation.label_maps import LabelTable, read_label_table, resize_nearest
from segpost.evaluation.measures import (
    BOUNDARY_MEASURES,
    build_boundary_measures,
    build_instance_measure,
)
from segpost.evaluation.options import EvaluationOptions
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.pairing import Pair, Pairing, add_instances, find_images, pair_files
from segpost.evaluation.reading import PairArrays, PairError, PairReader
from segpost.evaluation.summaries import WorstImage, worst_images

__all__ = [
    "BOUNDARY_MEASURES",
    "Classes",
    "CountSum",
    "EvaluationOptions",
    "LabelTable",
    "Outcome",
    "Pair",
    "PairArrays",
    "PairCounter",
    "PairCounts",
    "PairError",
    "PairReader",
    "PairResult",
    "Pairing",
    "WorstImage",
    "add_instances",
    "build_boundary_measures",
    "build_classes",
    "build_instance_measure",
    "count_pairs",
    "find_images",
    "pair_files",
    "read_label_table",
    "read_thing_classes",
    "resize_nearest",
    "worst_images",
]
