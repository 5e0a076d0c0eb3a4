"""Evaluation of saved predictions: pairing of files, their classes, counting, and the outcome.

Messages of errors name the arguments of these functions.

Examples
--------
>>> import tempfile
>>> from pathlib import Path
>>> import numpy as np
>>> from segpost.evaluation import (
...     CountSum, EvaluationOptions, PairCounter, PairReader, build_classes, count_pairs, pair_files
... )
>>> reader = PairReader(build_classes(num_classes=2), EvaluationOptions())
>>> counter = PairCounter(reader)
>>> total = CountSum(counter.empty_counts)
>>> with tempfile.TemporaryDirectory() as folder:
...     preds, targets = Path(folder, "a_pred.npy"), Path(folder, "a_gt.npy")
...     np.save(preds, np.uint8([[0, 1]]))
...     np.save(targets, np.uint8([[0, 0]]))
...     for result in count_pairs(counter.count, pair_files(preds, targets).pairs):
...         total.add(result.counts)
>>> total.total().cm.matrix
array([[1, 1],
       [0, 0]])
"""

from segpost.evaluation.class_names import NamedClasses, read_class_names
from segpost.evaluation.classes import Classes, build_classes, read_thing_classes
from segpost.evaluation.counting import CountSum, PairCounter, PairCounts, PairResult, count_pairs
from segpost.evaluation.evaluation import Evaluation
from segpost.evaluation.label_maps import LabelTable, read_label_table, resize_nearest
from segpost.evaluation.measures import (
    BOUNDARY_MEASURES,
    build_boundary_measures,
    build_instance_measure,
)
from segpost.evaluation.merging import Coverage, Evaluated, IncompleteError, merge_shards
from segpost.evaluation.options import EvaluationOptions
from segpost.evaluation.outcome import Outcome
from segpost.evaluation.pairing import Pair, Pairing, add_instances, find_images, pair_files
from segpost.evaluation.plan import Plan, PlanError
from segpost.evaluation.reading import PairArrays, PairError, PairReader
from segpost.evaluation.shards import ShardReport, count_shard
from segpost.evaluation.summaries import WorstImage, worst_images

__all__ = [
    "BOUNDARY_MEASURES",
    "Classes",
    "CountSum",
    "Coverage",
    "Evaluated",
    "Evaluation",
    "EvaluationOptions",
    "IncompleteError",
    "LabelTable",
    "NamedClasses",
    "Outcome",
    "Pair",
    "PairArrays",
    "PairCounter",
    "PairCounts",
    "PairError",
    "PairReader",
    "PairResult",
    "Pairing",
    "Plan",
    "PlanError",
    "ShardReport",
    "WorstImage",
    "add_instances",
    "build_boundary_measures",
    "build_classes",
    "build_instance_measure",
    "count_pairs",
    "count_shard",
    "find_images",
    "merge_shards",
    "pair_files",
    "read_class_names",
    "read_label_table",
    "read_thing_classes",
    "resize_nearest",
    "worst_images",
]
