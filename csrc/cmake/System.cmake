# What differs between systems: source files, and how libsegpost is linked.

get_filename_component(segpost_csrc "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
if(WIN32)
    set(segpost_system_source ${segpost_csrc}/cpu/runtime/system/windows.cpp)
    set(segpost_gil_source ${segpost_csrc}/bindings/gil_windows.cpp)
else()
    set(segpost_system_source ${segpost_csrc}/cpu/runtime/system/posix.cpp)
    set(segpost_gil_source ${segpost_csrc}/bindings/gil.cpp)
    # Part of every module of Python; its head says why.
    set_source_files_properties(${segpost_gil_source} PROPERTIES COMPILE_OPTIONS -fno-exceptions)
endif()

# GCC for Windows keeps the stack at multiples of 16 bytes and takes wider vectors on it for aligned (its bug 54412).
# The assembler can make all moves unaligned, since binutils 2.38.
set(segpost_vector_options "")
if(MINGW AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    set(segpost_vector_options -Wa,-muse-unaligned-vector-move)
endif()

function(segpost_system_link target)
    if(WIN32)
        set_target_properties(${target} PROPERTIES PREFIX "" IMPORT_PREFIX "" IMPORT_SUFFIX .lib)
        if(MINGW AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
            target_link_options(${target} PRIVATE -static) # the library needs those of the system alone, as zig's does
        endif()
        return()
    endif()
    include(CheckLinkerFlag)
    check_linker_flag(CXX "-Wl,-z,nodelete" segpost_has_nodelete) # Apple's linker has no -z
    if(segpost_has_nodelete)
        target_link_options(${target} PRIVATE -Wl,-z,nodelete) # its threads outlive a dlclose
    endif()
endfunction()
