"""Saved states as JSON: completeness, a checksum, and one line a measure."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any, NamedTuple, NoReturn

from segpost._core.text import as_unique_keys

VERSION = 2
READABLE_VERSIONS = (1, 2)  # version 1 has neither completeness nor a checksum
MAX_STATE_BYTES = 1 << 30
VALUES_PER_PIECE = 100

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class StateCoverage(NamedTuple):
    """Whether counts are of all the images that they should be of.

    Attributes
    ----------
    complete : bool
        Whether nothing is known to be missing.
    expected : int or None
        Number of images that there should be, where it is known.
    failed : tuple of str or int
        Ids of images without counts.
    """

    complete: bool = True
    expected: int | None = None
    failed: tuple[str | int, ...] = ()


def encode_state(state: dict[str, Any]) -> Iterator[str]:
    """Yield the pieces of a state as one line of JSON with its SHA-256.

    Parameters
    ----------
    state : dict
        Plain data; an iterator in it, or in its `totals`, is written as a list.

    Raises
    ------
    ValueError
        If it is larger than what `decode_state` reads.
    """
    digest, size = hashlib.sha256(), 0
    for piece in _encode_object(state):
        digest.update(piece.encode())
        size += len(piece)
        yield piece
    digest.update(b"}")
    end = f',"sha256":"{digest.hexdigest()}"}}'
    size += len(end)
    if size > MAX_STATE_BYTES:
        raise ValueError(
            f"the state has {size:,} bytes, over the limit of {MAX_STATE_BYTES:,}; "
            "sums() is the state without the counts of images"
        )
    yield end


def decode_state(text: str | bytes, kind: str) -> dict[str, Any]:
    """Return the state of this kind in a text, which may have a line for each measure.

    Raises
    ------
    ValueError
        If the text has no such state, or two of them, is too large, or its checksum is that of
        other content.
    """
    if not isinstance(text, str | bytes):
        cure = ": pass path.read_text()" if isinstance(text, PathLike) else ""
        name = type(text).__name__
        raise TypeError(f"text must be the text of a saved {kind}, got {name}{cure}")
    if len(text) > MAX_STATE_BYTES:
        raise ValueError(
            f"state is {len(text)} bytes, over the limit of {MAX_STATE_BYTES}; not a segpost state"
        )
    try:
        content = text.decode() if isinstance(text, bytes) else text
        states = list(_documents(content))
    except (ValueError, RecursionError) as error:
        cure = ""
        if isinstance(text, str) and text.endswith(".json") and "\n" not in text:
            cure = f"; of a file pass its text, pathlib.Path({text!r}).read_text()"
        raise ValueError(f"not a saved {kind}: {error}{cure}") from error
    of_kind = [
        state for state in states if isinstance(state, dict) and state.get("segpost") == kind
    ]
    if not of_kind:
        other = (
            states[0].get("segpost") if isinstance(states[0], dict) else type(states[0]).__name__
        )
        raise ValueError(f"not a saved {kind}: it says {other!r}")
    if len(of_kind) > 1:
        raise ValueError(f"the text has {len(of_kind)} states of {kind}; load one after the other")
    state: dict[str, Any] = of_kind[0]
    if state.get("version") == VERSION:
        digest = state.pop("sha256", None)
        if digest != hashlib.sha256(_encode(state).encode()).hexdigest():
            raise ValueError(f"damaged {kind}: its checksum is that of other content")
    return state


def read_coverage(state: dict[str, Any]) -> StateCoverage:
    """Return the completeness in a state.

    Raises
    ------
    ValueError, KeyError
        If it cannot be.
    """
    if state["version"] == 1:
        return StateCoverage()
    complete, expected, failed = state["complete"], state["expected"], state["failed"]
    if not isinstance(complete, bool):
        raise ValueError(f"complete is {complete!r}")
    if expected is not None and not (type(expected) is int and expected >= 0):
        raise ValueError(f"expected is {expected!r}")
    if not isinstance(failed, list) or any(type(name) not in (str, int) for name in failed):
        raise ValueError(f"failed is {failed!r}")
    return StateCoverage(complete, expected, tuple(failed))


def merge_coverage(one: StateCoverage, other: StateCoverage) -> StateCoverage:
    """Return the completeness of two parts of a data set together."""
    expected = None
    if one.expected is not None and other.expected is not None:
        expected = one.expected + other.expected
    failed = sorted({*one.failed, *other.failed}, key=id_order)
    return StateCoverage(one.complete and other.complete, expected, tuple(failed))


def id_order(name: str | int | None) -> tuple[bool, int, str]:
    """Sort integers before strings; None, of images without an id, is always the same."""
    return isinstance(name, str), name if isinstance(name, int) else 0, str(name or "")


def read_ids(values: object) -> Sequence[str | int]:
    """Return saved ids.

    Raises
    ------
    ValueError
        If they are no strings and integers, or one is there twice.
    """
    if not isinstance(values, list) or any(type(name) not in (str, int) for name in values):
        raise ValueError("ids must be strings or integers")
    if len(set(values)) < len(values):
        raise ValueError("ids has a name twice")
    return values


def _encode_object(content: dict[str, Any]) -> Iterator[str]:
    """Yield the pieces of an object that is not empty, without its last brace."""
    start = "{"
    for key, value in content.items():
        yield f"{start}{_encode(key)}:"
        if key == "totals":
            yield from _encode_object(value)
            yield "}"
        elif isinstance(value, Iterator):
            yield from _encode_list(value)
        else:
            yield _encode(value)
        start = ","


def _encode_list(values: Iterator[Any]) -> Iterator[str]:
    """Yield the pieces of a list."""
    start = "["
    while some := list(itertools.islice(values, VALUES_PER_PIECE)):
        yield start + _encode(some)[1:-1]
        start = ","
    yield "[]" if start == "[" else "]"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no JSON")


def _documents(text: str) -> Iterator[Any]:
    """Yield the JSON documents in a text, whose keys must all be different."""
    decoder = json.JSONDecoder(object_pairs_hook=as_unique_keys, parse_constant=_refuse_constant)
    position = len(text) - len(text.lstrip())
    while True:
        document, position = decoder.raw_decode(text, position)
        yield document
        rest = text[position : position + 1]
        if not rest.isspace():
            if rest:
                raise ValueError(f"there is more behind its end, at letter {position}")
            return
        position += len(text[position:]) - len(text[position:].lstrip())
        if position == len(text):
            return
