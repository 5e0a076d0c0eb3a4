"""`Segmentation.draw`: classes and segments over the image, and the pictures of segments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from query_heads import structured_head

import segpost
from segpost.color.distinct import color_of_instance

pytest.importorskip("PIL")

SIZE = (90, 120)
IMAGE = np.full((*SIZE, 3), 100, np.uint8)
PLAIN: dict[str, Any] = {"text": False, "boxes": False, "legend": False}
HEAD = structured_head(0)


def classes(**options: Any) -> segpost.Segmentation[Any, Any]:
    """Labels of noise that is smooth at this size."""
    logits = np.random.default_rng(0).normal(size=(5, 6, 8)).astype(np.float32)
    return segpost.postprocess(logits, image=IMAGE, **options)


def segments(task: Any = "panoptic", **options: Any) -> segpost.Segmentation[Any, Any]:
    """Segments of a head of queries, with an image."""
    return segpost.segment_queries(
        HEAD.classes, HEAD.masks, task=task, dialect="maskformer", image=IMAGE, **options
    )


def test_classes_are_drawn_over_the_overlay() -> None:
    """Without text and legend it is the overlay; both are written over it."""
    seg = classes(palette="voc", want=("labels", "overlay"))
    assert_array_equal(seg.draw(**PLAIN), seg.overlay)
    whole = classes().draw(**PLAIN)
    assert_array_equal(whole, segpost.overlay(IMAGE, classes().labels, segpost.Palette.distinct(5)))
    written = seg.draw()
    differs = (written != seg.overlay).any(axis=-1)
    assert 0.01 < differs.mean() < 0.7
    other = np.zeros_like(IMAGE)
    assert_array_equal(seg.draw(other, **PLAIN), segpost.overlay(other, seg.labels, "voc"))


def test_ignored_labels_have_the_color_of_void_and_no_name() -> None:
    """The picture of a map with 255 is that of `overlay`, whatever is written."""
    labels = np.full(SIZE, 255, np.uint8)
    labels[:40, :50] = 3
    seg = segpost.Segmentation(labels=labels, palette=segpost.Palette.named("voc"), image=IMAGE)
    expected = segpost.overlay(IMAGE, labels, "voc")
    assert_array_equal(seg.draw(**PLAIN), expected)
    assert_array_equal(seg.draw(legend=False)[50:], expected[50:])
    assert_array_equal(seg.draw(color_by="instance", **PLAIN)[50:], expected[50:])


def test_segments_have_colors_of_their_own_or_of_their_class() -> None:
    """By instance: every id its color; by class: that of the palette."""
    for task in ("panoptic", "instance"):
        seg = segments(task, palette="cityscapes")
        assert seg.labels.shape == SIZE
        ids = np.array([0, *(segment.label for segment in seg.segments)])
        picture = seg.draw(alpha=1, **PLAIN)
        for segment in seg.segments:
            mask = seg.labels == segment.id
            assert (picture[mask] == color_of_instance(segment.id - 1)).all()
        assert_array_equal(picture[seg.labels == 0], IMAGE[seg.labels == 0])
        picture = seg.draw(alpha=1, color_by="class", **PLAIN)
        colors = segpost.Palette.named("cityscapes").colors[ids[seg.labels]]
        is_segment = seg.labels != 0
        assert_array_equal(picture[is_segment], colors[is_segment])
        assert len(seg.segments) > 1


def test_texts_of_segments_are_names_and_scores() -> None:
    """The same picture as with these texts."""
    seg = segments("instance", palette="cityscapes")
    names = segpost.Palette.named("cityscapes").names
    assert names is not None
    present = [segment for segment in seg.segments if segment.area]
    texts = [f"{names[segment.label]}  {segment.score:.2f}" for segment in present]
    assert_array_equal(seg.draw(scale=0.6), seg.draw(text=texts, scale=0.6))
    assert (seg.draw(scale=0.6) != seg.draw(text=False)).any()


def test_other_pictures_of_segments_show_ids() -> None:
    """A legend, an indexed PNG and a figure do not take ids for classes."""
    from segpost.pipeline.display import legend_of, picture_of

    seg = segments(palette="cityscapes")
    first = seg.segments[0]
    named = {entry.name: entry.color for entry in legend_of(seg)}
    name = segpost.Palette.named("cityscapes").name(first.label)
    assert named[f"1 {name}"] == color_of_instance(0)
    picture = picture_of(seg)
    assert picture is not None
    assert (picture[seg.labels == 1] == color_of_instance(0)).all()
    assert f"1 {name}" in repr(seg) or len(named) > 3


def test_batches_of_segments_are_described() -> None:
    """An id has other classes in another image: its name is the id."""
    from segpost.pipeline.display import legend_of

    for count, name in ((1, "1 "), (2, "segment 1")):
        batch = segpost.segment_queries(
            np.repeat(HEAD.classes[None], count, 0),
            np.repeat(HEAD.masks[None], count, 0),
            task="panoptic",
            dialect="maskformer",
            palette="cityscapes",
        )
        assert any(entry.name.startswith(name) for entry in legend_of(batch))
        assert "no segment" in repr(batch) or len(legend_of(batch)) > 3
        assert batch._repr_html_() is not None


def test_regions_of_segments_have_classes_and_scores() -> None:
    """One for each segment that has pixels, in order of the ids; of a batch a tuple."""
    for task in ("panoptic", "instance"):
        seg = segments(task, want=("labels", "regions"))
        present = [one for one in seg.segments if one.area]
        assert seg.regions.labels.tolist() == [one.label for one in present]
        assert seg.regions.areas.tolist() == [one.area for one in present]
        assert [tuple(box) for box in seg.regions.boxes.tolist()] == [one.box for one in present]
        scores = [one["score"] for one in seg.regions.coco(image_id=1)]
        assert scores == [one.score for one in present]
        assert_array_equal(seg.regions[0].mask(), seg.labels == present[0].id)
    batch = segpost.segment_queries(
        HEAD.classes[None], HEAD.masks[None], task="instance", want=("regions",)
    )
    assert batch.labels is None
    assert len(batch.regions) == 1
    assert batch[0].regions == batch.regions[0]
    with pytest.raises(ValueError, match=r"has labels, segments and regions, got want=\['color'\]"):
        segments(want=("color",))


def test_ids_without_a_segment_are_an_error() -> None:
    """The message says which."""
    seg = segpost.Segmentation(labels=np.full(SIZE, 4, np.uint8), segments=(), image=IMAGE)
    with pytest.raises(ValueError, match="1 ids without a segment, first 4; segments have 0"):
        seg.draw()


def test_indexed_png_of_segments(tmp_path: Any) -> None:
    """Its pixels are ids, its colors those of instances."""
    from PIL import Image

    seg = segments(palette="cityscapes")
    seg.save(tmp_path / "labels.png")
    with Image.open(tmp_path / "labels.png") as image:
        assert_array_equal(np.asarray(image), seg.labels)
        colors = np.asarray(image.convert("RGB"))
    assert (colors[seg.labels == 1] == color_of_instance(0)).all()


def test_queries_take_the_size_of_the_image() -> None:
    """As `postprocess`; an image of another size than `size` is an error."""
    assert segments().labels.shape == SIZE
    assert segments(size=SIZE).image is not None
    with pytest.raises(ValueError, match=r"does not fit labels of 1 x \(40, 50\)"):
        segments(size=(40, 50))
    batch = segpost.segment_queries(
        HEAD.classes[None], HEAD.masks[None], task="panoptic", image=IMAGE[None]
    )
    assert_array_equal(batch.draw(), batch[0].draw())


def test_a_batch_of_one_is_its_image() -> None:
    """Of several images each is drawn."""
    logits = np.random.default_rng(0).normal(size=(1, 5, 6, 8)).astype(np.float32)
    one = segpost.postprocess(logits, size=SIZE)
    assert_array_equal(one.draw(IMAGE), one[0].draw(IMAGE))
    assert_array_equal(one.draw(IMAGE[None]), one[0].draw(IMAGE))
    with pytest.raises(ValueError, match=r"image\[0\] of a batch of one, got shape \(2, 90"):
        one.draw(np.stack([IMAGE, IMAGE]))
    two = segpost.postprocess(np.repeat(logits, 2, axis=0), size=SIZE)
    with pytest.raises(ValueError, match=r"draw seg\[0\], seg\[1\]"):
        two.draw(IMAGE)


def test_what_cannot_be_drawn() -> None:
    """No image, no labels, another size."""
    labels = np.zeros(SIZE, np.uint8)
    with pytest.raises(ValueError, match=r"no image to draw on: seg\.draw\(image\)"):
        segpost.Segmentation(labels=labels).draw()
    with pytest.raises(ValueError, match='want=\\("labels"'):
        segpost.Segmentation(confidence=labels.astype(np.float32)).draw(IMAGE)
    with pytest.raises(ValueError, match="90 x 120 pixels of the labels, got 90 x 100"):
        segpost.Segmentation(labels=labels).draw(IMAGE[:, :100])
    with pytest.raises(ValueError, match=r"values outside 0\.\.2, first 9"):
        segpost.Segmentation(labels=labels + 9, palette=segpost.Palette.distinct(3)).draw(IMAGE)


def test_the_picture_is_of_the_labels_kind() -> None:
    """Tensors give a tensor."""
    torch = pytest.importorskip("torch")
    logits = torch.randn(5, 6, 8)
    picture = segpost.postprocess(logits, image=torch.from_numpy(IMAGE)).draw()
    assert isinstance(picture, torch.Tensor)
    assert picture.shape == (*SIZE, 3)
