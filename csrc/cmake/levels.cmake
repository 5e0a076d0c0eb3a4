# The SIMD levels, slowest first. A level is a row here and a header csrc/cpu/simd/NAME.hpp.
#
#     segpost_level(NAME PROCESSORS FLAGS DETECTION)
#
# PROCESSORS  a regular expression for CMAKE_SYSTEM_PROCESSOR; the level is built where it matches,
#             and one without an expression where no level before it is
# FLAGS       compiler flags of the level's objects
# DETECTION   a C++ expression: whether the processor that runs the program has the level
segpost_level(x86_64_v2 "x86_64|AMD64" "-march=x86-64-v2" "x86_64_level() >= 2")
segpost_level(x86_64_v3 "x86_64|AMD64" "-march=x86-64-v3" "x86_64_level() >= 3")
segpost_level(x86_64_v4 "x86_64|AMD64" "-march=x86-64-v4;-mprefer-vector-width=512" "x86_64_level() >= 4")
segpost_level(neon "aarch64|arm64" "" "true")
segpost_level(simd128 "wasm32" "-msimd128" "true")
segpost_level(portable "" "" "true")
