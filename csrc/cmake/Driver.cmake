# Options of GCC and Clang, as the compiler takes them: clang-cl has those of MSVC, and Clang's own behind a prefix.
function(segpost_driver_options result)
    set(options ${ARGN})
    if(CMAKE_CXX_COMPILER_FRONTEND_VARIANT STREQUAL "MSVC")
        list(TRANSFORM options PREPEND "/clang:")
    endif()
    set(${result} "${options}" PARENT_SCOPE)
endfunction()
