"""Messages of exceptions and warnings in the words of the command line."""

from __future__ import annotations

import re

from segpost._core.text import ErrorText, describe_error
from segpost.render.text import as_printable

# Messages of the API name its arguments. These are the options of the same meaning.
OPTIONS = {
    "class_names": "--class-names",
    "colors": "--colors",
    "dilation_ratio": "--dilation-ratio",
    "first_instance": "--first-instance",
    "grid": "--grid",
    "groups": "--groups",
    "images": "--images",
    "instance_suffixes": "--instance-suffix",
    "inputs": "--input",
    "instances": "--instances",
    "invalid_preds": "--invalid-preds",
    "key": "--key",
    "label_divisor": "--label-divisor",
    "label_table": "--map",
    "map_to": "--map-to",
    "max_pixels": "--max-pixels",
    "measures": "--measure",
    "num_classes": "--num-classes",
    "output": "--output",
    "palette": "--palette",
    "panoptic": "--panoptic",
    "pred_suffixes": "--pred-suffix",
    "preds": "PREDS",
    "resize": "--resize",
    "surface_tolerance": "--surface-tolerance",
    "target_suffixes": "--target-suffix",
    "targets": "TARGETS",
    "thing_classes": "--thing-classes",
    "things": "--things",
    "tolerance": "--tolerance",
    "trimap_widths": "--trimap-widths",
}
# An argument with a word or number as its value, or without a value: `things=`, `resize="nearest"`.
ARGUMENT = re.compile(rf'\b({"|".join(OPTIONS)})=(?:"(\w+)"|(\w[\w.-]*)|(?=[\s:;,]|$))')
REPLACEMENTS = {
    r"\bcall segpost\.postprocess\(logits, threshold=([\d.]+)(, axis=-1)?\)": (
        r"pass --threshold \1"
    ),
    r"\bcall segpost\.postprocess\(logits, threshold=([\d.]+), (?:axis=-1, )?quantization=.*\)": (
        r"pass --threshold \1 --quantization SCALE ZERO"
    ),
    r"\bcall segpost\.postprocess\(logits, threshold=([\d.]+), convention=.*\)": (
        r"save the logits before the sigmoid, and pass --threshold \1"
    ),
    r"\bcall segpost\.ConfusionMatrix\(2\)\.update\(preds, target, threshold=([\d.]+).*\)": (
        r"pass --num-classes 2 --threshold \1"
    ),
    r"\bpass convention=segpost\.Convention\(kind=\"probabilities\"\), with segpost\.softmax.*": (
        "pass --probabilities with --volume; of images leave confidence out of --want, or save "
        "np.log(probabilities), of which they are the softmax"
    ),
    r", or convention=segpost\.Convention\(kind=\"probabilities\"\) to have.*": "",
    r"[;,] (?:or )?(?:pass )?nan=\"propagate\"[^;]*": "",
    r"\ballow_missing=True": "--allow-missing",
    r"\bcheck=False returns": "--no-check writes",
    r"\bcheck=False": "--no-check",
    r"\bstandard=True": "--standard",
    r"\bleave size out": "leave --size out",
    r"\bsize=\(H, W\)": "--size H W",
    r"\bsize=\"(\w+)\"": r"--size \1",
    r"\baxis=(-\d)": r"--axis \1",
    r"\bsize=\((\d+), (\d+)\)": r"--size \1 \2",
    r"\bsize=\((\d+), (\d+), (\d+)\)": r"--size \1 \2 \3",
    r"\bvolume=True": "--volume",
    r"\bnearest_axis=(\d)": r"--nearest-axis \1",
    r"\bquantization=\(scale, zero_point\)": "--quantization SCALE ZERO",
    r"\bthreshold=([\d.]+)": r"--threshold \1",
    r"\bignore_index=(-?\d+)": r"--ignore-index \1",
    r"\bnum_classes is (\d+)": r"--num-classes is \1",
    r"The 19 classes are trainIds; or": (
        "--map cityscapes --map-to both makes trainIds of PREDS and TARGETS, --map-to preds of "
        "PREDS alone; or"
    ),
    r"are preds and target exchanged\?": (
        "are PREDS and TARGETS exchanged? The order is segpost evaluate PREDS TARGETS"
    ),
    r"\bpass preds // 255": (
        '--map FILE --map-to both makes labels of them, with {"0": 0, "255": 1} in a .json file'
    ),
    r"\bpass target // 255": 'pass --map FILE, a .json file of {"0": 0, "255": 1}',
    r"\bPass (?:preds|target) . 1, or (?:preds|target) . 1": (
        "--map reduce_zero_label shifts TARGETS, --map FILE --map-to preds shifts PREDS"
    ),
    r"\bpass preds - 1": "--map FILE --map-to preds shifts them, with a .json file",
    r"19 classes are trainIds": "--map cityscapes makes trainIds of them",
    r"do the labels start at 1\?": "do the labels start at 1? --map reduce_zero_label shifts them",
}


def describe_cli_error(error: BaseException, about: object = "") -> str:
    """Return what an exception says, on one line and in the words of the command line.

    Parameters
    ----------
    error : BaseException
        The exception.
    about : object, optional
        The file that it is about, which is named before it.
    """
    return format_error(describe_error(error, about))


def format_error(text: ErrorText) -> str:
    """Return the text of an error in the words of the command line; names of files stay.

    Control characters of names are escaped: a terminal would obey them.
    """
    return as_printable(str(text._replace(reason=cli_spelling(text.reason))))


def cli_spelling(text: str) -> str:
    """Return a message of the API in the words of the command line.

    Examples
    --------
    >>> from segpost.cli.messages import cli_spelling
    >>> cli_spelling('resize="nearest" fits the prediction to it')
    '--resize nearest fits the prediction to it'
    """
    for pattern, replacement in REPLACEMENTS.items():
        text = re.sub(pattern, replacement, text)
    return ARGUMENT.sub(_spell_argument, text)


def _spell_argument(match: re.Match[str]) -> str:
    """Return an argument of the API, with its value if it has one, as an option."""
    name, word, plain = match.groups()
    return " ".join([OPTIONS[name], *([word or plain] if word or plain else [])])
