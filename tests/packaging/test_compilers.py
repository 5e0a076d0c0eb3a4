"""What CMake says of compilers that this machine does not have."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CMAKE = Path(__file__).resolve().parents[2] / "csrc" / "cmake"
pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no CMake")


def ask(question: str, folder: Path, **variables: str) -> str:
    """The answer of a function of Driver.cmake, with variables of CMake."""
    script = folder / "script.cmake"
    call = f"{question.partition(' ')[0]}(answer {question.partition(' ')[2]})"
    script.write_text(f'include({CMAKE}/Driver.cmake)\n{call}\nmessage("answer: ${{answer}}")\n')
    settings = [f"-D{name}={value}" for name, value in variables.items()]
    done = subprocess.run(
        ["cmake", *settings, "-P", str(script)], capture_output=True, text=True, check=True
    )
    return done.stderr.removeprefix("answer: ").strip()


@pytest.mark.parametrize(
    ("compiler", "refusal"),
    [
        ({"ID": "GNU"}, ""),
        ({"ID": "Clang"}, ""),
        ({"ID": "AppleClang"}, ""),
        ({"ID": "Clang", "FRONTEND_VARIANT": "MSVC"}, ""),
        (
            {"ID": "MSVC", "VERSION": "19.4"},
            r".*MSVC 19\.4; .* set CMAKE_GENERATOR_TOOLSET=ClangCL",
        ),
        ({"ID": "Intel", "VERSION": "21"}, r"the kernels need the vector extensions.* is Intel 21"),
    ],
)
def test_compilers_that_are_refused(compiler: dict[str, str], refusal: str, tmp_path: Path) -> None:
    """MSVC has a cure: Clang, which understands its options."""
    variables = {f"CMAKE_CXX_COMPILER_{name}": value for name, value in compiler.items()}
    assert re.fullmatch(refusal, ask("segpost_compiler_refusal", tmp_path, **variables))


def test_gcc_for_windows_needs_an_assembler_that_mends_its_vectors(tmp_path: Path) -> None:
    """Clang for Windows does not."""
    gcc = {"MINGW": "1", "CMAKE_CXX_COMPILER_ID": "GNU", "CMAKE_CXX_COMPILER_VERSION": "12"}
    refusal = ask("segpost_compiler_refusal", tmp_path, **gcc)
    assert re.fullmatch(r"GNU 12 takes vectors .* older than binutils 2\.38.*; use Clang", refusal)
    assert ask("segpost_compiler_refusal", tmp_path, **gcc, segpost_has_unaligned_moves="1") == ""
    gcc["CMAKE_CXX_COMPILER_ID"] = "Clang"
    assert ask("segpost_compiler_refusal", tmp_path, **gcc) == ""


def test_options_for_clang_cl(tmp_path: Path) -> None:
    """Clang's own options go behind a prefix."""
    question = "segpost_driver_options -Wall -ffp-contract=off -march=x86-64-v3"
    assert ask(question, tmp_path) == "-Wall;-ffp-contract=off;-march=x86-64-v3"
    made = ask(question, tmp_path, CMAKE_CXX_COMPILER_FRONTEND_VARIANT="MSVC")
    assert made == "/clang:-Wall;/clang:-ffp-contract=off;/clang:-march=x86-64-v3"
