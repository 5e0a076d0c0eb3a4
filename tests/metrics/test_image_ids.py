"""Measures beside the matrix: no image is counted twice, whatever is added in what order."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matrix_maps import maps

import segpost
from segpost.metrics.counts import ImageCounts
from segpost.metrics.image_table import ImageTable

PREDS, TARGET = maps(4)
PREDS = np.minimum(PREDS, 4)
INSTANCES = np.arange(TARGET.size, dtype=np.int32).reshape(TARGET.shape) + 1
MEASURES: dict[str, Callable[..., Any]] = {
    "BoundaryIoU": lambda **options: segpost.BoundaryIoU(5, ignore_index=255, **options),
    "SurfaceDistance": lambda **options: segpost.SurfaceDistance(5, ignore_index=255, **options),
    "TrimapIoU": lambda **options: segpost.TrimapIoU(5, ignore_index=255, **options),
    "BoundaryF": lambda **options: segpost.BoundaryF(5, ignore_index=255, **options),
    "InstanceIoU": lambda **options: segpost.InstanceIoU(
        5, things={1: 4.0, 2: 3.0}, ignore_index=255, **options
    ),
}


def count_with_ids(name: str, which: list[int], ids: bool = True, **options: Any) -> Any:
    """A measure of some images."""
    measure = MEASURES[name](**options)
    arrays = [PREDS[which], TARGET[which]]
    if name == "InstanceIoU":
        arrays.append(INSTANCES[which])
    measure.update(*arrays, ids=[f"i{k}" for k in which] if ids else None)
    return measure


@pytest.mark.parametrize("name", MEASURES)
def test_repetitions_are_errors(name: str) -> None:
    """In updates and in sums; nothing changes then, and all images have ids or none has."""
    measure = count_with_ids(name, [0, 1])
    before = measure.to_json()
    arrays = (PREDS[:1], TARGET[:1], *([INSTANCES[:1]] if name == "InstanceIoU" else []))
    repetitions: list[tuple[Callable[[], object], str]] = [
        (lambda: measure.update(*arrays, ids="i0"), "ids has 'i0' twice.*drop"),
        (lambda: measure.merge_state(count_with_ids(name, [2, 1])), "ids has 'i1' twice"),
        (lambda: measure.update(*arrays), "all images or for none"),
        (lambda: measure.update(*arrays, ids=["x", "y"]), "2 names for 1 images"),
        (
            lambda: measure.merge_state(count_with_ids(name, [2], ids=False)),
            "all images or for none",
        ),
    ]
    for again, message in repetitions:
        with pytest.raises(ValueError, match=message):
            again()
    assert measure.to_json() == before
    assert count_with_ids(name, [0, 1], ids=False) == measure.sums()


@pytest.mark.parametrize("name", MEASURES)
def test_repetitions_are_left_out(name: str) -> None:
    """With duplicates="drop" every image is in a sum once, and other counts are an error."""

    def part(which: list[int]) -> Any:
        return count_with_ids(name, which, duplicates="drop")

    whole = part([0, 1, 2])
    assert part([0, 1, 0]) + part([2, 0]) == whole == part([2, 1]) + part([1, 0])
    assert whole.sums()._dump() == count_with_ids(name, [0, 1, 2], ids=False)._dump()
    other = MEASURES[name](duplicates="drop")
    arrays = (PREDS[3:], TARGET[3:], *([INSTANCES[3:]] if name == "InstanceIoU" else []))
    other.update(*arrays, ids="i0")
    with pytest.raises(ValueError, match="other counts the second time"):
        whole += other


@pytest.mark.parametrize("duplicates", ["raise", "drop"])
@pytest.mark.parametrize("name", MEASURES)
def test_ids_are_saved(name: str, duplicates: str) -> None:
    """JSON, pickle and copies have them; the order of images changes no byte."""
    measure = count_with_ids(name, [0, 1, 2], duplicates=duplicates)
    text = measure.to_json()
    assert count_with_ids(name, [2, 0, 1], duplicates=duplicates).to_json() == text
    same = [type(measure).from_json(text), pickle.loads(pickle.dumps(measure)), measure.copy()]
    for one in same:
        assert one == measure
        if duplicates == "raise":
            with pytest.raises(ValueError, match="twice"):
                one += measure
        else:
            one += measure
            assert one == measure
    damaged = json.loads(text)["totals"]
    if duplicates == "drop":
        damaged["images"] = damaged["images"][1:]
        with pytest.raises(ValueError, match="do not add up"):
            measure.load_state_dict({**measure.state_dict(), "totals": damaged})
    else:
        damaged["ids"] = ["a", "a"]
        with pytest.raises(ValueError, match="a name twice"):
            measure.load_state_dict({**measure.state_dict(), "totals": damaged})


def image(name: str | None, count: int = 1) -> ImageCounts:
    """Counts of an image of one pixel."""
    pairs = {(0, 9): count} if count > 1 else {}
    return ImageCounts(name, np.array([2]), np.array([count]), pairs)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (Path("a.png"), r"strings or integers, got .*; pass os\.fsdecode\(id\)"),
        ([b"a.png"], r"strings or integers, got b'a\.png'; pass os\.fsdecode\(id\)"),
        (iter(["a.png"]), r"a sequence, got an iterator; pass list\(ids\)"),
        ([1.5], "an integer, got 1.5"),
        ([True], "an integer, got True"),
    ],
)
def test_ids_that_are_no_names(ids: Any, message: str) -> None:
    """Paths, bytes and iterators have a cure."""
    cm, label_map = segpost.ConfusionMatrix(2), np.zeros((2, 2), np.uint8)
    with pytest.raises(TypeError, match=f"ids must be {message}"):
        cm.update(label_map, label_map, ids=ids)
    cm.update(label_map, label_map, ids=os.fsdecode(Path("a.png")))  # the cures
    cm.update(label_map, label_map, ids=os.fsdecode(b"b.png"))
    assert [image.id for image in cm.images] == ["a.png", "b.png"]


def test_switches_are_no_words() -> None:
    """A word is not True."""
    with pytest.raises(TypeError, match="per_image must be True or False, got 'no'"):
        segpost.ConfusionMatrix(2, per_image="no")  # type: ignore[arg-type]
    assert segpost.ConfusionMatrix(2, per_image=np.True_).per_image is True  # type: ignore[arg-type]


def test_tables_do_not_change() -> None:
    """A table that others were extended from keeps its images; two extensions know only theirs."""
    empty = ImageTable(9)
    one = empty.extended([image("a")])
    two, other = one.extended([image("b")]), one.extended([image("c", 2**40)])
    assert [table.ids for table in (empty, one, two, other)] == [[], ["a"], ["a", "b"], ["a", "c"]]
    assert (one.find("b"), two.find("b"), other.find("b"), other.find("c")) == (None, 1, None, 1)
    assert int(other[1].counts[0]) == 2**40
    assert other[-1].outside == {(0, 9): 2**40}
    assert (one[0].outside, two == one, two == one.extended([image("b")])) == ({}, False, True)
    assert pickle.loads(pickle.dumps(other)) == other
    joined = two.extended_by(other.pack(), ["x", "y"])
    assert [int(one.counts[0]) for one in joined] == [1, 1, 1, 2**40]
    with pytest.raises(IndexError, match="no image 4 among 4"):
        joined[4]


def test_tables_extended_by_bytes_do_not_change() -> None:
    """The same of an image as bytes, behind fewer images than there are, or behind wide counts."""
    image = ImageCounts(None, np.array([2]), np.array([7]), {})
    packed = np.array([2], "u2").tobytes(), np.array([7], "u4").tobytes()
    wide = image._replace(counts=np.array([2**40]))
    for first in (ImageTable(9), ImageTable(9).extended([image]), ImageTable(9).extended([wide])):
        second = first.extended_by_bytes(*packed)
        other = first.extended_by_bytes(*packed).extended_by_bytes(*packed)
        assert (len(second) - len(first), len(other) - len(first)) == (1, 2)
        assert second == first.extended([image])
        assert other == first.extended([image, image])


def test_a_table_is_loaded_once_and_late() -> None:
    """A deferred table knows its length without being loaded."""
    calls = []

    def load() -> ImageTable:
        calls.append(1)
        return ImageTable(9).extended([image("a"), image("b")])

    table = ImageTable.deferred(9, 2, True, load)
    assert (len(table), table.has_ids, calls) == (2, True, [])
    assert (table.ids, [one.id for one in table], calls) == (["a", "b"], ["a", "b"], [1])
    with pytest.raises(ValueError, match="2 images were loaded, expected 3"):
        ImageTable.deferred(9, 3, True, load).pack()


def test_an_interrupted_extension_leaves_nothing() -> None:
    """A Ctrl-C between two columns: the next extension begins behind the images that count."""
    table = ImageTable(9).extended([image("a")])
    columns = table._load_columns()
    columns.ids.append("b")
    columns.index_of_id["b"] = 1
    columns.cells += b"\1\0"
    assert table.find("b") is None
    after = table.extended([image("c")])
    assert (after.ids, after.find("b"), len(after)) == (["a", "c"], None, 2)
    assert [one.cells.tolist() for one in after] == [[2], [2]]


def test_a_sum_of_many_parts_copies_no_images() -> None:
    """Each step of `sum` adds the images of one part to the columns of the parts before it."""
    parts = []
    for k in range(50):
        cm = segpost.ConfusionMatrix(5, ignore_index=255)
        cm.update(PREDS[0], TARGET[0], ids=k)
        parts.append(cm)
    first = parts[0] + parts[1]
    columns = first._images._load_columns()
    total = sum(parts[2:], start=first)
    assert total._images._load_columns() is columns
    assert (len(first.images), len(total.images)) == (2, 50)
