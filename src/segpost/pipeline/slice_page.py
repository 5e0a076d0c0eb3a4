"""The overlay of a volume, to look at: a page with a slider through its slices."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from segpost._core.arrays import Array
from segpost._core.text import display_path
from segpost.color.palette import Palette
from segpost.pipeline.volume_slices import (
    BACKGROUND,
    VolumeSlices,
    find_center,
    scaled_size,
    spread_slices,
)

MAX_SLICES = 256  # of a page
MAX_SIDE = 768  # pixels of a slice in a page
MAX_NAMED = 8  # classes in the description of a slice

STYLE = """
.stack { position: relative; background: #000; max-width: 720px; margin: 0 auto; }
.stack img { display: block; width: 100%; height: 100%; image-rendering: pixelated; }
.stack img + img { position: absolute; inset: 0; }
.stack span { position: absolute; color: #fff; font-weight: 700; padding: 0 5px;
  background: rgb(0 0 0 / 50%); }
.stack .left { left: 3px; top: 50%; } .stack .right { right: 3px; top: 50%; }
.stack .top { top: 3px; left: 50%; } .stack .bottom { bottom: 3px; left: 50%; }
.controls { display: grid; grid-template-columns: auto 1fr auto; gap: 8px 14px;
  align-items: center; padding: 14px 16px; }
.controls input { width: 100%; min-height: 24px; }
.controls input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.controls output { min-width: 9ch; text-align: right; font-variant-numeric: tabular-nums; }
.stack + .controls + .legend { padding: 0 16px; }
"""

SCRIPT = """
const slices = JSON.parse(document.getElementById("slices").textContent);
const find = (id) => document.getElementById(id);
const [slice, opacity, labels, image] = ["slice", "opacity", "labels", "image"].map(find);
function show() {
  const chosen = slices[slice.value];
  labels.src = chosen.labels;
  labels.alt = chosen.words;
  if (image) image.src = chosen.image;
  find("position").textContent = `${chosen.z} of ${slice.dataset.depth}`;
  slice.setAttribute("aria-valuetext", chosen.words);
  labels.style.opacity = opacity.value / 100;
  find("weight").textContent = `${opacity.value} %`;
}
slice.addEventListener("input", show);
opacity.addEventListener("input", show);
document.addEventListener("keydown", (event) => {
  const step = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
  if (!step || event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  slice.value = Number(slice.value) + step;
  show();
});
show();
"""


def format_slice_page(slices: VolumeSlices, title: str, alpha: float) -> str:
    """Return a page with a slider through the slices, which loads nothing from anywhere.

    Parameters
    ----------
    slices : VolumeSlices
    title : str
        Text of the heading.
    alpha : float
        The opacity of the labels at first.
    """
    from segpost.render.html.frame import Section, format_page
    from segpost.render.text import escape_html

    depth, height, width = slices.labels.shape
    shown = spread_slices(depth, MAX_SLICES)
    records = [_slice_record(slices, z) for z in shown]
    center = find_center(slices.labels)[0]
    start = min(range(len(shown)), key=lambda k: abs(shown[k] - center))
    first = records[start]
    # "<" would end the script element.
    data = json.dumps(records).replace("<", "\\u003c")
    image = ""
    if slices.image is not None:
        image = f'<img id="image" src="{first["image"]}" alt="">'
    letters = ""
    ends = slices.ends(0)
    if ends is not None:
        places = zip(("top", "bottom", "left", "right"), ends, strict=True)
        letters = "".join(f'<span class="{place}">{letter}</span>' for place, letter in places)
    note = "" if len(shown) == depth else f"{len(shown)} of {depth} slices are shown. "
    body = f"""
<p class="soft">{note}Arrow keys move from slice to slice.</p>
<div class="card">
<div class="stack">{image}
<img id="labels" src="{first["labels"]}" alt="{escape_html(first["words"])}">{letters}</div>
<div class="controls">
<label for="slice">Slice</label>
<input id="slice" type="range" min="0" max="{len(shown) - 1}" value="{start}" step="1"
 data-depth="{depth}" autocomplete="off">
<output id="position" for="slice">{first["z"]} of {depth}</output>
<label for="opacity">Opacity</label>
<input id="opacity" type="range" min="0" max="100" value="{round(100 * alpha)}"
 autocomplete="off">
<output id="weight" for="opacity">{round(100 * alpha)} %</output>
</div>
{_format_legend(slices)}
</div>
<script type="application/json" id="slices">{data}</script>
"""
    sides = f"{width} / {height * slices.aspect(0):.6g}"
    size = f".stack {{ aspect-ratio: {sides}; width: min(100%, 72vh * {sides}); }}\n"
    return format_page(title, [Section("", body)], style=STYLE + size, script=SCRIPT)


def write_slice_page(
    path: Path, slices: VolumeSlices, alpha: float, title: str | None = None
) -> None:
    """Write the page of `format_slice_page`, atomically; the title is by default its name."""
    from segpost.files import write_text

    title = display_path(Path(path.stem)) if title is None else title
    write_text(path, format_slice_page(slices, title, alpha))


def _slice_record(slices: VolumeSlices, z: int) -> dict[str, Any]:
    """Return what the page has of a slice: its pictures as URLs, and its classes in words."""
    labels = np.ascontiguousarray(slices.labels[z])
    drawn = _embed(_draw_labels(labels, slices.palette), "png")
    record = {"z": z, "words": _describe_slice(slices, labels, z), "labels": drawn}
    if slices.image is not None:
        from PIL import Image

        gray = Image.fromarray(slices.image.plane(0, z)[..., 0])
        record["image"] = _embed(gray, "jpeg", quality=85)
    return record


def _draw_labels(labels: Array, palette: Palette) -> Any:
    """Return the labels of a slice as a Pillow image, in which the background is transparent."""
    from PIL import Image

    colors = VolumeSlices(labels[None], palette).plane(0, 0, 1.0)
    opaque = np.where(labels == BACKGROUND, 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([colors, opaque]))


def _embed(picture: Any, kind: str, **options: Any) -> str:
    """Return a picture of at most `MAX_SIDE` as a URL."""
    from PIL import Image

    from segpost.render.html.pictures import embed_image

    width, height = picture.size
    if max(width, height) > MAX_SIDE:
        picture = picture.resize(scaled_size(width, height, MAX_SIDE), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, format=kind.upper(), **options)
    return embed_image(buffer.getvalue(), kind)


def _describe_slice(slices: VolumeSlices, labels: Array, z: int) -> str:
    """Return the largest classes of a slice in words."""
    from segpost.render.tables import format_share

    values, counts = np.unique(labels, return_counts=True)
    order = [k for k in np.argsort(-counts, kind="stable") if values[k] != BACKGROUND]
    names = [
        f"{slices.palette.name(int(values[k]))} {format_share(counts[k] / labels.size)}"
        for k in order[:MAX_NAMED]
    ]
    return f"Slice {z} of {len(slices.labels)}: {', '.join(names) or 'background'}"


def _format_legend(slices: VolumeSlices) -> str:
    """Return the classes with their colors and shares."""
    from segpost.render.html.figures import Entry, format_legend
    from segpost.render.tables import format_share

    palette = slices.palette
    entries = [
        Entry(palette.name(label), palette.color(label), format_share(share))
        for label, share in slices.shares().items()
    ]
    return format_legend(entries, "Classes and their shares of the voxels")
