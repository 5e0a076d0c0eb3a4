# Which compilers build the kernels, and how they take options.

# Sets `result` to why this compiler builds no kernels, or to nothing.
function(segpost_compiler_refusal result)
    set(compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
    set(refusal "")
    if(NOT CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
        set(refusal "the kernels need the vector extensions of GCC or Clang, and the C++ compiler is ${compiler}")
        if(CMAKE_CXX_COMPILER_ID STREQUAL "MSVC")
            string(APPEND refusal "; Visual Studio also installs Clang: set CMAKE_GENERATOR_TOOLSET=ClangCL")
        endif()
    elseif(MINGW AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT segpost_has_unaligned_moves)
        string(CONCAT refusal
            "${compiler} takes vectors on the stack of Windows for aligned, which they are not, and its assembler, older than "
            "binutils 2.38, cannot mend that; use Clang")
    endif()
    set(${result} "${refusal}" PARENT_SCOPE)
endfunction()

# Sets `result` to options of GCC and Clang as the compiler takes them: clang-cl has those of MSVC, and Clang's own behind
# a prefix.
function(segpost_driver_options result)
    set(options ${ARGN})
    if(CMAKE_CXX_COMPILER_FRONTEND_VARIANT STREQUAL "MSVC")
        list(TRANSFORM options PREPEND "/clang:")
    endif()
    set(${result} "${options}" PARENT_SCOPE)
endfunction()
