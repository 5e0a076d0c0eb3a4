# One source, several objects: *.simd.cpp is compiled once for every SIMD level, in a namespace of that
# level, and one table a level is found at run time.

set(segpost_simd_guard "${CMAKE_CURRENT_LIST_DIR}/NoWeakSymbols.cmake")
set(segpost_levels_template "${CMAKE_CURRENT_SOURCE_DIR}/csrc/cpu/runtime/levels.cpp.in")

function(segpost_options target)
    # No contraction: a fused multiply-add in the definition would make labels depend on the machine.
    target_compile_options(${target} PRIVATE
        -Wall -Wextra -ffp-contract=off -fno-math-errno -fno-trapping-math
        $<$<BOOL:${SEGPOST_WERROR}>:-Werror>)
    # Includes are written from csrc/: "ops/view.hpp", and "segpost/capi.h" as a user writes it.
    target_include_directories(${target} PRIVATE
        ${CMAKE_CURRENT_SOURCE_DIR}/csrc ${CMAKE_CURRENT_SOURCE_DIR}/csrc/include)
    if(SEGPOST_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${SEGPOST_SANITIZE} -fno-omit-frame-pointer)
        target_link_options(${target} PRIVATE -fsanitize=${SEGPOST_SANITIZE})
    endif()
endfunction()

function(segpost_simd_sources target)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        set(levels x86_64_v2 x86_64_v3 x86_64_v4)
    else()
        set(levels portable)
    endif()
    set(declarations "")
    set(tables "")
    foreach(level IN LISTS levels)
        add_library(${target}_${level} OBJECT ${ARGN})
        segpost_options(${target}_${level})
        target_compile_definitions(${target}_${level} PRIVATE SEGPOST_LEVEL=${level})
        # GCC 12 sees uninitialized variables in its own AVX-512 header.
        target_compile_options(${target}_${level} PRIVATE -O3 -Wno-psabi -Wno-uninitialized -Wno-maybe-uninitialized)
        if(NOT level STREQUAL portable)
            string(REPLACE _ - march ${level})
            string(REPLACE x86-64 x86-64 march ${march})
            target_compile_options(${target}_${level} PRIVATE -march=${march})
        endif()
        if(level STREQUAL x86_64_v4)
            target_compile_options(${target}_${level} PRIVATE -mprefer-vector-width=512)
        endif()
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_${level}>)
        string(APPEND declarations "namespace ${level} { extern const KernelTable table; }\n")
        string(APPEND tables "&${level}::table, ")
        # Optimised objects only: without inlining every template is a symbol of its own.
        if(CMAKE_BUILD_TYPE STREQUAL Release AND CMAKE_NM AND NOT SEGPOST_SANITIZE)
            add_custom_command(TARGET ${target} PRE_LINK
                COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} "-DOBJECTS=$<TARGET_OBJECTS:${target}_${level}>"
                    -P ${segpost_simd_guard}
                VERBATIM)
        endif()
    endforeach()
    set(SEGPOST_LEVEL_DECLARATIONS "${declarations}")
    set(SEGPOST_LEVEL_TABLES "${tables}")
    configure_file(${segpost_levels_template} ${CMAKE_CURRENT_BINARY_DIR}/levels.cpp @ONLY)
    target_sources(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/levels.cpp)
endfunction()
