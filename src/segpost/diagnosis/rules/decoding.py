"""Label maps that came as floats, as bits of another type, or as indices of a file's palette."""

from __future__ import annotations

import numpy as np

from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import RuleResult, rule
from segpost.diagnosis.rules.common.cures import array_code
from segpost.diagnosis.values import MIN_PIXELS, format_values
from segpost.render.findings import Rank

MIN_DISAGREEMENT = 0.05  # of an empty target with a prediction of several classes


@rule(
    "float-ids",
    needs="labels|target",
    ranks="hint",
    cure="labels = np.asarray(labels).astype('int64')",
)
def float_ids(context: DiagnosticContext) -> RuleResult | None:
    """Labels or target are floats that hold whole numbers: ids that were converted."""
    for name, reading in context.inputs.readings.items():
        if reading == "whole numbers":
            return RuleResult(
                "hint",
                f"the {name} are floats that hold whole numbers: ids, not logits",
                {"argument": name},
                name,
                f"{name} = {array_code(context, name)}.astype('int64')",
            )
    return None


@rule(
    "ids-divided",
    needs="labels|target",
    ranks="certain",
    cure="target = np.rint(np.asarray(target) * 255).astype('uint8')",
)
def ids_divided(context: DiagnosticContext) -> RuleResult | None:
    """Ids were divided by 255, as ToTensor does with images: times 255 they are whole numbers. Cast
    to integers they would all be 0.
    """
    for name, reading in context.inputs.readings.items():
        if reading == "divided by 255":
            ids = context.target_ids if name == "target" else context.label_ids
            return RuleResult(
                "certain",
                f"the {name} times 255 are the whole numbers {format_values(ids.values)}: they "
                "were divided by 255, as ToTensor does with images",
                {"argument": name, "values": format_values(ids.values)},
                name,
                f"{name} = np.rint({array_code(context, name)} * 255).astype('uint8')  "
                "# from now on torch.from_numpy(np.array(mask))",
            )
    return None


@rule(
    "bits-as-floats",
    needs="labels|target|logits",
    ranks="certain",
    cure="labels = np.asarray(labels).view(np.int32)",
)
def bits_as_floats(context: DiagnosticContext) -> RuleResult | None:
    """A buffer was read as another type: floats below 1e-38 whose bits are small whole numbers, or
    integers whose bits are floats of a plausible size.
    """
    for name, reading in context.inputs.readings.items():
        if reading.startswith("bits of "):
            kind = reading.removeprefix("bits of ")
            return RuleResult(
                "certain",
                f"the bits of the {name} are those of {kind}: the buffer was read as another type",
                {"argument": name, "type": kind},
                name,
                f"{name} = {array_code(context, name)}.view(np.{kind})",
            )
    return None


@rule(
    "target-all-zero",
    needs="predicted target",
    ranks="hint",
    cure="target = np.asarray(mask)  # mask: as it was read; ToTensor divides by 255",
)
def target_all_zero(context: DiagnosticContext) -> RuleResult | None:
    """The target is class 0 everywhere, and several classes are predicted. ToTensor divides a mask
    by 255, and a cast to integers leaves nothing.
    """
    target_ids, predicted = context.known_ids, context.predicted_ids
    if (
        target_ids.values.tolist() != [0]
        or target_ids.pixels < MIN_PIXELS
        or len(predicted.values) < 2
    ):
        return None
    is_other = (predicted.values != 0) & ~np.isin(predicted.values, context.inputs.ignored)
    share = float(predicted.counts[is_other].sum() / predicted.pixels)
    if share < MIN_DISAGREEMENT:
        return None
    return RuleResult(
        "hint",
        f"the target is 0 everywhere, and {share:.1%} of the prediction are other classes: a mask "
        "that ToTensor divided by 255 looks so after a cast to integers",
        {"prediction": format_values(predicted.values), "share": share},
    )


@rule(
    "indices-of-file-palette",
    needs="labels color decoded palette",
    ranks="certain likely",
    cure="labels = segpost.labels_from_colors(color, palette)",
)
def indices_of_file_palette(context: DiagnosticContext) -> RuleResult | None:
    """The indices of the file count the colors of its own palette; the colors are right, and by the
    palette they mean other classes.
    """
    metadata, decoded = context.inputs.metadata.get("labels"), context.inputs.decoded
    if metadata is None or metadata.palette is None or decoded is None:
        return None
    if decoded.shape != context.labels.shape or np.array_equal(decoded, context.labels):
        return None
    ids = np.unique(context.labels)
    if len(np.unique(metadata.palette[ids], axis=0)) != len(ids):
        return None
    target = context.inputs.target
    rank: Rank = "likely"
    if target is not None and target.shape == decoded.shape:
        as_colors, as_indices = ((a == target).mean() for a in (decoded, context.labels))
        if as_colors <= as_indices:
            return None
        rank = "certain"
    return RuleResult(
        rank,
        f"the colors of the file are the palette's, and mean {format_values(np.unique(decoded))}; "
        f"its indices {format_values(ids)} count the colors of its own palette",
        {"indices": format_values(ids), "classes": format_values(np.unique(decoded))},
        "the file of labels",
        "labels = segpost.labels_from_colors(np.asarray(labels.convert('RGB')), palette)",
    )


@rule(
    "target-local-palette",
    needs="target palette",
    ranks="certain likely",
    cure="target = segpost.labels_from_colors(np.asarray(target.convert('RGB')), palette)",
)
def target_local_palette(context: DiagnosticContext) -> RuleResult | None:
    """The indices of the target's file count the colors of its own palette, which mean other
    classes by the palette that was passed.
    """
    metadata = context.inputs.metadata.get("target")
    if metadata is None or metadata.palette is None:
        return None
    ids = context.target_ids.values
    if ids.max() >= len(metadata.palette):
        return None
    colors = {tuple(color): k for k, color in enumerate(context.palette.colors.tolist())}
    void = context.inputs.ignored
    own = [colors.get(tuple(metadata.palette[k].tolist())) for k in ids.tolist() if k not in void]
    class_ids = [k for k in ids.tolist() if k not in void]
    if None in own or own == class_ids or len(set(own)) < 2:
        return None
    rank: Rank = "likely"
    if context.inputs.predicted is not None and context.predicted.shape == context.target.shape:
        table = dict(zip(class_ids, own, strict=True))
        seen = np.array([table.get(k, -1) for k in range(int(ids.max()) + 1)])
        decoded = seen[context.target]
        is_decoded = decoded >= 0
        as_colors = float((decoded == context.predicted)[is_decoded].mean())
        as_indices = float((context.target == context.predicted)[is_decoded].mean())
        if as_colors <= as_indices:
            return None
        rank = "certain" if as_colors > 0.5 else "likely"
    return RuleResult(
        rank,
        f"the colors of the target's file mean {format_values(own)}; its indices "
        f"{format_values(class_ids)} count the colors of its own palette",
        {"indices": format_values(class_ids), "classes": format_values(own)},
        "the file of target",
        "target = segpost.labels_from_colors(np.asarray(target.convert('RGB')), palette)",
    )
