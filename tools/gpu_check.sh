#!/usr/bin/env bash
# Builds, tests, sanitizes and times the CUDA backend on a machine with a device, without a network:
#     tools/gpu_check.sh build | test | sanitize | bench | all
# Needs CUDA, torch, pybind11, scikit-build-core, CMake and ninja installed. Results are written to
# benches/results/<device>-<date>.json and .md. Exits non-zero where any part fails.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
failed=0

part() { # a name and a command
    echo "== $1"
    shift
    if ! "$@"; then
        echo "FAILED: $*"
        failed=1
    fi
}

build() {
    SEGPOST_REQUIRE_NATIVE=1 SEGPOST_CUDA=ON SEGPOST_WERROR=ON \
        "$python" -m pip install --no-build-isolation --no-deps .
}

available() {
    "$python" -c 'import segpost, sys; sys.exit(segpost.why_no_cuda())'
}

tests() {
    "$python" -m pytest -q -p no:cacheprovider -k "cuda-device or device or cuda" tests
}

sanitized() { # a tool of compute-sanitizer
    PYTHONPATH=tests compute-sanitizer --tool "$1" --error-exitcode 1 --launch-timeout 300 \
        "$python" tests/support/cases_on_device.py cuda-device
}

case ${1:-all} in
build)
    part build build
    part device available
    ;;
test) part tests tests ;;
sanitize) for tool in memcheck racecheck initcheck synccheck; do part "$tool" sanitized "$tool"; done ;;
bench) part bench "$python" -m benches.gpu ;;
all) for stage in build test sanitize bench; do part "$stage" "$0" "$stage"; done ;;
*)
    echo "usage: $0 build | test | sanitize | bench | all"
    exit 2
    ;;
esac
exit "$failed"
