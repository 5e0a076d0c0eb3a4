"""exp and log of vectors are defined for every float, NaN and infinities included."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "csrc"
PROGRAM = """
#include "cpu/simd/exponential.hpp"
#include <cmath>
#include <cstdio>

int main() {
    using namespace segpost::SEGPOST_LEVEL;
    double worst = 0;
    for (std::uint64_t i = 0; i <= 0xffffffffu; i += 0xfffd) {
        std::uint32_t bits[4] = {0, 0x7fffffffu, 0x7f8000ffu, 0xffffffffu};
        bits[0] = static_cast<std::uint32_t>(i);
        F x;
        __builtin_memcpy(&x, bits, sizeof x);
        const F e = exponential(x), n = logarithm(x), t = power_of_two<5>(x);
        const double ratio = e[0] / std::exp(double(x[0]));
        if (x[0] > -60 && x[0] < 60) worst = std::fmax(worst, std::fabs(ratio - 1));
        if (t[1] == t[1]) return 2; // NaN has to stay in this one
        volatile float used = e[1] + n[1];
        (void)used;
    }
    std::printf("%.3g\\n", worst);
    return worst < 2e-5 ? 0 : 1;
}
"""


@pytest.mark.sanitizers
def test_nothing_is_undefined_for_any_float(tmp_path: Path) -> None:
    """Every 65,533rd bit pattern, and NaN with the payloads that would carry furthest."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no c++")
    (tmp_path / "main.cpp").write_text(PROGRAM)
    flags = ("-O1", "-std=gnu++17", "-fsanitize=undefined", "-fno-sanitize-recover=undefined")
    level = ("-DSEGPOST_LEVEL=portable", '-DSEGPOST_LEVEL_HEADER="cpu/simd/portable.hpp"')
    command = [compiler, *flags, *level, f"-I{SOURCES}", "main.cpp", "-o", "main"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "cannot find" in built.stderr:
        pytest.skip("no sanitizers")
    assert built.returncode == 0, built.stderr
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
