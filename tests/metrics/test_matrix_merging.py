"""ConfusionMatrix: parts of a data set add up to the whole, and no image is counted twice."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matrix_maps import count_maps, maps
from numpy.testing import assert_array_equal

import segpost
from segpost import ConfusionMatrix


@given(st.data())
def test_any_split_and_order_gives_the_same_bytes(data: st.DataObject) -> None:
    """Parts of the images, merged in any order: the JSON is that of the whole."""
    images = data.draw(st.integers(1, 8))
    preds, target = maps(images, data.draw(st.integers(0, 1000)))
    named = data.draw(st.booleans())

    def count(which: list[int]) -> ConfusionMatrix:
        cm = ConfusionMatrix(5, ignore_index=255)
        cm.update(preds[which], target[which], ids=[f"i{k}" for k in which] if named else None)
        return cm

    order = data.draw(st.permutations(range(images)))
    cuts = sorted(data.draw(st.lists(st.integers(0, images), max_size=3)))
    bounds = [0, *cuts, images]
    parts = [count(order[a:b]) for a, b in itertools.pairwise(bounds)]
    parts = [part for part in parts if part.pixels]
    merged = sum(data.draw(st.permutations(parts)), start=ConfusionMatrix(5, ignore_index=255))
    assert merged.to_json() == count(list(range(images))).to_json()


def test_the_ways_to_add_agree() -> None:
    """+, +=, merge_state and sum; none of them changes its right side."""
    a, b = count_maps(3, 1), count_maps(2, 2)
    text = b.to_json()
    total = a + b
    assert sum([a, b]) == total
    merged = a.copy()
    merged.merge_state(b)
    assert merged == total
    a += b
    assert a == total
    assert b.to_json() == text


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (ConfusionMatrix(4, ignore_index=255), "num_classes is 5 and 4"),
        (ConfusionMatrix(5), "ignore_index"),
        (ConfusionMatrix(5, ignore_index=255, class_names=list("abcde")), "class_names"),
        (ConfusionMatrix(5, ignore_index=255, per_image=True), "per_image"),
    ],
)
def test_other_settings_do_not_add(other: ConfusionMatrix, message: str) -> None:
    """Two data sets with other classes or void are not summed; the difference is named."""
    cm = count_maps()
    before = cm.to_json()
    with pytest.raises(ValueError, match=message):
        cm += other
    with pytest.raises(TypeError, match="cannot add BoundaryIoU"):
        cm.merge_state(segpost.BoundaryIoU(5))  # type: ignore[arg-type]
    assert cm.to_json() == before


def test_ids_count_no_image_twice() -> None:
    """A repeated id is an error or is left out, in updates and in merges, in any order."""
    preds, target = maps(3)
    cm = ConfusionMatrix(5, ignore_index=255)
    cm.update(preds, target, ids=["a", "b", "c"])
    before = cm.to_json()
    with pytest.raises(ValueError, match=r"ids has 'b' twice.*drop"):
        cm.update(preds[1:2], target[1:2], ids="b")
    with pytest.raises(ValueError, match="all images or for none"):
        cm.update(preds, target)
    with pytest.raises(ValueError, match="2 names for 3 images"):
        cm.update(preds, target, ids=["x", "y"])
    assert cm.to_json() == before

    def part(which: list[int]) -> ConfusionMatrix:
        dropping = ConfusionMatrix(5, ignore_index=255, duplicates="drop")
        dropping.update(preds[which], target[which], ids=[f"i{k}" for k in which])
        return dropping

    padded = part([0, 1, 0]) + part([2, 0])
    assert padded == part([2, 0]) + part([1, 0]) == part([0, 1, 2])
    assert_array_equal(padded.state, count_maps(3).state)
    other = ConfusionMatrix(5, ignore_index=255, duplicates="drop")
    other.update(preds[1:2], target[1:2], ids="i0")
    with pytest.raises(ValueError, match="other counts the second time"):
        padded += other


def test_a_matrix_is_added_to_itself() -> None:
    """Without ids every image counts twice; with ids it is a repetition."""
    cm = count_maps(2, per_image=True)
    total = cm.state.copy()
    cm += cm
    assert len(cm.images) == 4
    assert_array_equal(cm.state, 2 * total)
    named = ConfusionMatrix(5, ignore_index=255)
    named.update(*maps(2), ids=["a", "b"])
    with pytest.raises(ValueError, match="ids has 'a' twice"):
        named += named


def test_sums_beyond_int64_are_refused() -> None:
    """Nothing wraps: neither in updates nor in merges."""
    cm = ConfusionMatrix(2)
    cm.state[0, 0] = 2**62 + 5
    before = cm.to_json()
    with pytest.raises(OverflowError, match="beyond int64"):
        cm += cm.copy()
    assert cm.to_json() == before
