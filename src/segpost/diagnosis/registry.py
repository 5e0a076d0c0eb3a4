"""The order of the diagnostic rules, and the function that applies them."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from segpost.diagnosis.context import DiagnosticContext
from segpost.diagnosis.rule import Rule
from segpost.diagnosis.rules import (
    argmaxes,
    classes,
    decoding,
    geometry,
    heads,
    inputs,
    labels,
    layouts,
    logits,
    palettes,
    resampling,
    targets,
)
from segpost.render.findings import Finding, sort_findings

MODULES = (
    layouts,
    decoding,
    logits,
    heads,
    resampling,
    argmaxes,
    labels,
    palettes,
    targets,
    classes,
    geometry,
    inputs,
)

# A rule that explains a mistake comes before the rules that only describe it (`unless`).
ORDER = (
    # layouts
    "class-axis",
    "reshape-not-transpose",
    # decoding
    "bits-as-floats",
    "ids-divided",
    "float-ids",
    "indices-of-file-palette",
    "target-local-palette",
    "target-all-zero",
    # logits
    "nan-logits",
    "infinite-logits",
    "no-class-possible",
    "other-number-of-classes",
    "quantized-logits",
    "softmax-twice",
    "probabilities-as-logits",
    "sigmoid-as-logits",
    "untrained-head",
    "constant-logits",
    "runs-differ",
    "dead-class",
    # heads
    "softmax-wrong-axis",
    "wrapped-logits",
    "symmetric-logits",
    "sigmoid-twice",
    "one-channel",
    "threshold-on-logits",
    # resampling
    "blocky-logits",
    # argmaxes
    "wrong-argmax-axis",
    "reshaped-labels",
    "transposed-labels",
    "argmax-times-255",
    "cast-before-argmax",
    "threshold-before-argmax",
    "letterbox-not-removed",
    "argmax-before-resize",
    "labels-on-another-grid",
    "labels-of-other-logits",
    # labels
    "one-class",
    "labels-0-255",
    "interpolated-labels",
    "labels-stretched",
    "labels-luma",
    "labels-outside",
    "no-palette-in-file",
    "lossy-label-file",
    "blocky-labels",
    # palettes
    "palette-of-0-1",
    "palette-black",
    "palette-too-short",
    "names-shifted",
    "palette-of-other-dataset",
    "ids-as-grey",
    "picture-black",
    "red-blue-swapped",
    "colors-shifted",
    "colors-unknown",
    "colors-of-other-labels",
    # targets
    "target-is-a-picture",
    "target-0-255",
    "void-not-ignored",
    "target-interpolated",
    "target-stretched",
    "target-luma",
    "target-labelid",
    "target-one-too-many",
    "target-outside",
    "target-all-void",
    # classes
    "labelid-for-trainid",
    "reduce-zero-label-missing",
    "reduce-zero-label-twice",
    "class-offset",
    "inverted-mask",
    "ids-wrapped",
    "classes-permuted",
    "no-common-class",
    # geometry
    "height-width-swapped",
    "turned",
    "letterbox",
    "shifted",
    "tiles-exchanged",
    "pictures-exchanged",
    "wrong-grid",
    "size-mismatch",
    "another-number-of-images",
    "exif-orientation",
    # inputs
    "input-not-finite",
    "input-constant",
    "input-reshaped",
    "input-bgr",
    "input-channels-mixed",
    "input-flipped",
    "input-of-other-image",
    "input-normalization",
    "input-range",
)


def collect_rules(modules: Iterable[ModuleType], order: tuple[str, ...]) -> dict[str, Rule]:
    """Return the rules that modules define by code, in the given order.

    Raises
    ------
    ValueError
        If the order misses the code of a rule, names a code that no rule has or a code twice, or if
        two rules have one code.
    """
    rules = [value for module in modules for value in vars(module).values() if type(value) is Rule]
    codes = [entry.code for entry in rules]
    if sorted(codes) != sorted(order):
        odd = sorted(code for code in {*codes, *order} if codes.count(code) != 1
                     or order.count(code) != 1)  # fmt: skip
        raise ValueError(f"each code must belong to one rule and to one place in the order: {odd}")
    by_code = {entry.code: entry for entry in rules}
    return {code: by_code[code] for code in order}


TABLE = collect_rules(MODULES, ORDER)


def examine(context: DiagnosticContext) -> tuple[Finding, ...]:
    """Apply every rule whose inputs are there; return the findings, the most certain first."""
    findings: dict[str, Finding] = {}
    for code, entry in TABLE.items():
        if any(other in findings for other in entry.unless) or not has_inputs(entry, context):
            continue
        result = entry.check(context)
        if result is not None:
            findings[code] = Finding(
                code=code,
                rank=result.rank,
                message=result.message,
                evidence=result.evidence,
                cure=result.cure or entry.cure,
                where=result.where,
            )
    return sort_findings(_without_consequences(findings))


def _without_consequences(findings: dict[str, Finding]) -> list[Finding]:
    """Return the findings but those that a certain or likely cause among them explains."""
    causes = {code for code, finding in findings.items() if finding.rank != "hint"}
    return [
        finding
        for code, finding in findings.items()
        if not causes.intersection(TABLE[code].consequence_of)
    ]


def has_inputs(entry: Rule, context: DiagnosticContext) -> bool:
    """Return whether the context has every input that a rule needs."""
    return all(
        any(getattr(context.inputs, name) is not None for name in need.split("|"))
        for need in entry.needs
    )
