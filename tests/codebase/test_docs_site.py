"""The site of docs/: navigation and reference are complete, `mkdocs build --strict` passes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def tool(name: str) -> ModuleType:
    """A module of tools/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hooks() -> ModuleType:
    """The hooks of mkdocs."""
    return tool("docs_hooks")


def documented_names() -> Counter[str]:
    """The names of the reference, and how often each has an entry."""
    found: Counter[str] = Counter()
    for page in (DOCS / "reference").glob("*.md"):
        found.update(re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE))
    return found


def public_names() -> set[str]:
    """The names of segpost, and the modules under other libraries' names."""
    import segpost

    names = {f"segpost.{name}" for name in segpost.__all__}
    packages = {"densecrf", "eigen", "utils"}
    names |= {f"segpost.compat.pydensecrf.{name}" for name in packages}
    names |= {"segpost.compat.nnunet", "segpost.compat.monai"}
    names |= {"segpost.torch", "segpost.torchmetrics.ConfusionMatrix", "segpost.typing"}
    return names


def test_every_public_name_has_one_entry() -> None:
    """The reference has each public name, and none twice."""
    documented = documented_names()
    assert public_names() - set(documented) == set()
    assert [name for name, times in documented.items() if times > 1] == []


def test_entries_are_public() -> None:
    """Entries beside the public names are classes of results, which public functions return."""
    others = set(documented_names()) - public_names()
    assert others == {
        "segpost.fingerprints.FingerprintDiff",
        "segpost.metrics.Comparison",
        "segpost.metrics.DialectError",
        "segpost.metrics.distance_comparison.DistanceComparison",
        "segpost.metrics.distance_scores.SurfaceScores",
        "segpost.runtimes.append_postprocess",
        "segpost.runtimes.appending.result.AppendedModel",
        "segpost.runtimes.appending.result.CheckReport",
        "segpost.runtimes.library",
    }


@pytest.mark.parametrize("name", ["torch", "typing", "compat.nnunet", "compat.monai"])
def test_members_are_listed(name: str) -> None:
    """The pages of modules list all of their public names."""
    module = pytest.importorskip(f"segpost.{name}")
    page = (DOCS / f"reference/{name.rpartition('.')[2]}.md").read_text(encoding="utf-8")
    listed = re.findall(r"^        - (\w+)$", page, re.MULTILINE)
    assert sorted(listed) == sorted(module.__all__)


def test_every_page_is_in_the_navigation() -> None:
    """No page is left out of mkdocs.yml, or listed twice."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"(\S+\.md)$", text, re.MULTILINE)
    pages = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(listed) == sorted(pages)


def test_links_out_of_the_docs_are_rewritten() -> None:
    """Links to the repository get its address, or are dropped without one; code is not changed."""
    rewrite = hooks().rewrite_links
    text = (
        "[`a`](../../benches/a.md) [b](b.md#x) ![c](../images/c.png)\n```\n[d](../../d.md)\n```\n"
    )
    kept = " [b](b.md#x) ![c](../images/c.png)\n```\n[d](../../d.md)\n```\n"
    assert rewrite(text, "guides/page.md", None) == "`a`" + kept
    address = "https://example.org/segpost"
    wanted = f"[`a`]({address}/blob/main/benches/a.md)"
    assert rewrite(text, "guides/page.md", address) == wanted + kept


def test_picture_of_the_layers() -> None:
    """The picture shows the layers of the page, with all packages of `test_layers`."""
    from test_layers import LAYERS

    module = tool("layers_picture")
    rows = module.layers(module.PAGE.read_text(encoding="utf-8"))
    picture = module.PICTURE.read_text(encoding="utf-8")
    assert picture == module.draw(rows), "run python tools/layers_picture.py"
    packages = {package for row in LAYERS for package in row}
    there = {package for package in packages if (ROOT / "src/segpost" / package).exists()}
    there |= {package for package in packages if (ROOT / f"src/segpost/{package}.py").exists()}
    assert {name for _, names in rows for name in names} - {"segpost/__init__.py"} == there


def test_picture_of_a_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program draws it: a figure of the size of the picture, with all organs."""
    pytest.importorskip("nibabel")
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    module = tool("draw_volume")
    picture, drawn = module.PICTURE, tmp_path / "volume.png"
    monkeypatch.setattr(module, "PICTURE", drawn)
    monkeypatch.setattr(module, "SIZE", (12, 40, 52))  # faster
    monkeypatch.setattr(module, "SPACING", 4 * module.SPACING)
    module.main()
    with image.open(picture) as old, image.open(drawn) as new:
        assert old.size == new.size, "run python tools/draw_volume.py"
    logits, _ = module.organs((12, 40, 52))
    assert sorted(set(logits.argmax(0).ravel().tolist())) == [0, 1, 2, 3]


@pytest.mark.docs
def test_site_is_built(tmp_path: Path) -> None:
    """`mkdocs build --strict` passes, and every page of the reference has its entries."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    html = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html"))
    for name in documented_names():
        assert f'id="{name}"' in html, name
    assert "<script src=http" not in html
