# segpost.wasm and segpost-threads.wasm: the kernels and their C interface as modules of WebAssembly, of which web/ loads one.
# Built by `python -m tools.web`, with zig.
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
# One set of objects for both modules: instructions for threads do no harm where there are none.
set(instructions -mexception-handling -fwasm-exceptions -matomics -mbulk-memory -pthread)
add_compile_options(${instructions})

file(GLOB sources CONFIGURE_DEPENDS csrc/capi/*.cpp csrc/cpu/*/*.cpp)
file(GLOB simd_sources CONFIGURE_DEPENDS csrc/cpu/*/*.simd.cpp)
set(system csrc/cpu/runtime/system)
list(REMOVE_ITEM sources ${simd_sources} ${CMAKE_CURRENT_SOURCE_DIR}/csrc/cpu/runtime/pool.cpp)
add_library(segpost_kernels STATIC ${sources} ${system}/wasi.cpp)
segpost_options(segpost_kernels)
segpost_simd_sources(segpost_kernels ${simd_sources})
set_source_files_properties(csrc/capi/capi.cpp PROPERTIES COMPILE_DEFINITIONS SEGPOST_VERSION="${PROJECT_VERSION}")

set(abi ${SEGPOST_ZIG}/libcxxabi)
add_library(segpost_exceptions OBJECT
    ${abi}/src/cxa_exception.cpp ${abi}/src/cxa_exception_storage.cpp ${abi}/src/cxa_personality.cpp
    ${SEGPOST_ZIG}/libunwind/src/Unwind-wasm.c
    ${system}/wasi_exceptions.cpp)
target_include_directories(segpost_exceptions PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/csrc
    ${abi}/include ${abi}/src ${SEGPOST_ZIG}/libcxx/src ${SEGPOST_ZIG}/libunwind/include)
target_compile_definitions(segpost_exceptions PRIVATE
    LIBCXX_BUILDING_LIBCXXABI _LIBCXXABI_BUILDING_LIBRARY _LIBCPP_BUILDING_LIBRARY
    _LIBUNWIND_HIDE_SYMBOLS)
# Under other names than those of zig's runtime, which has one note of the exceptions that are caught, not one a thread, and
# no lock of the memory.
set(abi_sources ${abi}/src/cxa_exception.cpp ${abi}/src/cxa_personality.cpp)
set(renamed __cxa_get_globals=segpost_cxa_get_globals __cxa_get_globals_fast=segpost_cxa_get_globals_fast
    __aligned_malloc_with_fallback=locked_aligned_malloc __aligned_free_with_fallback=locked_aligned_free)
set_source_files_properties(${abi_sources} PROPERTIES COMPILE_DEFINITIONS "${renamed};_LIBCXXABI_HAS_NO_THREADS")
set_source_files_properties(${abi}/src/cxa_exception_storage.cpp PROPERTIES COMPILE_DEFINITIONS "${renamed}")
target_compile_options(segpost_exceptions PRIVATE -w -O2)
set_target_properties(segpost_exceptions PROPERTIES CXX_STANDARD 23 CXX_SCAN_FOR_MODULES OFF)

# Modules that are called, not run. Callers take and give memory by malloc and free, whose numbers have 31 bits.
set(exports --export=segpost_get_api,--export=malloc,--export=free,--export-table)
function(segpost_module name)
    add_executable(${name} ${ARGN})
    segpost_options(${name})
    set_target_properties(${name} PROPERTIES SUFFIX .wasm)
    target_link_libraries(${name} PRIVATE segpost_kernels segpost_exceptions)
    target_link_options(${name} PRIVATE -mexec-model=reactor -s ${instructions}
        LINKER:${exports},-z,stack-size=2097152,--max-memory=2147483648)
    install(TARGETS ${name} DESTINATION .)
endfunction()

segpost_module(segpost ${system}/one_thread.cpp)
# The memory comes from JavaScript, whose INITIAL_PAGES are as many; each instance is a thread, and gets its stack and its
# thread-local data from there.
segpost_module(segpost-threads ${system}/workers.cpp)
target_link_options(segpost-threads PRIVATE LINKER:--import-memory,--shared-memory,--initial-memory=4194304
    LINKER:--export=__stack_pointer,--export=__wasm_init_tls)
