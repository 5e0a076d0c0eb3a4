# segpost.wasm: the kernels and their C interface as a module of WebAssembly, which web/ loads. Built by
# `python -m tools.web`, with zig.
#
#     SEGPOST_ZIG  the folder of zig's own sources: its C++ runtime for WASI is built without exceptions, so that the
#                  files that throw and catch are compiled here, with them

set(SEGPOST_ZIG "" CACHE PATH "The folder lib of zig")

set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
enable_language(CXX)
enable_language(C)
include(csrc/cmake/Driver.cmake)
include(csrc/cmake/Simd.cmake)
add_compile_options(-mexception-handling -fwasm-exceptions)

file(GLOB sources CONFIGURE_DEPENDS csrc/capi/*.cpp csrc/cpu/*/*.cpp)
file(GLOB simd_sources CONFIGURE_DEPENDS csrc/cpu/*/*.simd.cpp)
set(system csrc/cpu/runtime/system)
list(REMOVE_ITEM sources ${simd_sources} ${CMAKE_CURRENT_SOURCE_DIR}/csrc/cpu/runtime/pool.cpp)
add_executable(segpost_wasm ${sources} ${system}/wasi.cpp ${system}/one_thread.cpp)
set_target_properties(segpost_wasm PROPERTIES OUTPUT_NAME segpost SUFFIX .wasm)
segpost_options(segpost_wasm)
segpost_simd_sources(segpost_wasm ${simd_sources})
set_source_files_properties(csrc/capi/capi.cpp PROPERTIES COMPILE_DEFINITIONS SEGPOST_VERSION="${PROJECT_VERSION}")

set(abi ${SEGPOST_ZIG}/libcxxabi)
add_library(segpost_exceptions OBJECT
    ${abi}/src/cxa_exception.cpp ${abi}/src/cxa_personality.cpp
    ${SEGPOST_ZIG}/libunwind/src/Unwind-wasm.c
    ${system}/wasi_exceptions.cpp)
target_include_directories(segpost_exceptions PRIVATE
    ${abi}/include ${abi}/src ${SEGPOST_ZIG}/libcxx/src ${SEGPOST_ZIG}/libunwind/include)
target_compile_definitions(segpost_exceptions PRIVATE
    LIBCXX_BUILDING_LIBCXXABI _LIBCXXABI_BUILDING_LIBRARY _LIBCPP_BUILDING_LIBRARY _LIBCXXABI_HAS_NO_THREADS
    _LIBUNWIND_HIDE_SYMBOLS)
target_compile_options(segpost_exceptions PRIVATE -w -O2)
set_target_properties(segpost_exceptions PROPERTIES CXX_STANDARD 23 CXX_SCAN_FOR_MODULES OFF)
target_link_libraries(segpost_wasm PRIVATE segpost_exceptions)

# A module that is called, not run. Callers take and give memory by malloc and free, whose numbers have 31 bits.
target_link_options(segpost_wasm PRIVATE -mexec-model=reactor -s
    LINKER:--export=segpost_get_api,--export=malloc,--export=free,--export-table,-z,stack-size=2097152,--max-memory=2147483648)
install(TARGETS segpost_wasm DESTINATION .)
