# One source, several objects: *.simd.cpp is compiled once for every SIMD level, in a namespace of that
# level, and one table a level is found at run time.

set(segpost_simd_guard "${CMAKE_CURRENT_LIST_DIR}/LevelSymbols.cmake")
set(segpost_levels_template "${CMAKE_CURRENT_SOURCE_DIR}/csrc/cpu/runtime/levels.cpp.in")

function(segpost_options target)
    # No contraction: a fused multiply-add in the definition would make labels depend on the machine.
    segpost_driver_options(options -Wall -Wextra -ffp-contract=off -fno-math-errno -fno-trapping-math)
    if(SEGPOST_WERROR)
        segpost_driver_options(strict -Werror)
    endif()
    target_compile_options(${target} PRIVATE ${options} ${strict})
    # Includes are written from csrc/: "ops/view.hpp", and "segpost/capi.h" as a user writes it.
    target_include_directories(${target} PRIVATE
        ${CMAKE_CURRENT_SOURCE_DIR}/csrc ${CMAKE_CURRENT_SOURCE_DIR}/csrc/include)
    if(SEGPOST_SANITIZE)
        target_compile_options(${target} PRIVATE -fsanitize=${SEGPOST_SANITIZE} -fno-omit-frame-pointer)
        target_link_options(${target} PRIVATE -fsanitize=${SEGPOST_SANITIZE})
    endif()
endfunction()

# A row of levels.cmake. Levels of other processors are left out.
set(segpost_levels "")
macro(segpost_level name processors flags detection)
    if((NOT "${processors}" STREQUAL "" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(${processors})$")
            OR ("${processors}" STREQUAL "" AND NOT segpost_levels))
        list(APPEND segpost_levels ${name})
        set(segpost_${name}_flags "${flags}")
        set(segpost_${name}_detection "${detection}")
    endif()
endmacro()
include(${CMAKE_CURRENT_LIST_DIR}/levels.cmake)

function(segpost_simd_sources target)
    set(declarations "")
    set(levels "")
    foreach(level IN LISTS segpost_levels)
        add_library(${target}_${level} OBJECT ${ARGN})
        segpost_options(${target}_${level})
        target_compile_definitions(${target}_${level} PRIVATE
            SEGPOST_BUILDS_LIBRARY SEGPOST_LEVEL=${level} SEGPOST_LEVEL_HEADER="cpu/simd/${level}.hpp")
        # GCC 12 sees uninitialized variables in its own AVX-512 header.
        segpost_driver_options(options -O3 -Wno-psabi -Wno-uninitialized)
        segpost_driver_options(flags ${segpost_${level}_flags} ${segpost_vector_options})
        target_compile_options(${target}_${level} PRIVATE
            ${options} $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> ${flags})
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_${level}>)
        string(APPEND declarations "namespace ${level} { extern const KernelTable table; }\n")
        string(APPEND levels
            "    {&${level}::table, [] { return bool(${segpost_${level}_detection}); }},\n")
        # Optimised objects only: without inlining every template is a symbol of its own.
        if(CMAKE_BUILD_TYPE STREQUAL Release AND CMAKE_NM AND NOT SEGPOST_SANITIZE)
            add_custom_command(TARGET ${target} PRE_LINK
                COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DLEVEL=${level} "-DOBJECTS=$<TARGET_OBJECTS:${target}_${level}>"
                    -P ${segpost_simd_guard}
                VERBATIM)
        endif()
    endforeach()
    set(SEGPOST_LEVEL_DECLARATIONS "${declarations}")
    set(SEGPOST_LEVELS "${levels}")
    configure_file(${segpost_levels_template} ${CMAKE_CURRENT_BINARY_DIR}/levels.cpp @ONLY)
    target_sources(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/levels.cpp)
endfunction()
