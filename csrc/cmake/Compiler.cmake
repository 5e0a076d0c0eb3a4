# Whether native code can be built here. Without a C++ compiler that works, the package is installed without native
# code: it runs on Numba, and says so at import. A compiler that works and stops at an error of ours is an error.

# Sets `result` to why there is no C++ compiler that works, or to nothing.
function(segpost_compiler_problem result)
    set(${result} "" PARENT_SCOPE)
    if(segpost_compiler_works)
        return()
    endif()
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/csrc/cmake/probe)
    set(build ${CMAKE_CURRENT_BINARY_DIR}/probe)
    set(options -DCMAKE_BUILD_TYPE=Release)
    foreach(name IN ITEMS CMAKE_MAKE_PROGRAM CMAKE_TOOLCHAIN_FILE CMAKE_CXX_COMPILER CMAKE_CXX_COMPILER_TARGET CMAKE_CXX_FLAGS
            CMAKE_SYSROOT CMAKE_OSX_ARCHITECTURES CMAKE_OSX_DEPLOYMENT_TARGET CMAKE_OSX_SYSROOT)
        if(${name})
            list(APPEND options "-D${name}=${${name}}")
        endif()
    endforeach()
    if(CMAKE_GENERATOR_PLATFORM)
        list(APPEND options -A ${CMAKE_GENERATOR_PLATFORM})
    endif()
    if(CMAKE_GENERATOR_TOOLSET)
        list(APPEND options -T ${CMAKE_GENERATOR_TOOLSET})
    endif()
    file(REMOVE_RECURSE ${build})
    execute_process(
        COMMAND ${CMAKE_COMMAND} -S ${source} -B ${build} -G ${CMAKE_GENERATOR} ${options}
        OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE failed)
    if(NOT failed)
        execute_process(COMMAND ${CMAKE_COMMAND} --build ${build}
            OUTPUT_VARIABLE built ERROR_VARIABLE built RESULT_VARIABLE failed)
        string(APPEND output "${built}")
    endif()
    if(NOT failed)
        set(segpost_compiler_works TRUE CACHE INTERNAL "The probe of the C++ compiler was built")
        return()
    endif()
    set(segpost_compiler_output "${output}" PARENT_SCOPE)
    if(output MATCHES "segpost: ([^\n]+)")
        set(problem "${CMAKE_MATCH_1}")
        if(built MATCHES "(error: [^\n]+)")
            string(APPEND problem ": ${CMAKE_MATCH_1}")
        endif()
    elseif(output MATCHES "The C\\+\\+ compiler[ \n]+\"([^\"]+)\"")
        set(problem "the C++ compiler ${CMAKE_MATCH_1} does not work")
    elseif(output MATCHES "No CMAKE_CXX_COMPILER could be found")
        set(problem "no C++ compiler was found")
    else()
        set(problem "no C++ compiler works")
    endif()
    set(${result} "${problem}" PARENT_SCOPE)
endfunction()

# Installs the file from which the package knows at import that it has no native code, and why.
function(segpost_without_native problem)
    if(SEGPOST_REQUIRE_NATIVE)
        message(NOTICE "${segpost_compiler_output}") # and a line that begins with a space is not broken
        message(FATAL_ERROR " SEGPOST_REQUIRE_NATIVE=${SEGPOST_REQUIRE_NATIVE}, but ${problem}")
    endif()
    message(NOTICE
        "segpost is built WITHOUT native code: ${problem}.\n"
        "It runs on Numba, which is slower. SEGPOST_REQUIRE_NATIVE=1 makes this an error that shows the compiler's output.")
    set(marker ${CMAKE_CURRENT_BINARY_DIR}/without_native.txt)
    file(WRITE ${marker} "${problem}\n")
    install(FILES ${marker} DESTINATION segpost)
endfunction()
