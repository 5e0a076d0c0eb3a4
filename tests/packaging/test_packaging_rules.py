"""What pyproject.toml, the continuous integration and CMake say of a build."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from package_copies import link_package, run_python

from segpost._core.installers import PIP

ROOT = Path(__file__).resolve().parents[2]
FRAMEWORK = re.compile(r"^(torch|tensorflow|jax|keras|openvino|onnxruntime)[^a-z-]")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The table [project] of pyproject.toml."""
    tomllib = pytest.importorskip("tomllib")
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


@pytest.fixture(scope="module")
def links() -> ModuleType:
    """The module that makes the long description."""
    path = ROOT / "tools" / "metadata" / "absolute_links.py"
    spec = importlib.util.spec_from_file_location("absolute_links", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_extra_pins_a_framework(project: dict[str, Any]) -> None:
    """An extra says which versions of a framework work, never one version."""
    lines = [line for extra in project["optional-dependencies"].values() for line in extra]
    frameworks = [line for line in lines if FRAMEWORK.match(line)]
    assert any(line.startswith("torch") for line in frameworks)
    assert [line for line in frameworks if "==" in line or "<" in line] == []


def test_extra_of_the_command_line_has_what_the_commands_need(project: dict[str, Any]) -> None:
    """scikit-learn, which only the demo needs, is in the extra of the demo."""
    extras = project["optional-dependencies"]
    assert not [line for line in extras["cli"] if line.startswith("scikit-learn")]
    assert [line.partition(">")[0] for line in extras["demo"]] == ["segpost[cli]", "scikit-learn"]


def test_every_python_version_has_a_classifier(project: dict[str, Any]) -> None:
    """The classifiers begin with the oldest version that is allowed."""
    pattern = re.compile(r"Programming Language :: Python :: (3\.\d+)")
    versions = [m[1] for c in project["classifiers"] if (m := pattern.fullmatch(c))]
    oldest = int(project["requires-python"].removeprefix(">=3."))
    assert versions == [f"3.{minor}" for minor in range(oldest, oldest + len(versions))]
    assert len(versions) >= 5


def test_what_can_install_torch_has_the_constraints() -> None:
    """Every command that installs torch, or an extra with it, is given constraints.txt."""
    assert re.search(r"^torch==\S+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", ".ci/run")]
    pages += ROOT.glob("docs/guides/runtimes/*.md")
    extra = re.compile(r"\[(test|bench|peers|runtimes-torch|\$extra)|\btorch\b(?!')")
    commands = [
        (page.name, line)
        for page in pages
        if page.exists()  # an sdist has no .ci
        for line in page.read_text().splitlines()
        if re.search(r"\binstall\b", line) and extra.search(line)
    ]
    assert {page for page, _ in commands} >= {"README.md", "CONTRIBUTING.md", "torchvision.md"}
    assert [c for c in commands if "-c constraints.txt" not in c[1]] == []


def test_version_is_written_once(project: dict[str, Any]) -> None:
    """CMake and the package read the version from the metadata."""
    version = project["version"]
    files = ["CMakeLists.txt", "CMakePresets.json", "src/segpost/__init__.py"]
    files += [
        str(path.relative_to(ROOT)) for path in ROOT.glob("csrc/cmake/**/*") if path.is_file()
    ]
    assert [name for name in files if version in (ROOT / name).read_text()] == []


def test_long_description_has_no_relative_link(links: ModuleType, project: dict[str, Any]) -> None:
    """README's links and pictures work on a page that is not beside the files."""
    address = project["urls"]["Repository"]
    assert links.repository() == address
    described = links.dynamic_metadata("readme", {})
    assert described["content-type"] == "text/markdown"
    text = re.sub(r"^```.*?^```", "", described["text"], flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)|\b(?:src|href)=\"([^\"]+)", text)
    assert len(targets) > 5
    assert [t for t in map("".join, targets) if not re.match(r"https?://|#|mailto:", t)] == []
    for kind, path in re.findall(rf"{re.escape(address)}/(raw|blob)/main/([^)\"#\s]+)", text):
        assert (ROOT / path).exists(), path
        assert (kind == "raw") == path.endswith((".png", ".svg", ".gif")), path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](docs/a.md#b)", "[a](R/blob/main/docs/a.md#b)"),
        ("![a](a.png)", "![a](R/raw/main/a.png)"),
        ("[![a](a.png)](b.md)", "[![a](R/raw/main/a.png)](R/blob/main/b.md)"),
        ('<img src="a.png">', '<img src="R/raw/main/a.png">'),
        ("[a](https://b) [c](#d) [e](mailto:f)", "[a](https://b) [c](#d) [e](mailto:f)"),
        ("```python\nx[a](b)\n```", "```python\nx[a](b)\n```"),
    ],
)
def test_links_become_absolute(links: ModuleType, text: str, expected: str) -> None:
    """Pages, pictures and HTML; neither addresses, nor places of the page, nor code."""
    address = "https://example.org/r"
    assert links.make_links_absolute(text, address) == re.sub(r"\bR/", f"{address}/", expected)


def answer_of_cmake(folder: Path, devices: str | None, **variables: str) -> str:
    """What CudaWanted.cmake says, with an nvidia-smi that lists devices, or fails."""
    smi = folder / "nvidia-smi"
    smi.write_text("#!/bin/sh\nexit 9\n" if devices is None else f"#!/bin/sh\necho '{devices}'\n")
    smi.chmod(0o755)
    cmake = shutil.which("cmake")
    if cmake is None:
        pytest.skip("there is no cmake")
    script = str(ROOT / "csrc" / "cmake" / "CudaWanted.cmake")
    done = subprocess.run(
        [cmake, *(f"-D{name}={value}" for name, value in variables.items()), "-P", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize(
    ("variables", "devices", "wanted"),
    [
        ({"SEGPOST_CUDA": "OFF"}, "GPU 0: a device", "FALSE: SEGPOST_CUDA=OFF"),
        ({"SEGPOST_CUDA": "ON"}, None, "TRUE: SEGPOST_CUDA=ON"),
        ({"SEGPOST_CUDA": "AUTO"}, "GPU 0: a device", "TRUE: .* device"),
        ({"SEGPOST_CUDA": "AUTO", "SEGPOST_CUDA_ARCHITECTURES": "90"}, None, "TRUE: .*=90"),
        ({"SEGPOST_CUDA": "AUTO"}, None, "FALSE: this machine has no device; SEGPOST_CUDA=ON .*"),
        ({"SEGPOST_CUDA": "AUTO"}, "No devices found", "FALSE: this machine has no device; .*"),
    ],
)
def test_cuda_is_built_where_it_is_asked_for_or_a_device_is(
    variables: dict[str, str], devices: str | None, wanted: str, tmp_path: Path
) -> None:
    """A machine that has nvcc and no device compiles no CUDA unasked."""
    if wanted.startswith("FALSE: this") and (
        Path("/dev/nvidia0").exists() or Path("/proc/driver/nvidia").exists()
    ):
        pytest.skip("this machine has a device")
    answer = answer_of_cmake(tmp_path, devices, **variables)
    assert re.fullmatch(wanted, answer), answer


# An installation without native code.


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with the package, by links, without its compiled modules."""
    link_package(tmp_path)
    return tmp_path


def test_build_without_native_code_warns_once_with_the_cure(copied: Path) -> None:
    """The warning is about the line that imports segpost; `segpost info` repeats the reason."""
    (copied / "segpost" / "without_native.txt").write_text("no C++ compiler was found\n")
    program = copied / "program.py"
    program.write_text("import segpost\nimport segpost.color\nprint(segpost.__file__)\n")
    done = run_python(copied, str(program))
    assert done.stdout.startswith(str(copied)), done.stderr
    assert done.stderr.count("RuntimeWarning") == 1
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"{program}:1: RuntimeWarning: segpost was built without native code")
    assert "(no C++ compiler was found): it runs on Numba" in first
    cure = f"then: {PIP.rebuild}"
    assert first.endswith(cure)
    info = run_python(copied, "-m", "segpost", "info").stdout
    assert "cannot be loaded: segpost was built without it: no C++ compiler was found." in info
    assert info.endswith(f"{cure}\n")


def test_checkout_that_was_not_built_does_not_warn(copied: Path) -> None:
    """Nobody knows there whether a compiler works."""
    code = "import segpost; print(segpost.build_config()['native_problem'])"
    done = run_python(copied, "-W", "error", "-c", code)
    assert done.stdout == "No module named 'segpost._cpu'\n", done.stderr


def test_installation_with_native_code_does_not_warn() -> None:
    """`python -W error` imports it."""
    pytest.importorskip("segpost._cpu")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import segpost"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
