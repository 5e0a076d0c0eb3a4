#!/usr/bin/env bash
# Builds, tests, times and sanitizes the CUDA backend on a machine with a device, without a network:
#     tools/gpu_check.sh build | test | bench | sanitize | all
# Needs CUDA, torch, pybind11, scikit-build-core, CMake and ninja installed; pytest-xdist is used if it is there.
# Results are written to benches/results/<device>-<date>.json and .md. Exits non-zero where any part fails.
#
# `all` ends within SEGPOST_CHECK_SECONDS (570): each part is stopped after its share, and what is stopped has failed.
# The shares are reckoned for 16 cores and an H200, and were not measured there: build 150 (six minutes of CPU time, of
# which one is the kernels of one architecture), test 150, bench 150, sanitize what is left, memcheck first.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
most=${SEGPOST_CHECK_SECONDS:-570}
failed=0

part() { # a name, its seconds at most, and a command
    local name=$1 share=$2 start=$SECONDS
    local left=$((most - start))
    shift 2
    if ((share > left)); then share=$left; fi
    if ((share <= 0)); then
        echo "== $name: FAILED, no time is left"
        failed=1
        return
    fi
    echo "== $name, at most $share s"
    if timeout --kill-after=5 "$share" "$@"; then
        echo "== $name took $((SECONDS - start)) s"
    else
        echo "== $name: FAILED after $((SECONDS - start)) s: $*"
        failed=1
    fi
}

build() {
    export SEGPOST_REQUIRE_NATIVE=1 SEGPOST_CUDA=ON SEGPOST_WERROR=ON
    part build "$1" "$python" -m pip install --no-build-isolation --no-deps .
    part device 30 "$python" -c 'import segpost, sys; sys.exit(segpost.why_no_cuda())'
}

run_tests() {
    local options=(-q -p no:cacheprovider -k "cuda-device or device or cuda")
    if "$python" -c 'import xdist' 2> /dev/null; then options+=(-n 8 --dist worksteal); fi
    part test "$1" "$python" -m pytest "${options[@]}" tests
}

bench() { part bench "$1" "$python" -m benches.gpu; }

sanitize() {
    local tool
    for tool in memcheck racecheck initcheck synccheck; do
        part "$tool" "$1" env PYTHONPATH=tests compute-sanitizer --tool "$tool" --error-exitcode 1 --launch-timeout 300 \
            "$python" tests/support/cases_on_device.py cuda-device
    done
}

case ${1:-all} in
build) build "$most" ;;
test) run_tests "$most" ;;
bench) bench "$most" ;;
sanitize) sanitize "$most" ;;
all)
    build 150
    run_tests 150
    bench 150
    sanitize 120
    ;;
*)
    echo "usage: $0 build | test | bench | sanitize | all"
    exit 2
    ;;
esac
echo "== all took $SECONDS s"
exit "$failed"
