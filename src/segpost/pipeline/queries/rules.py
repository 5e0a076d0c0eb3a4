"""The rules of the processors of query heads, each read from its source code."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from segpost._core.arguments import check_choice

QueryDialect = Literal["mask2former", "maskformer", "oneformer", "eomt", "detectron2"]
QUERY_DIALECTS: tuple[str, ...] = get_args(QueryDialect)
QueryTask = Literal["semantic", "instance", "panoptic"]
QUERY_TASKS: tuple[str, ...] = get_args(QueryTask)

DEFAULT: QueryDialect = "mask2former"
INPUT_STRIDE = 4  # pixels of the network's input from one mask logit to the next


class Rules(NamedTuple):
    """The rules by which a processor makes labels and segments of queries.

    Mask logits are first resized to the score grid, and from there to the result.
    """

    score_grid: tuple[int, int] | None = None  # None: that of the mask logits
    is_input_grid: bool = False  # the score grid is that of the network's input
    sigmoid_last: bool = False  # segments: of logits at the size of the result, not of the grid
    weighs_mask_area: bool = True  # the area of a mask is that of score * probability
    cuts_masks: bool = False  # a pixel below the mask threshold has no segment
    keeps_equal_overlap: bool = False  # a share of exactly the overlap threshold is enough
    argmax_instances: bool = False  # an instance is where its score * logit is the largest
    best_class_only: bool = False  # one instance a query, in the order of queries


RULES: dict[str, Rules] = {
    "mask2former": Rules(score_grid=(384, 384)),
    "maskformer": Rules(),
    "oneformer": Rules(argmax_instances=True),
    "eomt": Rules(
        is_input_grid=True,
        sigmoid_last=True,
        weighs_mask_area=False,
        cuts_masks=True,
        best_class_only=True,
    ),
    "detectron2": Rules(
        is_input_grid=True,
        sigmoid_last=True,
        weighs_mask_area=False,
        cuts_masks=True,
        keeps_equal_overlap=True,
    ),
}


def rules_of(dialect: str) -> Rules:
    """Return the rules of a dialect; those of the default one if it is empty."""
    check_choice(dialect or DEFAULT, "dialect", QUERY_DIALECTS)
    return RULES[dialect or DEFAULT]
